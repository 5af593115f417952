"""Executions: their states, what follows from each, and that nothing happens twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from notebook_agents.core import execution_service
from notebook_agents.core.conversations import Conversation, ConversationSettings
from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound
from notebook_agents.core.events import Event
from notebook_agents.core.executions import (
    MARK,
    Execution,
    ListExecutions,
    Outcome,
    StartExecution,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.messages import user_message
from notebook_agents.core.ports import Insert, Patch
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.core.tasks import CreateTask, Task, TaskChanges, TaskSettings
from notebook_agents.core.users import Actor, User
from notebook_agents.testing import FakeClock, MemoryStore, ScriptedRunner

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob", is_admin=True)
FAILED = Outcome(state="failed", error_code="cell_failed", error_message="no", failed_cell=2)

Make = Callable[..., Core]


async def make_task(core: Core, **settings: Any) -> Task:
    wish = CreateTask(name="t", prompt_template="{{a}}", settings=TaskSettings(**settings))
    return await core.tasks.create(ANN, wish)


async def start(core: Core, task: Task, **wish: Any) -> Execution:
    given = {"variables": {"a": "hello"}, **wish}
    return await core.executions.start(ANN, StartExecution(task_id=task.id, **given))


async def finish(core: Core, task: Task, **wish: Any) -> Execution:
    return await core.executions.wait(ANN, (await start(core, task, **wish)).id)


async def events_of(core: Core, execution: Execution, after: int = 0) -> list[Event]:
    async with aclosing(core.executions.events(ANN, execution.id, after=after)) as events:
        return [event async for event in events]


async def test_S_38_S_39_an_execution_works_in_the_background_and_tells(
    make_closed_core: Make,
) -> None:
    runner = ScriptedRunner(None)
    core = make_closed_core(task_runner=runner)
    execution = await start(core, await make_task(core))
    await runner.is_working.wait()
    assert core.executions.is_busy()
    working = await core.executions.get(ANN, execution.id)
    assert (working.state, working.parameters) == ("running", {"prompt": "hello"})
    runner._stops[execution.id].set()
    bodies = [event.body for event in await events_of(core, execution)]
    types = ["execution_queued", "execution_started", "cell_started", "cell_finished"]
    assert [body.type for body in bodies] == [*types, "execution_finished"]
    assert [getattr(body, "seq", 0) for body in bodies] == [1, 2, 3, 4, 5]
    assert [e.type for e in await events_of(core, execution, after=4)] == ["execution_finished"]
    conversation = await core.conversations.get(ANN, execution.conversation_id)
    assert (conversation.mode, conversation.title) == ("background", "t")


async def test_missing_and_unknown_variables_are_named(make_closed_core: Make) -> None:
    core = make_closed_core(task_runner=ScriptedRunner())
    task = await make_task(core)
    with pytest.raises(InvalidRequest, match="'a' has no value"):
        await start(core, task, variables={})
    with pytest.raises(InvalidRequest, match="no variable 'b'; it has: a"):
        await start(core, task, variables={"a": 1, "b": 2})
    with_default = await make_task(core, variables={"a": 3})
    assert (await start(core, with_default, variables={})).parameters == {"prompt": "3"}
    assert (await core.executions.list(ANN, ListExecutions(task_id=task.id))).total == 0


async def test_what_nobody_can_be_asked_is_denied_but_for_tools_that_were_named(
    make_closed_core: Make,
) -> None:
    core = make_closed_core(task_runner=ScriptedRunner())
    policies = []
    for tools in (None, ("python_executor",)):
        task = await make_task(core, agent=ConversationSettings(tools=tools))
        execution = await start(core, task)
        conversation = await core.conversations.get(ANN, execution.conversation_id)
        policies.append(conversation.settings.policy)
    assert all(policy is not None for policy in policies)
    assert {policy.write for policy in policies if policy} == {"deny"}
    assert {policy.external for policy in policies if policy} == {"deny"}


async def test_an_inactive_task_is_not_executed(make_closed_core: Make) -> None:
    core = make_closed_core(task_runner=ScriptedRunner())
    task = await make_task(core)
    await core.tasks.update(ANN, task.id, TaskChanges(is_active=False))
    with pytest.raises(Conflict, match="not active"):
        await start(core, task)


async def test_what_failed_is_tried_again_later_and_later_and_so_often(
    make_closed_core: Make,
) -> None:
    clock, runner = FakeClock(), ScriptedRunner(FAILED, FAILED, FAILED)
    core = make_closed_core(task_runner=runner, clock=clock)
    task = await make_task(core, max_retries=2, backoff_s=100)
    execution: Execution | None = await finish(core, task)
    chain = []
    while execution is not None:
        chain.append(execution)
        next_id = execution.followed_by
        execution = await core.executions.wait(ANN, next_id) if next_id else None
    assert [(each.attempt, each.trigger, each.state) for each in chain] == [
        (1, "manual", "failed"), (2, "retry", "failed"), (3, "retry", "failed"),
    ]  # fmt: skip
    assert len({each.conversation_id for each in chain}) == 3
    starts = [each.started_at for each in chain if each.started_at]
    assert [round((b - a).total_seconds(), -2) for a, b in pairwise(starts)] == [100, 200]
    assert chain[0].failed_cell == 2


async def test_a_cancelled_execution_keeps_what_there_is(make_closed_core: Make) -> None:
    runner = ScriptedRunner(None)
    core = make_closed_core(task_runner=runner)
    execution = await start(core, await make_task(core, max_retries=3))
    await runner.is_working.wait()
    ended = await core.executions.cancel(ANN, execution.id)
    assert (ended.state, ended.error_code, ended.followed_by) == ("cancelled", "cancelled", "")
    assert await core.executions.cancel(ANN, execution.id) == ended
    artifact, content = await core.executions.artifact(ANN, execution.id, "executed.ipynb")
    assert artifact.size_bytes == len(content)
    with pytest.raises(NotFound):
        await core.executions.artifact(ANN, execution.id, "../store.db")


async def test_an_execution_has_only_so_much_time(make_closed_core: Make) -> None:
    clock, runner = FakeClock(), ScriptedRunner(None)
    core = make_closed_core(task_runner=runner, clock=clock)
    execution = await start(core, await make_task(core, timeout_s=60))
    await runner.is_working.wait()
    clock.advance(61)
    ended = await core.executions.wait(ANN, execution.id)
    assert (ended.state, ended.error_code) == ("timed_out", "time_limit")
    assert "60 s" in ended.error_message


async def test_so_many_run_at_once_and_the_others_wait_their_turn(make_closed_core: Make) -> None:
    runner = ScriptedRunner(None, places=1)
    core = make_closed_core(task_runner=runner)
    task = await make_task(core)
    first = await start(core, task)
    await runner.is_working.wait()
    second = await start(core, task)
    third = await start(core, task)
    assert (await core.executions.cancel(ANN, third.id)).state == "cancelled"
    assert (await core.executions.get(ANN, second.id)).state == "queued"
    await core.executions.cancel(ANN, first.id)
    assert (await core.executions.wait(ANN, second.id)).state == "succeeded"
    assert [each.id for each in runner.ran] == [first.id, second.id]


async def test_there_are_only_so_many_at_once_and_files_of_the_newest(
    make_closed_core: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_service, "MAX_OPEN", 2)
    monkeypatch.setattr(execution_service, "KEPT", 2)
    runner = ScriptedRunner(FAILED, FAILED, FAILED, None)
    core = make_closed_core(task_runner=runner, clock=FakeClock(tick_s=1))
    task = await make_task(core)
    ended = [await finish(core, task) for _ in range(3)]
    await start(core, task)
    await runner.is_working.wait()
    await start(core, task)
    with pytest.raises(Conflict, match="not finished"):
        await start(core, task)
    assert not await core.executions.artifacts(ANN, ended[0].id)
    await core.executions.cancel(ANN, runner.ran[3].id)
    with pytest.raises(Conflict, match="the newest 2"):
        await core.executions.resume(ANN, ended[0].id)


class Broken(ScriptedRunner):
    """A runner that cannot begin."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def run(self, *_: Any) -> Outcome:
        raise self._error


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InvalidRequest("it is gone", field="notebook_path"), "invalid_notebook", "it is gone"),
        (OSError("/secret/path is full"), "internal", "internal error"),
    ],
)
async def test_what_cannot_begin_has_failed(
    make_closed_core: Make, error: Exception, code: str, message: str
) -> None:
    core = make_closed_core(task_runner=Broken(error))
    ended = await finish(core, await make_task(core))
    assert (ended.state, ended.error_code, ended.error_message) == ("failed", code, message)


