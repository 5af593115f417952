"""A server stays up while something works on it, or soon will."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.executions import StartExecution
from notebook_agents.core.schedule_plans import SchedulePlan
from notebook_agents.core.tasks import CreateTask, Task
from notebook_agents.core.users import Actor
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import fake_core
from notebook_agents.testing.tasks import ScriptedRunner
from notebook_agents_server.activity import Activity

ANN = Actor(user_id="ann", username="ann")


@pytest.fixture
def core(tmp_path: Path) -> Core:
    runner = ScriptedRunner(None)
    return fake_core(home=tmp_path, timetable=CronTimetable(), task_runner=runner)


async def make(core: Core, cron: str = "") -> Task:
    plan = SchedulePlan(cron=cron) if cron else None
    return await core.tasks.create(ANN, CreateTask(name="t", prompt_template="x", schedule=plan))


async def test_a_task_that_is_due_soon_keeps_the_server(core: Core) -> None:
    times: dict[str, datetime] = {}
    activity = Activity(core, times, timeout_s=600)
    await make(core, "0 9 * * *")
    await activity.look()
    assert not activity.is_busy(), "it is midnight"
    assert times == {}
    quarter = await make(core, "5 0 * * *")
    await activity.look()
    assert activity.is_busy()
    assert (datetime.now(UTC) - times["notebook_agents"]).total_seconds() < 60
    await core.schedules.pause(ANN, quarter)
    await activity.look()
    assert not activity.is_busy()


async def test_without_a_timeout_of_the_server_the_hubs_usual_one_counts(core: Core) -> None:
    activity = Activity(core, {}, timeout_s=0)
    await make(core, "30 0 * * *")
    await activity.look()
    assert activity.is_busy()


async def test_an_execution_that_works_keeps_the_server(core: Core) -> None:
    task = await make(core)
    activity = Activity(core, {}, timeout_s=600)
    assert not activity.is_busy()
    execution = await core.executions.start(ANN, StartExecution(task_id=task.id))
    assert activity.is_busy()
    await core.executions.cancel(ANN, execution.id)
    await core.executions.wait(ANN, execution.id)
    await core.aclose()
