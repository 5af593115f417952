"""States, archives and templates on real databases, with two servers of one database."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.agents import ASSISTANT
from notebook_agents.core.conversations import ListConversations, StartConversation
from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import StartRun
from notebook_agents.core.templates import CreateTemplate, ListTemplates
from notebook_agents.core.users import Actor
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import ScriptedEngine, fake_core

ANN = Actor(user_id="ann", username="ann")


async def opened(url: str, home: Path, engine: ScriptedEngine) -> Core:
    def work() -> Core:
        store = SqlStore.open(url, Holders(home / "holders" / secrets.token_hex(4)))
        return fake_core(store=store, engine=engine, home=home / "work")

    return await asyncio.get_running_loop().run_in_executor(None, work)


async def say(core: Core, id: str) -> Any:
    wish = StartRun(agent_id="", conversation_id=id, message=user_message("hi"))
    return await core.runs.start(ANN, wish)


async def test_what_one_server_moves_and_archives_the_other_sees(url: str, tmp_path: Path) -> None:
    begun, ends = asyncio.Event(), asyncio.Event()

    async def answer(_request: Any) -> str:
        begun.set()
        await ends.wait()
        return "one"

    engine = ScriptedEngine(answer)
    one, two = [await opened(url, tmp_path, each) for each in (engine, ScriptedEngine())]
    agent = await one.agents.ensure(ANN, ASSISTANT)
    wish = StartConversation(agent_id=agent.id, mode="background")
    conversation = await one.conversations.start(ANN, wish)
    run = await say(one, conversation.id)
    await begun.wait()
    held = await two.conversations.select(ANN, ListConversations(state="processing"))
    assert [each.id for each in held.items] == [conversation.id]
    with pytest.raises(Conflict, match="not finished"):
        await two.archives.create(ANN, conversation.id)
    ends.set()
    await one.runs.wait(ANN, run.id)
    done = await two.conversations.select(ANN, ListConversations(mode="background"))
    assert [each.state for each in done.items] == ["completed"]
    archive = await two.archives.create(ANN, conversation.id)
    assert await one.archives.get(ANN, conversation.id) == archive
    with pytest.raises(Conflict, match="archived"):
        await say(one, conversation.id)
    await one.conversations.delete(ANN, conversation.id)
    with pytest.raises(NotFound):
        await two.archives.get(ANN, conversation.id)
    template = await one.templates.create(ANN, CreateTemplate(name="A", category="Straße"))
    found = await two.templates.list(ANN, ListTemplates(category="STRASSE"))
    assert found.items == (template,)
    await one.aclose()
    await two.aclose()