async def test_an_id_is_started_once(make_closed_core: Make) -> None:
    core = make_closed_core(task_runner=ScriptedRunner())
    task, id = await make_task(core), new_id()
    await start(core, task, id=id)
    with pytest.raises(Conflict):
        await start(core, task, id=id)
    assert (await core.executions.list(ANN, ListExecutions(task_id=task.id))).total == 1


class SharedStore(MemoryStore):
    """A store with other processes, of which some have died."""

    alive: tuple[str, ...] = ("memory",)

    async def is_alive(self, holder: str) -> bool:
        return holder in self.alive


@pytest.mark.parametrize("on_interrupt", ["mark", "resume"])
async def test_what_died_with_its_server_is_marked_or_goes_on_once(
    make_closed_core: Make, on_interrupt: str
) -> None:
    runner, store = ScriptedRunner(None), SharedStore()
    core = make_closed_core(task_runner=runner, store=store, is_server=True)
    core.executions.lead_kernels(Way())
    task = await make_task(core, on_interrupt=on_interrupt)
    execution = await start(core, task, is_deferred=True)
    dead = {"state": "running", "holder": "dead", "started_at": execution.created_at}
    await store.commit(Patch(kind=Execution, id=execution.id, fields=dead))
    assert [await core.executions.recover(), await core.executions.recover()] == [1, 0]
    ended = await core.executions.wait(ANN, execution.id)
    assert (ended.state, ended.error_code) == ("interrupted", "interrupted")
    assert (await events_of(core, execution))[-1].type == "execution_finished"
    page = await core.executions.list(ANN, ListExecutions(task_id=task.id))
    if on_interrupt == "mark":
        assert page.total == 1
        return
    await runner.is_working.wait()
    assert (page.total, page.items[0].resumes) == (2, execution.id)
    assert page.items[0].conversation_id == execution.conversation_id
    await core.executions.cancel(ANN, page.items[0].id)
    assert [each.id for each in runner.ran] == [page.items[0].id]


