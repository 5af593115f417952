"""Runs work whoever watches, stream from any event on, and end in the state that fits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, EngineUnavailable, InvalidRequest, NotFound
from notebook_agents.core.events import RunFinished, TextDelta, Warned
from notebook_agents.core.journal import SUBSCRIBER_EVENTS, Subscription
from notebook_agents.core.loop import TOOL_OUTPUT_EVENTS
from notebook_agents.core.messages import AttachmentPart, user_message
from notebook_agents.core.models import (
    GenerateChunk,
    GenerateFinished,
    GenerateRequest,
    GenerateText,
    Usage,
)
from notebook_agents.core.policy import ASK_POLICY, HEADLESS_POLICY
from notebook_agents.core.runs import ApprovalDecision, Limits, StartRun
from notebook_agents.core.tools import ToolInvocation, ToolResult
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine, ScriptedTools, call

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob")
MakeCore = Callable[..., Core]


async def test_an_answer_is_streamed_kept_and_counted(make_core: MakeCore, driver: Any) -> None:
    core = make_core("Hello dear reader")
    run = await driver.start(core)
    events = await driver.events(core, run)
    text = "".join(e.body.text for e in events if isinstance(e.body, TextDelta))
    assert text == "Hello dear reader"
    assert [e.run_seq for e in events] == list(range(1, len(events) + 1))
    final = await core.runs.get(ANN, run.id)
    assert (final.state, final.text, final.usage) == (
        "succeeded",
        "Hello dear reader",
        Usage(input_tokens=1, output_tokens=3),
    )
    assert await driver.roles(core, run) == ["user", "assistant"]
    await core.aclose()


async def test_a_stream_resumes_after_any_event(make_core: MakeCore, driver: Any) -> None:
    core = make_core([call("python_executor", code="1")], "Done")
    run = await driver.finish(core)
    events = await driver.events(core, run)
    for after in range(len(events)):
        assert await driver.events(core, run, after) == events[after:]
    await core.aclose()


async def test_leaving_a_stream_does_not_stop_the_run(make_core: MakeCore, driver: Any) -> None:
    engine = ScriptedEngine("one two three")
    engine.gate = asyncio.Event()
    core = make_core(engine=engine)
    run = await driver.start(core)
    async with aclosing(core.runs.events(ANN, run.id)) as events:
        async for event in events:
            if isinstance(event.body, TextDelta):
                break
    engine.gate.set()
    assert (await core.runs.wait(ANN, run.id)).text == "one two three"
    await core.aclose()


async def test_several_tool_calls_run_at_the_same_time(make_core: MakeCore, driver: Any) -> None:
    barrier = asyncio.Barrier(2)

    async def meet(name: str) -> str:
        """Wait for the other one."""
        await barrier.wait()
        return f"met as {name}"

    core = make_core(
        [call("meet", name="a"), call("meet", name="b")],
        "Done",
        tools=ScriptedTools({"meet": meet}),
    )
    run = await driver.finish(core)
    assert sorted(c.content for c in run.tool_calls) == ["met as a", "met as b"]
    assert await driver.roles(core, run) == ["user", "assistant", "tool", "assistant"]
    await core.aclose()


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        (call("python_executor"), "INVALID_ARGUMENTS"),
        (call("python_executor", code="1", colour="red"), "INVALID_ARGUMENTS"),
        (replace(call("python_executor"), invalid="not JSON"), "INVALID_ARGUMENTS"),
        (call("nonsense"), "UNKNOWN_TOOL"),
    ],
)
async def test_a_wrong_call_is_told_to_the_model(
    make_core: MakeCore, driver: Any, wish: Any, error: str
) -> None:
    engine = ScriptedEngine(wish, "I see")
    core = make_core(engine=engine)
    run = await driver.finish(core)
    assert (run.state, run.tool_calls[0].error_type) == ("succeeded", error)
    told = engine.requests[1].messages[-1].tool_results[0]
    assert told.is_error
    assert told.content.startswith("Error: ")
    await core.aclose()


async def test_a_failing_tool_is_told_to_the_model(make_core: MakeCore, driver: Any) -> None:
    def broken() -> str:
        """Fail."""
        raise ZeroDivisionError("by zero")

    engine = ScriptedEngine(call("broken"), "Sorry")
    core = make_core(engine=engine, tools=ScriptedTools({"broken": broken}))
    run = await driver.finish(core)
    assert run.text == "Sorry"
    assert "by zero" in engine.requests[1].messages[-1].tool_results[0].content
    await core.aclose()


@pytest.mark.parametrize(
    ("limits", "limit"),
    [(Limits(max_steps=2), "model steps"), (Limits(max_tokens=2), "output tokens")],
)
async def test_a_budget_ends_the_run(
    make_core: MakeCore, driver: Any, limits: Limits, limit: str
) -> None:
    core = make_core(*[[call("python_executor", code="1")]] * 5)
    run = await driver.finish(core, limits=limits)
    assert (run.state, run.error_code) == ("failed", "limit_exceeded")
    assert limit in run.error_message
    await core.aclose()


async def test_the_time_limit_ends_the_run_with_its_partial_text(
    make_core: MakeCore, driver: Any
) -> None:
    engine = ScriptedEngine("one two")
    engine.gate = asyncio.Event()
    core = make_core(engine=engine)
    run = await driver.finish(core, limits=Limits(timeout_s=0.05))
    assert (run.state, run.text) == ("timed_out", "one")
    assert engine.n_closed == 1
    await core.aclose()


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


async def test_an_engine_failure_ends_the_run_with_its_reason(
    make_core: MakeCore, driver: Any
) -> None:
    core = make_core(EngineUnavailable("the worker died"), "fine again")
    run = await driver.finish(core)
    assert (run.state, run.error_code, run.error_message) == (
        "failed",
        "engine_unavailable",
        "the worker died",
    )
    assert (await driver.finish(core, conversation_id=run.conversation_id)).state == "succeeded"
    await core.aclose()


async def test_an_unknown_failure_is_an_internal_error_without_its_text(
    make_core: MakeCore, driver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    core = make_core(RuntimeError("secret detail"))
    run = await driver.finish(core)
    await core.aclose()
    assert (run.state, run.error_message) == ("failed", "internal error")
    assert "secret detail" in caplog.text, "it is logged once for the administrator"


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


async def test_foreign_runs_do_not_exist(make_core: MakeCore, driver: Any) -> None:
    core = make_core("Hello")
    run = await driver.finish(core)
    for use in (core.runs.get, core.runs.cancel, core.runs.wait):
        with pytest.raises(NotFound):
            await use(BOB, run.id)
    with pytest.raises(NotFound):
        await core.conversations.get(BOB, run.conversation_id)
    await core.aclose()


async def test_wrong_input_names_its_field(make_core: MakeCore, driver: Any) -> None:
    core = make_core("Hello")
    wishes: list[tuple[str, dict[str, Any]]] = [
        ("message", {"text": "  "}),
        ("model", {"model": "notebook-agents/tinny"}),
        ("tools", {"tools": ("hammer",)}),
    ]
    for field, wish in wishes:
        with pytest.raises(InvalidRequest) as error:
            await driver.start(core, **({"text": "hi"} | wish))
        assert error.value.details["field"] == field
    await core.aclose()


async def test_attached_files_are_saved_and_named_to_the_model(
    make_core: MakeCore, driver: Any
) -> None:
    engine = ScriptedEngine("Seen")
    core = make_core(engine=engine)
    agent_run = await driver.finish(core)
    file = AttachmentPart(kind="file", name="../../a b.csv", content="x\n1\n")
    wish = StartRun(
        agent_id="",
        conversation_id=agent_run.conversation_id,
        message=user_message("look", [file]),
    )
    run = await core.runs.start(ANN, wish)
    await core.runs.wait(ANN, run.id)
    assert "Files: a b.csv" in engine.requests[-1].messages[0].text
    await core.aclose()


async def test_weak_isolation_is_a_warning_event(make_core: MakeCore, driver: Any) -> None:
    tools = ScriptedTools({"go": lambda: "went"}, enforced_level="low")
    core = make_core([call("go"), call("go")], "Done", tools=tools)
    run = await driver.finish(core)
    warnings = [e.body for e in await driver.events(core, run) if isinstance(e.body, Warned)]
    assert [w.code for w in warnings] == ["sandbox_low"]
    assert "not a sandbox" in warnings[0].message
    await core.aclose()


async def test_closing_the_core_interrupts_its_runs(make_core: MakeCore, driver: Any) -> None:
    engine = ScriptedEngine("one two")
    engine.gate = asyncio.Event()
    core = make_core(engine=engine)
    run = await driver.start(core)
    async with aclosing(core.runs.events(ANN, run.id)) as events:
        async for event in events:
            if isinstance(event.body, TextDelta):
                break
    await core.aclose()
    final = await core.runs.get(ANN, run.id)
    assert (final.state, final.text) == ("interrupted", "one")


async def test_a_subscriber_that_falls_behind_is_closed_with_a_reason(
    make_core: MakeCore, driver: Any
) -> None:
    core = make_core("Hello")
    event = (await driver.events(core, await driver.finish(core)))[0]
    subscription = Subscription(lambda _event: True)
    for _ in range(SUBSCRIBER_EVENTS + 1):
        subscription.offer(event)
    for _ in range(SUBSCRIBER_EVENTS):
        assert await subscription.next() == event
    with pytest.raises(Exception, match="fell behind"):
        await subscription.next()
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


async def test_messages_that_do_not_fit_the_model_are_a_warning_event(
    make_core: MakeCore, driver: Any
) -> None:
    class Forgetful(ScriptedEngine):
        async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
            yield GenerateText(text="Hello")
            yield GenerateFinished(finish_reason="stop", n_dropped=4)

    core = make_core(engine=Forgetful())
    run = await driver.finish(core)
    warnings = [e.body for e in await driver.events(core, run) if isinstance(e.body, Warned)]
    assert [w.code for w in warnings] == ["context"]
    assert "first 4 messages" in warnings[0].message
    await core.aclose()
