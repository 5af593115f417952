"""Somebody else holds the database: wait a little, say so when it takes long, and go on after."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import StartRun

from .scripted_server import ANN, durable_core


async def test_a_lock_is_waited_for_and_then_told_and_nothing_is_half_written(
    tmp_path: Path,
) -> None:
    core = durable_core(tmp_path, 10)
    agent = await core.agents.create(ANN, CreateAgent(name="a", tools=("python_executor",)))
    wish = StartRun(agent_id=agent.id, message=user_message("question"))
    other = sqlite3.connect(tmp_path / "store.db", check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    letting_go = threading.Timer(0.5, other.rollback)
    letting_go.start()
    run = await core.runs.start(ANN, wish)
    assert (await core.runs.wait(ANN, run.id)).state == "succeeded"
    letting_go.join()
    before = (await core.conversations.list(ANN)).total
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable, match="locked"):
        await core.runs.start(ANN, wish)
    other.rollback()
    assert (await core.conversations.list(ANN)).total == before
    again = await core.runs.start(ANN, wish)
    assert (await core.runs.wait(ANN, again.id)).state == "succeeded"
    other.close()
    await core.aclose()
