"""Runs can be cancelled, queue up, and wait for a person; the conversation always goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, EngineUnavailable
from notebook_agents.core.events import Event, RunFinished, TextDelta, ToolFinished
from notebook_agents.core.history import INTERRUPTED_RESULT
from notebook_agents.core.loop import TOOL_OUTPUT_EVENTS
from notebook_agents.core.policy import ASK_POLICY, HEADLESS_POLICY
from notebook_agents.core.ports import Change
from notebook_agents.core.runs import ApprovalDecision
from notebook_agents.core.tools import ToolInvocation, ToolResult
from notebook_agents.core.users import Actor
from notebook_agents.testing import MemoryStore, ScriptedEngine, ScriptedTools, call

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob")
MakeCore = Callable[..., Core]


async def test_cancel_keeps_the_partial_text_and_closes_the_stream(
    make_core: MakeCore, driver: Any
) -> None:
    engine = ScriptedEngine("one two three", "next answer")
    engine.gate = asyncio.Event()
    core = make_core(engine=engine)
    run = await driver.start(core)
    async with aclosing(core.runs.events(ANN, run.id)) as events:
        async for event in events:
            if isinstance(event.body, TextDelta):
                run = await core.runs.cancel(ANN, run.id)
            if isinstance(event.body, RunFinished):
                assert event.body.state == "cancelled"
    assert (run.state, run.text, engine.n_closed) == ("cancelled", "one", 1)
    assert await core.runs.cancel(ANN, run.id) == run
    engine.gate.set()
    follow = await driver.finish(core, conversation_id=run.conversation_id)
    assert follow.text == "next answer"
    assert await driver.roles(core, run) == ["user", "assistant"] * 2
    await core.aclose()


async def test_cancel_stops_a_running_tool_and_the_conversation_goes_on(
    make_core: MakeCore, driver: Any
) -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def forever() -> str:
        """Never end."""
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return ""

    engine = ScriptedEngine(call("forever"), "on we go")
    core = make_core(engine=engine, tools=ScriptedTools({"forever": forever}))
    run = await driver.start(core)
    await started.wait()
    run = await core.runs.cancel(ANN, run.id)
    assert run.state == "cancelled"
    assert stopped.is_set()
    follow = await driver.finish(core, conversation_id=run.conversation_id)
    assert follow.text == "on we go"
    roles = [message.role for message in engine.requests[-1].messages]
    assert roles == ["user", "assistant", "tool", "user"], "the orphan call got a result"
    await core.aclose()


async def test_a_run_waits_for_approval_and_goes_on(make_core: MakeCore, driver: Any) -> None:
    tools = ScriptedTools({"write": lambda path: f"wrote {path}"}, effects={"write": "write"})
    core = make_core(
        [call("write", "c1", path="a"), call("write", "c2", path="b")], "Ok", tools=tools
    )
    run = await driver.finish(core)
    assert run.state == "waiting_approval"
    assert [p.call.call_id for p in run.pending] == ["c1", "c2"]
    assert tools.invocations == []
    yes = ApprovalDecision(call_id="c1", is_approved=True)
    await core.runs.decide(ANN, run.id, [yes])
    run = await core.runs.wait(ANN, run.id)
    assert [(c.id, c.status) for c in run.tool_calls] == [("c1", "succeeded"), ("c2", "denied")]
    assert run.state == "succeeded"
    with pytest.raises(Conflict):
        await core.runs.decide(ANN, run.id, [yes])
    await core.aclose()


async def test_a_waiting_run_can_be_cancelled(make_core: MakeCore, driver: Any) -> None:
    core = make_core(call("python_executor", code="1"), "on we go")
    run = await driver.finish(core, policy=ASK_POLICY)
    assert (await core.runs.cancel(ANN, run.id)).state == "cancelled"
    assert (await driver.finish(core, conversation_id=run.conversation_id)).text == "on we go"
    await core.aclose()


async def test_what_nobody_can_answer_is_denied(make_core: MakeCore, driver: Any) -> None:
    tools = ScriptedTools({"write": lambda: "wrote"}, effects={"write": "write"})
    core = make_core(call("write"), "Ok", tools=tools)
    run = await driver.finish(core, policy=HEADLESS_POLICY)
    assert (run.state, run.tool_calls[0].status, tools.invocations) == ("succeeded", "denied", [])
    await core.aclose()


async def test_runs_of_a_conversation_queue_by_default(make_core: MakeCore, driver: Any) -> None:
    engine = ScriptedEngine("first answer", "second answer", "third answer")
    engine.gate = asyncio.Event()
    core = make_core(engine=engine)
    first = await driver.start(core, "1")
    later = [await driver.start(core, t, conversation_id=first.conversation_id) for t in "23"]
    assert [(await core.runs.get(ANN, r.id)).state for r in later] == ["queued", "queued"]
    engine.gate.set()
    texts = [(await core.runs.wait(ANN, r.id)).text for r in (first, *later)]
    assert texts == ["first answer", "second answer", "third answer"]
    nodes = await core.conversations.messages(ANN, first.conversation_id)
    assert [n.message.text for n in nodes if n.message.role == "user"] == ["1", "2", "3"]
    await core.aclose()


async def test_reject_interrupt_and_rollback(make_core: MakeCore, driver: Any) -> None:
    engine = ScriptedEngine("first answer", "second answer", "third answer")
    engine.gate = asyncio.Event()
    core = make_core(engine=engine)
    first = await driver.start(core, "1")
    conversation = first.conversation_id
    with pytest.raises(Conflict):
        await driver.start(core, "x", conversation_id=conversation, on_busy="reject")
    async with aclosing(core.runs.events(ANN, first.id)) as events:
        async for event in events:
            if isinstance(event.body, TextDelta):
                break
    second = await driver.start(core, "2", conversation_id=conversation, on_busy="interrupt")
    assert (await core.runs.get(ANN, first.id)).state == "cancelled"
    async with aclosing(core.runs.events(ANN, second.id)) as events:
        async for event in events:
            if isinstance(event.body, TextDelta):
                break
    third = await driver.start(core, "3", conversation_id=conversation, on_busy="rollback")
    engine.gate.set()
    await core.runs.wait(ANN, third.id)
    nodes = await core.conversations.messages(ANN, conversation)
    assert [n.message.text for n in nodes] == ["1", "first", "3", "third answer"]
    await core.aclose()


async def test_a_queued_run_can_be_cancelled(make_core: MakeCore, driver: Any) -> None:
    engine = ScriptedEngine("first answer")
    engine.gate = asyncio.Event()
    core = make_core(engine=engine)
    first = await driver.start(core)
    second = await driver.start(core, conversation_id=first.conversation_id)
    assert (await core.runs.cancel(ANN, second.id)).state == "cancelled"
    engine.gate.set()
    assert (await core.runs.wait(ANN, first.id)).state == "succeeded"
    await core.aclose()


async def test_a_cancel_keeps_the_results_of_tools_that_had_ended(
    make_core: MakeCore, driver: Any
) -> None:
    hanging = asyncio.Event()

    async def work(how: str) -> str:
        """End at once, or never."""
        if how == "never":
            hanging.set()
            await asyncio.Event().wait()
        return "done and paid for"

    engine = ScriptedEngine([call("work", "1", how="at once"), call("work", "2", how="never")])
    core = make_core(engine=engine, tools=ScriptedTools({"work": work}))
    run = await driver.start(core)
    async with aclosing(core.runs.events(ANN, run.id)) as events:
        async for event in events:
            if event.type == "tool_finished":
                break
    await hanging.wait()
    await core.runs.cancel(ANN, run.id)
    nodes = await core.conversations.messages(ANN, run.conversation_id)
    results = nodes[-1].message.tool_results
    assert [(r.call_id, r.is_error) for r in results] == [("1", False), ("2", True)]
    assert results[0].content == "done and paid for"
    await core.aclose()


async def test_a_cancel_while_a_result_is_written_keeps_it_and_ends_the_run(
    make_core: MakeCore, driver: Any
) -> None:
    class SlowStore(MemoryStore):
        is_slow = False
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def commit(self, *changes: Change) -> None:
            if self.is_slow:
                self.begun.set()
                await self.may_end.wait()
            await super().commit(*changes)

    store = SlowStore()

    def work() -> str:
        """From its end on, writing takes long."""
        store.is_slow = True
        return "paid for"

    core = make_core(call("work", "1"), "on", store=store, tools=ScriptedTools({"work": work}))
    run = await driver.start(core)
    await store.begun.wait()
    cancelling = asyncio.gather(core.runs.cancel(ANN, run.id))
    await asyncio.sleep(0)
    store.is_slow = False
    store.may_end.set()
    [run] = await cancelling
    assert (run.state, [c.content for c in run.tool_calls]) == ("cancelled", ["paid for"])
    assert await driver.roles(core, run) == ["user", "assistant", "tool"]
    assert (await driver.finish(core, conversation_id=run.conversation_id)).text == "on"
    await core.aclose()


async def test_a_call_that_is_broken_off_leaves_what_it_has_printed(
    make_core: MakeCore, driver: Any
) -> None:
    class Printing(ScriptedTools):
        async def run(self, invocation: ToolInvocation) -> ToolResult:
            invocation.on_output("half\n")
            await asyncio.Event().wait()
            raise AssertionError

    core = make_core([call("work", "1"), call("work", "2")], tools=Printing({"work": lambda: ""}))
    run = await driver.start(core)
    async with aclosing(core.runs.events(ANN, run.id)) as events:
        bodies = [event.body async for event in _until_printed(events, 2)]
        run = await core.runs.cancel(ANN, run.id)
        bodies += [event.body async for event in events]
    words = f"half\n{INTERRUPTED_RESULT}"
    ended = [body for body in bodies if isinstance(body, ToolFinished)]
    assert [(b.call_id, b.status, b.content) for b in ended] == [
        ("1", "cancelled", words), ("2", "cancelled", words)
    ]  # fmt: skip
    assert [(c.status, c.content) for c in run.tool_calls] == [("cancelled", words)] * 2
    nodes = await core.conversations.messages(ANN, run.conversation_id)
    assert [r.content for r in nodes[-1].message.tool_results] == [words] * 2
    await core.aclose()


async def _until_printed(
    events: AsyncGenerator[Event, None], n: int
) -> AsyncGenerator[Event, None]:
    async for event in events:
        yield event
        n -= event.type == "tool_output"
        if not n:
            return


async def test_cancelling_talkative_tools_does_not_hang(make_core: MakeCore, driver: Any) -> None:
    both = asyncio.Barrier(3)

    class Talkative(ScriptedTools):
        async def run(self, invocation: ToolInvocation) -> ToolResult:
            for _ in range(TOOL_OUTPUT_EVENTS * 2):
                invocation.on_output("x")
            await both.wait()
            await asyncio.Event().wait()
            raise AssertionError

    tools = Talkative({"talk": lambda n: n})
    core = make_core([call("talk", "1", n=""), call("talk", "2", n="")], tools=tools)
    run = await driver.start(core)
    await both.wait()
    async with asyncio.timeout(10):
        assert (await core.runs.cancel(ANN, run.id)).state == "cancelled"
    await core.aclose()


async def test_a_question_without_an_answer_is_not_asked_again(
    make_core: MakeCore, driver: Any
) -> None:
    engine = ScriptedEngine(EngineUnavailable("down"), "fine again")
    core = make_core(engine=engine)
    run = await driver.finish(core, "old")
    await driver.finish(core, "new", conversation_id=run.conversation_id)
    assert [m.text for m in engine.requests[-1].messages] == ["new"]
    nodes = await core.conversations.messages(ANN, run.conversation_id)
    assert [n.message.text for n in nodes] == ["old", "new", "fine again"]
    await core.aclose()