async def test_what_only_waited_at_a_dead_server_begins_at_another(make_closed_core: Make) -> None:
    runner, store = ScriptedRunner(), SharedStore()
    core = make_closed_core(task_runner=runner, store=store, is_server=True)
    task = await make_task(core)
    execution = await start(core, task, is_deferred=True)
    assert execution.holder == ""
    await store.commit(Patch(kind=Execution, id=execution.id, fields={"holder": "dead"}))
    assert await core.executions.recover() == 1
    core.executions.lead_kernels(Way())
    assert (await core.executions.wait(ANN, execution.id)).state == "succeeded"
    assert runner.ways == [{"URL": "here"}]


class Way:
    def open(self, owner_id: str) -> dict[str, str]:
        assert owner_id == ANN.user_id
        return {"URL": "here"}

    def close(self, way: object) -> None:
        assert way == {"URL": "here"}


async def test_one_of_another_process_ends_there(make_closed_core: Make) -> None:
    store = SharedStore()
    here, there = ScriptedRunner(), ScriptedRunner(None)
    core, other = (
        make_closed_core(task_runner=here, store=store),
        make_closed_core(task_runner=there, store=store),
    )
    execution = await start(other, await make_task(core))
    await there.is_working.wait()
    assert (await core.executions.cancel(ANN, execution.id)).stop_wish == "cancel"
    assert (await core.executions.wait(ANN, execution.id)).state == "cancelled"


async def test_a_server_that_stops_leaves_it_to_the_next(make_closed_core: Make) -> None:
    runner, store = ScriptedRunner(None), SharedStore()
    core = make_closed_core(task_runner=runner, store=store)
    execution = await start(core, await make_task(core, on_interrupt="resume"))
    await runner.is_working.wait()
    await core.aclose()
    stored = await store.get(Execution, execution.id)
    assert stored is not None
    assert stored.state == "interrupted"
    follower = await store.get(Execution, stored.followed_by)
    assert follower is not None
    assert (follower.state, follower.holder) == ("queued", "")


async def test_going_on_is_for_what_did_not_succeed_and_happens_once(
    make_closed_core: Make,
) -> None:
    core = make_closed_core(task_runner=ScriptedRunner(FAILED, Outcome(state="succeeded")))
    failed = await finish(core, await make_task(core))
    resumed = await core.executions.resume(ANN, failed.id)
    assert (resumed.trigger, resumed.resumes, resumed.attempt) == ("resume", failed.id, 2)
    assert (await core.executions.wait(ANN, resumed.id)).state == "succeeded"
    for id in (failed.id, resumed.id):
        with pytest.raises(Conflict):
            await core.executions.resume(ANN, id)
    with pytest.raises(NotFound):
        await core.executions.resume(BOB, failed.id)


async def engaged(core: Core, execution: Execution) -> Any:
    user = User(
        id="ann",
        username="ann",
        email="ann@x.y",
        created_at=execution.created_at,
        updated_at=execution.created_at,
    )
    if await core._ports.store.get(User, "ann") is None:
        await core._ports.store.commit(Insert(record=user))
    return await core.engagements.get(execution.id)


async def ask(core: Core, execution: Execution, text: str) -> Run:
    engagement = await engaged(core, execution)
    conversation: Conversation = engagement.conversation
    wish = StartRun(
        agent_id=conversation.agent_id,
        conversation_id=conversation.id,
        message=user_message(text),
        metadata={MARK: execution.id},
        limits=await core.engagements.limits(engagement),
    )
    return await core.runs.wait(ANN, (await core.runs.start(ANN, wish)).id)


async def test_what_was_answered_is_known_to_the_one_that_goes_on(make_closed_core: Make) -> None:
    runner = ScriptedRunner(None, None)
    core = make_closed_core("yes", task_runner=runner)
    execution = await start(core, await make_task(core))
    await runner.is_working.wait()
    run = await ask(core, execution, "really?")
    await core.executions.cancel(ANN, execution.id)
    resumed = await core.executions.resume(ANN, execution.id)
    await runner.is_working.wait()
    engagement = await engaged(core, resumed)
    assert engagement.recorded(0, "really?") == run
    assert engagement.recorded(0, "sure?") is None
    assert engagement.recorded(1, "really?") is None
    await core.executions.cancel(ANN, resumed.id)
    with pytest.raises(Conflict):
        await core.engagements.get(resumed.id)
    assert replace(resumed, id=execution.id).conversation_id == execution.conversation_id
