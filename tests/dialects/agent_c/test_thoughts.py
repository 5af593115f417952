"""Thoughts that a model writes down: in the chat, among the events and in an interaction."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.dialects.agent_c.conftest import chat, initialize

from notebook_agents.core.core import Core
from notebook_agents.testing import FakeSandbox, ScriptedEngine, call, fake_core
from notebook_agents.tools.registry import Registry
from notebook_agents_server.testing import Client

THOUGHT = "First look, then count."


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    """With the real tool for thoughts."""
    tools = Registry.from_entry_points(FakeSandbox(), enabled=["think"])
    return fake_core(engine=engine, home=tmp_path / "workspaces", tools=tools)


async def test_C_73_C_80_a_thought_is_told_in_the_chat_and_read_back(
    both: Client, engine: ScriptedEngine
) -> None:
    engine.script = [call("think", thought=THOUGHT), "There are three."]
    session = await initialize(both)
    said = await chat(both, session, "how many?")
    (thought,) = [each for each in said if each["type"] == "thought_delta"]
    assert (thought["data"], thought["format"]) == (THOUGHT, "text")
    (event,) = (await both.get(f"/events/{session}?event_types=THOUGHT_DELTA")).json
    assert (event["type"], event["role"], event["content"]) == (
        "thought_delta", "assistant", THOUGHT
    )  # fmt: skip
    details = (await both.get(f"/interactions/{session}")).json
    assert details["has_thinking"] is True
    assert details["event_types"]["thought_delta"] == 1
    assert details["tool_calls"] == ["think"]


async def test_without_a_thought_there_is_no_thinking(both: Client, engine: ScriptedEngine) -> None:
    engine.script = [call("think", thought=""), "Nothing to think about."]
    session = await initialize(both)
    said = await chat(both, session, "hello")
    assert "thought_delta" not in {each["type"] for each in said}
    assert (await both.get(f"/interactions/{session}")).json["has_thinking"] is False
    assert (await both.get(f"/events/{session}?event_types=thought_delta")).status == 404
