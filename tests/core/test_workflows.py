"""A run with a workflow: steps as events, words from the model, one answer with its result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import EngineUnavailable, InvalidRequest
from notebook_agents.core.events import EventBody, WorkflowStepFinished, WorkflowStepStarted
from notebook_agents.core.ports import Patch
from notebook_agents.core.runs import Limits, Run
from notebook_agents.core.users import Actor
from notebook_agents.core.workflows import WorkflowAnswer, WorkflowTask
from notebook_agents.testing import ScriptedEngine
from notebook_agents.testing.store import MemoryStore

ANN = Actor(user_id="ann", username="ann")
MakeCore = Callable[..., Core]


async def nothing(_task: WorkflowTask) -> None:
    """The middle of a workflow that computes at once."""


class Doubling:
    """Doubles the parameter ``n`` and lets the model say so."""

    name = "doubling"

    def __init__(self, middle: Callable[[WorkflowTask], Awaitable[None]] = nothing) -> None:
        self._middle = middle
        self.tasks: list[WorkflowTask] = []

    async def check(self, actor: Actor, parameters: Mapping[str, Any]) -> None:
        if not isinstance(parameters.get("n"), int):
            raise InvalidRequest("n must be a number", field="n")

    async def work(self, task: WorkflowTask) -> AsyncGenerator[EventBody | WorkflowAnswer, None]:
        self.tasks.append(task)
        yield WorkflowStepStarted(step="double", agent="doubler", progress=0)
        await self._middle(task)
        doubled = 2 * task.parameters["n"]
        yield WorkflowStepFinished(step="double", agent="doubler", progress=50)
        yield WorkflowStepStarted(step="report", agent="writer", progress=50)
        text = await task.write("Say what came out.", f"The result is {doubled}.")
        yield WorkflowStepFinished(step="report", agent="writer", progress=100)
        yield WorkflowAnswer(text=text, result={"doubled": doubled})


async def test_a_run_of_a_workflow_has_steps_words_and_a_result(
    make_core: MakeCore, driver: Any
) -> None:
    engine, doubling = ScriptedEngine("It is six."), Doubling()
    core = make_core(engine=engine, workflows={"doubling": doubling})
    run = await driver.finish(core, "double 3", workflow="doubling", parameters={"n": 3})
    assert (run.state, run.text, run.result) == ("succeeded", "It is six.", {"doubled": 6})
    assert (run.n_steps, run.usage.output_tokens, run.tools) == (1, 3, ())
    (request,) = engine.requests
    assert [m.text for m in request.messages] == ["Say what came out.", "The result is 6."]
    assert not request.tools
    (task,) = doubling.tasks
    assert (task.message, task.actor.user_id, task.actor.is_admin) == ("double 3", "ann", False)
    assert await driver.roles(core, run) == ["user", "assistant"]
    events = await driver.events(core, run)
    assert [e.type for e in events if e.type != "text_delta"] == [
        "run_queued",
        "run_started",
        "workflow_step_started",
        "workflow_step_finished",
        "workflow_step_started",
        "model_started",
        "model_finished",
        "workflow_step_finished",
        "run_finished",
    ]
    assert events[0].body.workflow == "doubling"
    assert events[-1].body.result == {"doubled": 6}
    assert [e.run_seq for e in events] == list(range(1, len(events) + 1))
    await core.aclose()


async def test_the_next_run_of_the_conversation_sees_the_answer(
    make_core: MakeCore, driver: Any
) -> None:
    doubling = Doubling()
    core = make_core("It is six.", "Eight.", workflows={"doubling": doubling})
    first = await driver.finish(core, "3", workflow="doubling", parameters={"n": 3})
    await driver.finish(
        core,
        "4",
        workflow="doubling",
        parameters={"n": 4},
        conversation_id=first.conversation_id,
    )
    assert [m.text for m in doubling.tasks[1].history] == ["3", "It is six.", "4"]
    await core.aclose()


@pytest.mark.parametrize(
    ("wish", "field"),
    [({"workflow": "dance"}, "workflow"), ({"workflow": "doubling", "parameters": {}}, "n")],
)
async def test_what_a_workflow_cannot_work_with_is_refused_before_there_is_a_run(
    make_core: MakeCore, driver: Any, wish: dict[str, Any], field: str
) -> None:
    core = make_core(workflows={"doubling": Doubling()})
    with pytest.raises(InvalidRequest) as caught:
        await driver.start(core, **wish)
    assert caught.value.details["field"] == field
    assert (await core.conversations.list(ANN)).total == 0
    await core.aclose()


async def test_a_workflow_is_cancelled_where_it_waits(make_core: MakeCore, driver: Any) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def forever(_task: WorkflowTask) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    core = make_core(workflows={"doubling": Doubling(forever)})
    run = await driver.start(core, workflow="doubling", parameters={"n": 3})
    await started.wait()
    run = await core.runs.cancel(ANN, run.id)
    assert (run.state, run.text, run.result) == ("cancelled", "", {})
    assert ended.is_set()
    follow = await driver.finish(core, "and now?", conversation_id=run.conversation_id)
    assert follow.text == "You said: and now?"
    await core.aclose()


async def test_cancelling_while_the_model_writes_keeps_what_there_is(
    make_core: MakeCore, driver: Any
) -> None:
    engine = ScriptedEngine("It is six.")
    engine.gate = asyncio.Event()
    core = make_core(engine=engine, workflows={"doubling": Doubling()})
    run = await driver.start(core, workflow="doubling", parameters={"n": 3})
    async with aclosing(core.runs.events(ANN, run.id)) as events:
        async for event in events:
            if event.type == "text_delta":
                run = await core.runs.cancel(ANN, run.id)
    assert (run.state, run.text) == ("cancelled", "It")
    await core.aclose()


async def test_a_workflow_has_the_limits_of_its_run(make_core: MakeCore, driver: Any) -> None:
    async def forever(_task: WorkflowTask) -> None:
        await asyncio.Event().wait()

    async def chatty(task: WorkflowTask) -> None:
        await task.write("Say", "one")

    wish: dict[str, Any] = {"workflow": "doubling", "parameters": {"n": 3}}
    core = make_core(workflows={"doubling": Doubling(forever)})
    run = await driver.finish(core, limits=Limits(timeout_s=0.05), **wish)
    assert (run.state, run.error_code) == ("timed_out", "limit_exceeded")
    await core.aclose()
    core = make_core(workflows={"doubling": Doubling(chatty)})
    run = await driver.finish(core, limits=Limits(max_steps=1), **wish)
    assert (run.state, run.error_code, run.n_steps) == ("failed", "limit_exceeded", 1)
    await core.aclose()


async def test_an_error_of_the_model_ends_the_run_and_says_why(
    make_core: MakeCore, driver: Any
) -> None:
    core = make_core(EngineUnavailable("it died"), workflows={"doubling": Doubling()})
    run = await driver.finish(core, workflow="doubling", parameters={"n": 3})
    assert (run.state, run.error_code, run.error_message) == (
        "failed",
        "engine_unavailable",
        "it died",
    )
    await core.aclose()


async def test_a_workflow_that_ends_without_an_answer_is_our_mistake(
    make_core: MakeCore, driver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Silent(Doubling):
        async def work(
            self, task: WorkflowTask
        ) -> AsyncGenerator[EventBody | WorkflowAnswer, None]:
            yield WorkflowStepStarted(step="nothing")

    core = make_core(workflows={"doubling": Silent()})
    run = await driver.finish(core, workflow="doubling", parameters={"n": 3})
    assert (run.state, run.error_message) == ("failed", "internal error")
    await core.aclose()
    assert "ended without an answer" in caplog.text


async def test_a_result_that_was_only_in_the_log_is_stored_by_the_next_process(
    make_core: MakeCore, driver: Any
) -> None:
    store = MemoryStore()
    core = make_core("It is six.", store=store, workflows={"doubling": Doubling()})
    done = await driver.finish(core, workflow="doubling", parameters={"n": 3})
    died: dict[str, Any] = {
        "state": "running",
        "result": {},
        "text": "",
        "ended_at": None,
        "holder": "dead",
    }
    await store.commit(Patch(kind=Run, id=done.id, fields=died))
    assert await core.runs.recover() == 1
    run = await core.runs.get(ANN, done.id)
    assert (run.state, run.text, run.result) == ("succeeded", "It is six.", {"doubled": 6})
    await core.aclose()


async def test_a_workflow_whose_process_died_is_interrupted(
    make_core: MakeCore, driver: Any
) -> None:
    async def forever(_task: WorkflowTask) -> None:
        await asyncio.Event().wait()

    store = MemoryStore()
    core = make_core(store=store, workflows={"doubling": Doubling(forever)})
    run = await driver.start(core, workflow="doubling", parameters={"n": 3})
    async with aclosing(core.runs.events(ANN, run.id)) as events:
        async for event in events:
            if event.type == "workflow_step_started":
                break
    await store.commit(Patch(kind=Run, id=run.id, fields={"holder": "dead"}))
    assert await core.runs.recover() == 1
    run = await core.runs.get(ANN, run.id)
    assert (run.state, run.result) == ("interrupted", {})
    await core.aclose()
