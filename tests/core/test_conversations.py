"""A conversation is a pointer: forks share messages, deleting one keeps the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.agents import AgentChanges, CreateAgent
from notebook_agents.core.conversations import (
    ConversationChanges,
    ForkConversation,
    StartConversation,
)
from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound
from notebook_agents.core.messages import AttachmentPart, user_message
from notebook_agents.core.policy import ASK_POLICY
from notebook_agents.core.runs import ListRuns, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.testing import FakeSandbox, ScriptedEngine, call

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob")
MakeCore = Callable[..., Core]


async def test_fork_shares_messages(make_core: MakeCore, driver: Any) -> None:
    core = make_core("one", "two", "three")
    run = await driver.finish(core, "1")
    await driver.finish(core, "2", conversation_id=run.conversation_id)
    nodes = await core.conversations.messages(ANN, run.conversation_id)
    fork = await core.conversations.fork(ANN, run.conversation_id, ForkConversation(at=nodes[1].id))
    assert await core.conversations.messages(ANN, fork.id) == nodes[:2]
    assert (fork.message_count, fork.forked_from) == (2, run.conversation_id)
    await driver.finish(core, "3", conversation_id=fork.id)
    texts = [n.message.text for n in await core.conversations.messages(ANN, fork.id)]
    assert texts == ["1", "one", "3", "three"]
    assert await core.conversations.messages(ANN, run.conversation_id) == nodes
    with pytest.raises(InvalidRequest):
        await core.conversations.fork(ANN, run.conversation_id, ForkConversation(at="nowhere"))
    await core.aclose()


async def test_deleting_a_conversation_keeps_its_forks(make_core: MakeCore, driver: Any) -> None:
    core = make_core("one")
    run = await driver.finish(core, "1")
    fork = await core.conversations.fork(ANN, run.conversation_id)
    original = await core.conversations.delete(ANN, run.conversation_id)
    assert not Path(original.workspace).exists()
    with pytest.raises(NotFound):
        await core.conversations.get(ANN, run.conversation_id)
    assert len(await core.conversations.messages(ANN, fork.id)) == 2
    await core.aclose()


async def test_a_busy_conversation_is_not_deleted(make_core: MakeCore, driver: Any) -> None:
    core = make_core(call("python_executor", code="1"))
    run = await driver.finish(core, policy=ASK_POLICY)
    with pytest.raises(Conflict):
        await core.conversations.delete(ANN, run.conversation_id)
    await core.aclose()


async def test_each_conversation_has_a_folder_unless_it_names_one(
    make_core: MakeCore, tmp_path: Path
) -> None:
    core = make_core()
    folder = tmp_path / "mine"
    folder.mkdir()
    agent = await core.agents.create(ANN, CreateAgent(name="a"))
    own = await core.conversations.start(ANN, StartConversation(agent_id=agent.id))
    assert Path(own.workspace).is_dir()
    named = await core.conversations.start(
        ANN, StartConversation(agent_id=agent.id, workspace=str(folder))
    )
    await core.conversations.delete(ANN, named.id)
    assert folder.is_dir(), "a folder its owner named is never removed"
    for wrong in (folder / "no", Path(own.workspace), folder / ".." / "work" / own.id):
        with pytest.raises(InvalidRequest):
            await core.conversations.start(
                ANN, StartConversation(agent_id=agent.id, workspace=str(wrong))
            )
    await core.aclose()


async def test_an_attached_file_never_goes_through_a_link(
    make_core: MakeCore, driver: Any, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("untouched")
    core = make_core("seen", "seen")
    run = await driver.finish(core)
    conversation = await core.conversations.get(ANN, run.conversation_id)
    Path(conversation.workspace, "data.csv").symlink_to(outside)
    file = AttachmentPart(kind="file", name="data.csv", content="x")
    wish = StartRun(
        agent_id="", conversation_id=conversation.id, message=user_message("look", [file])
    )
    await core.runs.wait(ANN, (await core.runs.start(ANN, wish)).id)
    assert outside.read_text() == "untouched"
    assert Path(conversation.workspace, "data.csv").read_text() == "x"
    await core.aclose()


async def test_code_of_the_product_runs_at_the_level_of_the_tools_and_is_on_record(
    make_core: MakeCore, driver: Any
) -> None:
    sandbox = FakeSandbox()
    core = make_core("hello", sandbox=sandbox)
    run = await driver.finish(core)
    await core.agents.update(ANN, run.agent_id, AgentChanges(security_level="low"))
    await core.conversations.run_code(ANN, run.conversation_id, "secret = 1")
    (call,) = sandbox.calls
    assert (call.level, call.key, call.owner_id) == ("medium", run.conversation_id, "ann")
    event = (await core.journal.read(run.conversation_id))[-1]
    assert (event.type, event.run_id) == ("code_ran", "")
    assert "secret" not in str(event)
    with pytest.raises(NotFound):
        await core.conversations.run_code(BOB, run.conversation_id, "1")
    await core.aclose()


async def test_a_deleted_conversation_is_gone_with_its_runs_but_kept(
    make_core: MakeCore, driver: Any
) -> None:
    core = make_core("one", "two")
    run, other = await driver.finish(core, "1"), await driver.finish(core, "2")
    await core.conversations.delete(ANN, run.conversation_id)
    assert [c.id for c in (await core.conversations.list(ANN)).items] == [other.conversation_id]
    assert [r.id for r in (await core.runs.list(ANN, ListRuns())).items] == [other.id]
    for gone in (
        core.runs.get(ANN, run.id),
        core.conversations.messages(ANN, run.conversation_id),
        core.conversations.delete(ANN, run.conversation_id),
        driver.start(core, "more", conversation_id=run.conversation_id),
    ):
        with pytest.raises(NotFound):
            await gone
    assert (await core.journal.read(run.conversation_id))[-1].type == "run_finished"
    await core.aclose()


async def test_runs_that_wait_for_their_turn_are_cancelled_too(
    make_core: MakeCore, driver: Any
) -> None:
    engine = ScriptedEngine("one two three")
    engine.gate = asyncio.Event()
    core = make_core(engine=engine)
    first = await driver.start(core, "1")
    second = await driver.start(core, "2", conversation_id=first.conversation_id)
    await core.runs.cancel_all(ANN, first.conversation_id)
    states = [(await core.runs.get(ANN, run.id)).state for run in (first, second)]
    assert states == ["cancelled", "cancelled"]
    await core.conversations.delete(ANN, first.conversation_id)
    await core.aclose()


async def test_a_title_is_changed_and_the_rest_stays(make_core: MakeCore, driver: Any) -> None:
    core = make_core("one")
    run = await driver.finish(core, "1", context={"a": 1})
    before = await core.conversations.get(ANN, run.conversation_id)
    changed = await core.conversations.update(ANN, before.id, ConversationChanges(title="new"))
    assert changed == await core.conversations.get(ANN, before.id)
    assert (changed.title, changed.context, changed.tip_id) == ("new", {"a": 1}, before.tip_id)
    assert changed.updated_at > before.updated_at
    with pytest.raises(NotFound):
        await core.conversations.update(BOB, before.id, ConversationChanges(title="mine"))
    await core.aclose()


async def test_a_full_conversation_takes_no_more(make_core: MakeCore, driver: Any) -> None:
    core = make_core("one")
    run = await driver.finish(core, "1")
    with pytest.raises(InvalidRequest, match="start a new one"):
        await driver.start(core, "2", conversation_id=run.conversation_id, max_messages=2)
    follow = await driver.finish(core, "2", conversation_id=run.conversation_id, max_messages=3)
    assert follow.state == "succeeded"
    await core.aclose()
