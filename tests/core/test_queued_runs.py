"""What the log is told of a run when it is accepted, and of its conversation when it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from notebook_agents.core.conversations import ForkConversation
from notebook_agents.core.core import Core
from notebook_agents.core.events import Event, RunFinished, RunQueued
from notebook_agents.core.executions import MARK, Execution, StartExecution
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import StartRun
from notebook_agents.core.tasks import CreateTask
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedRunner, call

ANN = Actor(user_id="ann", username="ann")
Make = Callable[..., Core]


async def asked(core: Core, agent_id: str, **wish: Any) -> list[Event]:
    """The events of a run."""
    wish = {"agent_id": agent_id, "message": user_message("hi"), **wish}
    run = await core.runs.start(ANN, StartRun(**wish))
    async with aclosing(core.runs.events(ANN, run.id)) as events:
        return [event async for event in events]


def queued(events: list[Event]) -> RunQueued:
    body = events[0].body
    assert isinstance(body, RunQueued)
    return body


def finished(events: list[Event]) -> RunFinished:
    body = events[-1].body
    assert isinstance(body, RunFinished)
    return body


async def working(core: Core, runner: ScriptedRunner) -> Execution:
    """An execution whose notebook runs."""
    task = await core.tasks.create(ANN, CreateTask(name="t", prompt_template="hi"))
    execution = await core.executions.start(ANN, StartExecution(task_id=task.id))
    await runner.is_working.wait()
    return execution


async def test_a_run_names_the_execution_whose_notebook_asked(make_closed_core: Make) -> None:
    runner = ScriptedRunner(None)
    core = make_closed_core("yes", task_runner=runner)
    execution = await working(core, runner)
    conversation = {"conversation_id": execution.conversation_id}
    mark = {MARK: execution.id}
    body = queued(await asked(core, execution.agent_id, **conversation, metadata=mark))
    assert (body.execution_id, body.task_id) == (execution.id, execution.task_id)
    await core.executions.cancel(ANN, execution.id)
    async with aclosing(core.executions.events(ANN, execution.id)) as told:
        types = [event.type async for event in told]
    assert [name for name in types if name.startswith("run_")] == [], (
        "runs are streams of their own"
    )


async def test_what_clients_say_of_executions_counts_for_nothing(make_closed_core: Make) -> None:
    runner = ScriptedRunner(None)
    core = make_closed_core("a", "b", "c", task_runner=runner)
    execution = await working(core, runner)
    for said in (execution.id, "my secret", 7):
        body = queued(await asked(core, execution.agent_id, metadata={MARK: said}))
        assert (body.execution_id, body.task_id) == ("", "")
    await core.executions.cancel(ANN, execution.id)


async def test_a_run_in_a_fork_names_the_original_and_how_many_messages_there_are(
    make_core: Make, driver: Any
) -> None:
    core = make_core([call("python_executor", code="1")], "Done", "again", "and again")
    run = await driver.finish(core)
    first = await driver.events(core, run)
    assert queued(first).forked_from == ""
    assert finished(first).message_count == 4
    fork = await core.conversations.fork(ANN, run.conversation_id, ForkConversation(n_messages=2))
    there = {"agent_id": run.agent_id, "conversation_id": fork.id}
    later = await asked(core, **there)
    assert queued(later).forked_from == run.conversation_id
    # A call without a result is settled first.
    assert finished(later).message_count == 5
    again = replace(queued(await asked(core, **there)), input_chars=0)
    assert again == replace(queued(later), input_chars=0)
    await core.aclose()
