"""The one table of conversation states, and that runs move a conversation with every write."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from notebook_agents.core.conversation_states import (
    ARCHIVABLE_STATES,
    HELD_STATES,
    OPEN_STATES,
    STEPS,
    ConversationState,
    check_step,
    left_as,
)
from notebook_agents.core.conversations import Conversation, StartConversation
from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, EngineUnavailable
from notebook_agents.core.policy import ASK_POLICY
from notebook_agents.core.ports import Change, Patch, Query
from notebook_agents.core.runs import ApprovalDecision, Run
from notebook_agents.core.users import Actor
from notebook_agents.testing import MemoryStore, ScriptedEngine, call

ANN = Actor(user_id="ann", username="ann")
MakeCore = Callable[..., Core]


class WatchedStore(MemoryStore):
    """Checks after every write that a kill of the process here would leave nothing wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[ConversationState] = []

    async def commit(self, *changes: Change) -> None:
        await super().commit(*changes)
        for conversation in (await self.find(Conversation, Query())).items:
            run = await self.get(Run, conversation.active_run_id)
            held = run is not None and not run.is_final
            assert held == bool(conversation.active_run_id) == (conversation.state in HELD_STATES)
            if run is not None:
                is_waiting = run.state == "waiting_approval"
                assert conversation.state == ("waiting" if is_waiting else "processing")
            if self.seen[-1:] != [conversation.state]:
                self.seen.append(conversation.state)


async def state_of(core: Core, run: Run) -> ConversationState:
    return (await core.conversations.get(ANN, run.conversation_id)).state


@pytest.mark.parametrize(("now", "then"), list(itertools.product(STEPS, STEPS)))
def test_every_step_is_allowed_or_a_conflict(
    now: ConversationState, then: ConversationState
) -> None:
    if then in STEPS[now]:
        check_step(now, then)
    else:
        with pytest.raises(Conflict, match=f"is {now} and cannot become {then}"):
            check_step(now, then)


def test_what_is_closed_takes_nothing_and_what_is_held_is_not_archived() -> None:
    assert set(STEPS) - set(OPEN_STATES) == {"paused", "terminated", "archived"}
    assert not set(ARCHIVABLE_STATES) & set(HELD_STATES)
    assert left_as("succeeded", "", "interactive") == "active"
    assert left_as("succeeded", "", "background") == "completed"
    assert left_as("cancelled", "cancelled", "background") == "active"
    assert left_as("failed", "limit_exceeded", "forked") == "active"
    assert left_as("failed", "internal", "interactive") == "failed"
    assert left_as("interrupted", "interrupted", "interactive") == "failed"


async def test_a_run_moves_its_conversation_in_the_writes_that_take_and_free_it(
    make_core: MakeCore, driver: Any
) -> None:
    store = WatchedStore()
    script = ["one", EngineUnavailable("gone"), call("python_executor", "c1", code="1"), "done"]
    core = make_core(*script, store=store)
    run = await driver.finish(core)
    assert store.seen == ["created", "processing", "active"]
    await driver.finish(core, conversation_id=run.conversation_id)
    assert store.seen[3:] == ["processing", "failed"]
    wish: dict[str, Any] = {"conversation_id": run.conversation_id, "policy": ASK_POLICY}
    asked = await driver.finish(core, **wish)
    assert store.seen[5:] == ["processing", "waiting"]
    queued = await driver.start(core, "later", conversation_id=run.conversation_id)
    await core.runs.decide(ANN, asked.id, [ApprovalDecision(call_id="c1", is_approved=True)])
    await core.runs.wait(ANN, queued.id)
    assert store.seen[7:] == ["processing", "active", "processing", "active"]
    await core.aclose()


async def test_cancelling_a_run_that_waits_frees_its_conversation(
    make_core: MakeCore, driver: Any
) -> None:
    store = WatchedStore()
    core = make_core(call("python_executor", code="1"), store=store)
    run = await driver.finish(core, policy=ASK_POLICY)
    assert await state_of(core, run) == "waiting"
    await core.runs.cancel(ANN, run.id)
    assert store.seen == ["created", "processing", "waiting", "processing", "active"]
    await core.aclose()


async def test_a_background_conversation_is_completed_and_still_goes_on(
    make_core: MakeCore, driver: Any
) -> None:
    core = make_core("one", "two")
    agent = (await driver.finish(core)).agent_id
    wish = StartConversation(agent_id=agent, mode="background")
    conversation = await core.conversations.start(ANN, wish)
    run = await driver.finish(core, conversation_id=conversation.id)
    assert await state_of(core, run) == "completed"
    again = await driver.finish(core, conversation_id=conversation.id)
    assert again.state == "succeeded"
    await core.aclose()


class ClosingStore(MemoryStore):
    """Another server closes a conversation in the moment in which no run has it."""

    closes_as: ConversationState | None = None

    async def commit(self, *changes: Change) -> None:
        await super().commit(*changes)
        for change in changes:
            if isinstance(change, Patch) and change.fields.get("active_run_id") == "":
                fields = {"state": self.closes_as}
                await super().commit(Patch(kind=Conversation, id=change.id, fields=fields))


@pytest.mark.parametrize("closed", ["archived", "terminated", "paused"])
async def test_a_closed_conversation_takes_no_run_not_even_one_that_was_queued(
    make_core: MakeCore, driver: Any, closed: ConversationState
) -> None:
    store, engine = ClosingStore(), ScriptedEngine("one two three")
    engine.gate, store.closes_as = asyncio.Event(), closed
    core = make_core(engine=engine, store=store)
    first = await driver.start(core)
    queued = await driver.start(core, conversation_id=first.conversation_id)
    engine.gate.set()
    ended = await core.runs.wait(ANN, queued.id)
    assert (ended.state, ended.error_code) == ("failed", "conflict")
    assert closed in ended.error_message
    with pytest.raises(Conflict, match=closed):
        await driver.start(core, conversation_id=first.conversation_id)
    assert await state_of(core, first) == closed
    await core.aclose()
