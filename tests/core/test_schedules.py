"""Schedules change with their tasks, and their ticks are met once, whoever looks and dies."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound
from notebook_agents.core.events import SYSTEM_STREAM
from notebook_agents.core.executions import Execution, StartExecution
from notebook_agents.core.journal import Journal
from notebook_agents.core.ports import Insert, Patch, Query
from notebook_agents.core.schedule_events import ScheduleFired
from notebook_agents.core.schedule_plans import SchedulePlan
from notebook_agents.core.schedule_work import (
    BROKEN_POLL_S,
    LEASE_S,
    MAX_CATCH_UP,
    POLL_S,
    ScheduleWork,
    SchedulingPorts,
    execution_id_of,
    variables_at,
)
from notebook_agents.core.schedules import Schedule, SchedulePorts, Schedules
from notebook_agents.core.spawn import Supervisor
from notebook_agents.core.tasks import Task
from notebook_agents.core.users import Actor
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import FakeClock, MemoryEventLog, MemoryStore

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob")
START = datetime(2026, 1, 1, tzinfo=UTC)


class Started:
    """Executions that are only kept."""

    def __init__(self, store: MemoryStore, clock: FakeClock) -> None:
        self._store, self._clock = store, clock
        self.accounts = {"ann": ANN}
        self.cancelled: list[str] = []
        self.fails: Exception | None = None
        self.dies_after_it = False

    async def actor_of(self, owner_id: str) -> Actor | None:
        return self.accounts.get(owner_id)

    async def start(self, actor: Actor, wish: StartExecution) -> Execution:
        if self.fails is not None:
            raise self.fails
        execution = Execution(
            id=wish.id,
            task_id=wish.task_id,
            owner_id=actor.user_id,
            trigger=wish.trigger,
            scheduled_for=wish.scheduled_for,
            variables=dict(wish.variables),
            conversation_id="c",
            agent_id="a",
            created_at=self._clock.now(),
        )
        await self._store.commit(Insert(record=execution))
        if self.dies_after_it:
            raise RuntimeError("killed")
        return execution

    async def cancel(self, actor: Actor, id: str) -> Execution:
        self.cancelled.append(id)
        return await self.end(id)

    async def end(self, id: str) -> Execution:
        await self._store.commit(Patch(kind=Execution, id=id, fields={"state": "cancelled"}))
        execution = await self._store.get(Execution, id)
        assert execution is not None
        return execution


class Deployment:
    """A task with a schedule, and servers that look for what is due."""

    def __init__(self) -> None:
        self.store, self.clock, self.log = MemoryStore(), FakeClock(tick_s=0.0), MemoryEventLog()
        self.executions = Started(self.store, self.clock)
        self.schedules = Schedules(
            SchedulePorts(store=self.store, clock=self.clock, timetable=CronTimetable())
        )

    def server(self, executions: Started | None = None, **ports: Any) -> ScheduleWork:
        return ScheduleWork(
            SchedulingPorts(
                store=self.store,
                journal=Journal(self.log, self.clock),
                clock=self.clock,
                supervisor=Supervisor(),
                timetable=CronTimetable(),
                executions=executions or self.executions,
                **ports,
            )
        )

    async def task(self, **plan: Any) -> Task:
        task = Task(
            id="t",
            owner_id="ann",
            name="daily",
            prompt_template="hi",
            schedule=SchedulePlan(cron="* * * * *", **plan),
            created_at=START,
            updated_at=START,
        )
        changes = await self.schedules.changes(task, None)
        await self.store.commit(Insert(record=task), *changes)
        return task

    async def change(self, task: Task, **changes: Any) -> Task:
        changed = replace(task, **changes)
        await self.store.commit(*await self.schedules.changes(changed, task))
        return changed

    async def ticks(self) -> list[str]:
        """The ticks that have been met, in order, with how long the execution lasts so far."""
        page = await self.store.find(Execution, Query(limit=1000, oldest_first=True))
        return sorted(f"{e.scheduled_for:%H:%M}" for e in page.items if e.scheduled_for)

    async def get(self) -> Schedule:
        return await self.schedules.get(ANN, "t")

    def said(self) -> list[tuple[str, str]]:
        return [
            (e.type, getattr(e.body, "reason", ""))
            for e in self.log.events
            if e.stream == SYSTEM_STREAM and e.user_id == "ann"
        ]


@pytest.fixture
def deployment() -> Deployment:
    return Deployment()


async def test_S_35_a_tick_starts_an_execution_and_the_next_one_follows(
    deployment: Deployment,
) -> None:
    await deployment.task(variables={"date": "today"})
    server = deployment.server()
    assert await server.fire_due() == 0
    deployment.clock.advance(61)
    assert await server.fire_due() == 1
    assert await server.fire_due() == 0
    schedule = await deployment.get()
    assert schedule.n_fired == 1
    assert schedule.last_tick_at == START + timedelta(minutes=1)
    assert schedule.next_run_at == START + timedelta(minutes=2)
    execution = await deployment.store.get(Execution, schedule.last_execution_id)
    assert execution is not None
    assert (execution.trigger, execution.variables) == ("schedule", {"date": "today"})
    assert deployment.said() == [("schedule_fired", "")]
    fired = [e.body for e in deployment.log.events if isinstance(e.body, ScheduleFired)]
    assert [body.task_name for body in fired] == ["daily"]


async def test_a_prompt_may_ask_for_the_date_and_time_of_the_tick(deployment: Deployment) -> None:
    task = await deployment.task(timezone="Asia/Tokyo", variables={"time": "noon"})
    asking = replace(task, prompt_template="Logs of {{date}} at {{time}} in {{scheduled_for}}")
    tick = CronTimetable().local(datetime(2026, 3, 1, 20, tzinfo=UTC), "Asia/Tokyo")
    assert variables_at(tick, asking) == {
        "date": "2026-03-02",
        "time": "noon",
        "scheduled_for": "2026-03-02T05:00:00+09:00",
    }
    assert variables_at(tick, task) == {"time": "noon"}


async def test_a_tick_while_an_earlier_execution_works_is_left_out(deployment: Deployment) -> None:
    await deployment.task()
    server = deployment.server()
    for _ in range(3):
        deployment.clock.advance(61)
        await server.fire_due()
    assert await deployment.ticks() == ["00:01"]
    assert deployment.said()[1:] == [("schedule_skipped", "busy")] * 2
    await deployment.executions.end(execution_id_of("t", START + timedelta(minutes=1)))
    deployment.clock.advance(60)
    assert await server.fire_due() == 1


async def test_an_execution_that_somebody_asked_for_does_not_count(deployment: Deployment) -> None:
    await deployment.task()
    by_hand = StartExecution(id="m", task_id="t")
    await deployment.executions.start(ANN, by_hand)
    deployment.clock.advance(61)
    assert await deployment.server().fire_due() == 1


async def test_a_tick_may_wait_for_the_earlier_execution(deployment: Deployment) -> None:
    await deployment.task(overlap="queue")
    server = deployment.server()
    deployment.clock.advance(61)
    assert await server.fire_due() == 1
    deployment.clock.advance(60)
    assert await server.fire_due() == 0
    await deployment.executions.end((await deployment.get()).last_execution_id)
    deployment.clock.advance(2)
    assert await server.fire_due() == 1
    assert await deployment.ticks() == ["00:01", "00:02"]


async def test_a_tick_may_end_the_earlier_execution(deployment: Deployment) -> None:
    await deployment.task(overlap="cancel_previous")
    server = deployment.server()
    for _ in range(2):
        deployment.clock.advance(61)
        assert await server.fire_due() == 1
    assert deployment.executions.cancelled == [execution_id_of("t", START + timedelta(minutes=1))]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({}, ["03:20"]),
        ({"catch_up": "skip", "grace_s": 10}, []),
        ({"catch_up": "skip", "grace_s": 60}, ["03:20"]),
    ],
)
async def test_missed_ticks_are_caught_up_with_as_planned(
    deployment: Deployment, plan: Any, expected: list[str]
) -> None:
    await deployment.task(**plan)
    deployment.clock.advance(200 * 60 + 30)
    await deployment.server().fire_due()
    assert await deployment.ticks() == expected
    assert (await deployment.get()).next_run_at == START + timedelta(minutes=201)


async def test_of_all_missed_ticks_the_newest_are_met_one_after_another(
    deployment: Deployment,
) -> None:
    await deployment.task(catch_up="all", overlap="queue")
    deployment.clock.advance(200 * 60 + 30)
    server = deployment.server()
    while await server.fire_due():
        await deployment.executions.end((await deployment.get()).last_execution_id)
        deployment.clock.advance(1.1)
    ticks = await deployment.ticks()
    assert ticks[0] == "01:41", "of those that were missed, the newest hundred"
    assert ticks[:MAX_CATCH_UP] == [f"{n // 60:02}:{n % 60:02}" for n in range(101, 201)]


async def test_several_servers_meet_each_tick_once(deployment: Deployment) -> None:
    await deployment.task()
    servers = [deployment.server() for _ in range(3)]
    for minute in range(1, 6):
        deployment.clock.advance(60)
        fired = await asyncio.gather(*(server.fire_due() for server in servers))
        assert sum(fired) == 1
        tick = START + timedelta(minutes=minute)
        await deployment.executions.end(execution_id_of("t", tick))
    assert (await deployment.get()).n_fired == 5


@pytest.mark.parametrize("dies_after_it", [False, True])
async def test_what_a_server_claimed_before_it_died_is_met_once(
    deployment: Deployment, dies_after_it: bool
) -> None:
    await deployment.task()
    deployment.clock.advance(61)
    dying = Started(deployment.store, deployment.clock)
    dying.dies_after_it = dies_after_it
    dying.fails = None if dies_after_it else RuntimeError("killed")
    with pytest.raises(RuntimeError, match="killed"):
        await deployment.server(dying).fire_due()
    other = deployment.server()
    assert await other.fire_due() == 0, "the claim still holds"
    deployment.clock.advance(LEASE_S)
    await other.fire_due()
    await other.fire_due()
    assert await deployment.ticks() == ["00:01"]
    assert (await deployment.get()).next_run_at == START + timedelta(minutes=2)


async def test_a_server_that_slept_longer_than_its_claim_changes_nothing(
    deployment: Deployment,
) -> None:
    await deployment.task()
    deployment.clock.advance(61)
    slow, release = Started(deployment.store, deployment.clock), asyncio.Event()
    start = slow.start

    async def slowly(actor: Actor, wish: StartExecution) -> Execution:
        await release.wait()
        if await deployment.store.get(Execution, wish.id):
            raise Conflict("started already")
        return await start(actor, wish)

    slow.start = slowly  # type: ignore[method-assign]
    supervisor = Supervisor()
    sleeping = supervisor.spawn(deployment.server(slow).fire_due(), name="slow")
    await asyncio.sleep(0)
    deployment.clock.advance(LEASE_S)
    assert await deployment.server().fire_due() == 1
    after = await deployment.get()
    release.set()
    assert await sleeping == 0
    assert await deployment.get() == after
    assert len(deployment.said()) == 1
    await supervisor.aclose()


async def test_a_schedule_that_changes_while_it_is_claimed_is_free_at_once(
    deployment: Deployment,
) -> None:
    task = await deployment.task()
    deployment.clock.advance(61)
    deployment.executions.fails = RuntimeError("killed")
    with pytest.raises(RuntimeError):
        await deployment.server().fire_due()
    await deployment.schedules.pause(ANN, task)
    free = await deployment.schedules.resume(ANN, task)
    assert (free.claimed_by, free.claimed_until) == ("", deployment.clock.now())


async def test_what_cannot_start_is_said_and_does_not_stop_the_schedule(
    deployment: Deployment,
) -> None:
    await deployment.task()
    server = deployment.server()
    deployment.executions.fails = InvalidRequest("the variable 'date' is missing")
    deployment.clock.advance(61)
    assert await server.fire_due() == 0
    assert (await deployment.get()).last_skipped_reason == "refused: the variable 'date' is missing"
    deployment.executions.fails = None
    deployment.executions.accounts.clear()
    deployment.clock.advance(60)
    assert await server.fire_due() == 0
    assert [reason for _, reason in deployment.said()] == ["refused", "account"]
    known, minute = await deployment.get(), timedelta(minutes=1)
    assert (known.last_skipped_at, known.next_run_at) == (START + 2 * minute, START + 3 * minute)


async def test_pauses_are_not_caught_up_with(deployment: Deployment) -> None:
    task = await deployment.task()
    server = deployment.server()
    paused = await deployment.schedules.pause(ANN, task)
    assert (paused.is_paused, paused.next_run_at) == (True, None)
    deployment.clock.advance(3600)
    assert await server.fire_due() == 0
    resumed = await deployment.schedules.resume(ANN, task)
    assert resumed == await deployment.schedules.resume(ANN, task) == await deployment.get()
    assert resumed.next_run_at == START + timedelta(minutes=61)


async def test_a_schedule_follows_its_task(deployment: Deployment) -> None:
    task = await deployment.task()
    before = await deployment.get()
    task = await deployment.change(task, schedule=SchedulePlan(cron="* * * * *", overlap="queue"))
    assert await deployment.get() == before
    task = await deployment.change(task, is_active=False)
    assert (await deployment.get()).next_run_at is None
    deployment.clock.advance(600)
    task = await deployment.change(task, is_active=True)
    assert (await deployment.get()).next_run_at == START + timedelta(minutes=11)
    await deployment.change(task, schedule=None)
    with pytest.raises(NotFound):
        await deployment.get()


async def test_a_schedule_whose_task_is_gone_goes_too(deployment: Deployment) -> None:
    await deployment.task()
    await deployment.store.commit(Patch(kind=Task, id="t", fields={"deleted_at": START}))
    deployment.clock.advance(61)
    assert await deployment.server().fire_due() == 0
    assert await deployment.store.get(Schedule, "t") is None


async def test_work_goes_on_after_a_round_that_failed(deployment: Deployment) -> None:
    await deployment.task()
    deployment.clock.advance(61)
    deployment.executions.fails = OSError("the database is away")
    waits: list[float] = []
    has_fired = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        deployment.executions.fails = None
        deployment.clock.advance(LEASE_S)
        if await deployment.ticks():
            has_fired.set()
            await asyncio.Event().wait()

    supervisor = Supervisor()
    working = supervisor.spawn(deployment.server(sleep=sleep).work(), name="schedules")
    await has_fired.wait()
    await supervisor.aclose()
    assert (working.cancelled(), waits[0], waits[1] <= POLL_S) == (True, BROKEN_POLL_S, True)
