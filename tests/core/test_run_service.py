"""Runs work whoever watches, stream from any event on, and end in the state that fits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import EngineUnavailable, InvalidRequest, NotFound
from notebook_agents.core.events import TextDelta, Warned
from notebook_agents.core.journal import SUBSCRIBER_EVENTS, Subscription
from notebook_agents.core.messages import AttachmentPart, user_message
from notebook_agents.core.models import (
    GenerateChunk,
    GenerateFinished,
    GenerateRequest,
    GenerateText,
    Usage,
)
from notebook_agents.core.runs import Limits, StartRun
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
    make_core: MakeCore, driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ScriptedEngine("one two")
    engine.gate = asyncio.Event()
    core = make_core(engine=engine)
    run = await driver.start(core, limits=Limits(timeout_s=3600))
    async with aclosing(core.runs.events(ANN, run.id)) as events:
        while not isinstance((await anext(events)).body, TextDelta):
            pass
    loop = asyncio.get_running_loop()
    time = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + 3600)  # an hour passes in this moment
    run = await core.runs.wait(ANN, run.id)
    assert (run.state, run.text) == ("timed_out", "one")
    assert engine.n_closed == 1
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
    run = await driver.finish(core, model="other/model")
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
