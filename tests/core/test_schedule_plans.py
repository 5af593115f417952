"""Which plans are taken, what is told of them, and that nobody sees those of others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from notebook_agents.core.errors import InvalidRequest, NotFound, Unsupported
from notebook_agents.core.ports import Insert
from notebook_agents.core.schedule_plans import SchedulePlan
from notebook_agents.core.schedules import SchedulePorts, Schedules
from notebook_agents.core.tasks import Task
from notebook_agents.core.users import Actor
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import FakeClock, MemoryStore

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob")
START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = SchedulePlan(cron="* * * * *")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def schedules(store: MemoryStore) -> Schedules:
    clock = FakeClock(tick_s=0.0)
    return Schedules(SchedulePorts(store=store, clock=clock, timetable=CronTimetable()))


@pytest.fixture
async def task(store: MemoryStore, schedules: Schedules) -> AsyncIterator[Task]:
    task = Task(
        id="t", owner_id="ann", name="daily", schedule=MINUTES, created_at=START, updated_at=START
    )
    await store.commit(Insert(record=task), *await schedules.changes(task, None))
    yield task
    await store.aclose()


async def test_schedules_of_others_are_not_found(schedules: Schedules, task: Task) -> None:
    for ask in (schedules.get(BOB, "t"), schedules.pause(BOB, task), schedules.resume(BOB, task)):
        with pytest.raises(NotFound):
            await ask
    assert list(await schedules.of_tasks(["t", "other"])) == ["t"]
    assert await schedules.of_tasks([]) == {}


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (SchedulePlan(cron="nonsense"), "schedule_cron"),
        (SchedulePlan(cron="* * * * *", timezone="Mars"), "timezone"),
        (SchedulePlan(cron="* * * * *", catch_up="all"), "overlap_policy"),
        (SchedulePlan(cron="* * * * *", grace_s=-1), "misfire_grace_seconds"),
    ],
)
def test_wrong_plans_are_refused(schedules: Schedules, plan: SchedulePlan, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        schedules.check(plan)
    assert caught.value.details["field"] == field


def test_ticks_are_told_before_they_come(schedules: Schedules) -> None:
    assert schedules.preview(MINUTES, 2) == [START + timedelta(minutes=n) for n in (1, 2)]
    for count in (0, 101):
        with pytest.raises(InvalidRequest):
            schedules.preview(MINUTES, count)


def test_a_core_that_is_no_servers_keeps_no_schedules(store: MemoryStore) -> None:
    with pytest.raises(Unsupported):
        Schedules(SchedulePorts(store=store, clock=FakeClock())).check(MINUTES)


async def test_what_is_due_soon_is_known(schedules: Schedules, task: Task) -> None:
    assert not await schedules.is_due_within(59)
    assert await schedules.is_due_within(61)
    await schedules.pause(ANN, task)
    assert not await schedules.is_due_within(61)
