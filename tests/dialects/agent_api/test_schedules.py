"""Tasks run by themselves: when, paused or not, and what is wrong with a schedule."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.dialects.agent_api.conftest import People

from notebook_agents.core.core import Core
from notebook_agents.core.ports import Patch
from notebook_agents.core.schedule_plans import SchedulePlan
from notebook_agents.core.schedules import Schedule
from notebook_agents.core.tasks import CreateTask
from notebook_agents.core.users import Actor
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import ScriptedEngine, fake_core
from notebook_agents.testing.tasks import ScriptedRunner

TASKS = "/api/v1/tasks"
NINE = {"schedule_cron": "0 9 * * *"}


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    return fake_core(
        engine=engine,
        home=tmp_path / "workspaces",
        timetable=CronTimetable(),
        task_runner=ScriptedRunner(),
    )


async def task_of_ann(core: Core, **wish: Any) -> str:
    ann = await core.users.find("ann")
    assert ann is not None
    actor = Actor(user_id=ann.id, username="ann")
    wish = {"name": "Daily Log Analysis", "prompt_template": "Logs from {{date}}"} | wish
    return (await core.tasks.create(actor, CreateTask(**wish))).id


async def test_S_35_a_cron_expression_runs_the_task(people: People, core: Core) -> None:
    id = await task_of_ann(core, schedule=SchedulePlan(cron="0 9 * * *"))
    answer = await people.ann.get(f"{TASKS}/{id}/schedule?count=3")
    assert answer.status == 200, answer.json
    told = answer.json
    assert told["task_id"] == id
    assert told["schedule_cron"] == "0 9 * * *"
    assert told["timezone"] == "UTC"
    assert (told["overlap_policy"], told["catch_up_policy"]) == ("skip", "late_once")
    assert told["is_paused"] is False
    runs = [datetime.fromisoformat(run) for run in told["next_runs"]]
    assert told["next_run_at"] == told["next_runs"][0]
    assert [run.hour for run in runs] == [9, 9, 9]
    assert [(later - run).days for run, later in pairwise(runs)] == [1, 1]


async def test_a_schedule_is_set_paused_resumed_and_removed(people: People, core: Core) -> None:
    id = await task_of_ann(core)
    path = f"{TASKS}/{id}/schedule"
    assert (await people.ann.get(path)).status == 404
    full = {
        **NINE,
        "timezone": "Europe/Berlin",
        "overlap_policy": "queue",
        "catch_up_policy": "all",
        "misfire_grace_seconds": 5,
        "variables": {"date": "today"},
    }
    answer = await people.ann.put(path, full)
    assert answer.status == 200, answer.json
    assert {name: answer.json[name] for name in full} == full
    assert len(answer.json["next_runs"]) == 5
    paused = (await people.ann.post(f"{TASKS}/{id}/pause")).json
    assert (paused["is_paused"], paused["next_run_at"], paused["next_runs"]) == (True, None, [])
    assert (await people.ann.put(path, NINE)).json["is_paused"] is True
    resumed = (await people.ann.post(f"{TASKS}/{id}/resume")).json
    assert resumed["is_paused"] is False
    assert resumed["next_run_at"] is not None
    assert (await people.ann.ask("DELETE", path)).status == 204
    for verb, below in (("GET", "schedule"), ("POST", "pause"), ("POST", "resume")):
        assert (await people.ann.ask(verb, f"{TASKS}/{id}/{below}")).status == 404


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"schedule_cron": "0 25 * * *"}, "schedule_cron", "field 2 of 5, hour, is '25'"),
        ({"schedule_cron": "0 9 * *"}, "schedule_cron", "has 4 fields"),
        ({"timezone": "Mars/Olympus"}, "timezone", "there is no time zone"),
        ({"overlap_policy": "perhaps"}, "overlap_policy", "skip"),
        ({"catch_up_policy": "all"}, "overlap_policy", "queue"),
        ({"misfire_grace_seconds": -1}, "misfire_grace_seconds", "greater"),
        ({"variables": {"day": "today"}}, "variables", "no variable 'day'"),
        ({"surprise": 1}, "surprise", "unknown field"),
    ],
)
async def test_what_is_wrong_with_a_schedule_is_named(
    people: People, core: Core, wrong: Any, field: str, said: str
) -> None:
    id = await task_of_ann(core)
    answer = await people.ann.put(f"{TASKS}/{id}/schedule", NINE | wrong)
    assert answer.status == 422, answer.json
    assert answer.json["errors"][0]["field"] == field
    assert said in answer.json["errors"][0]["message"]
    assert (await people.ann.get(f"{TASKS}/{id}/schedule")).status == 404


async def test_schedules_of_others_are_hidden(people: People, core: Core) -> None:
    id = await task_of_ann(core, schedule=SchedulePlan(cron="0 9 * * *"))
    for verb, below, body in (
        ("GET", "schedule", None),
        ("PUT", "schedule", NINE),
        ("DELETE", "schedule", None),
        ("POST", "pause", None),
        ("POST", "resume", None),
    ):
        answer = await people.bob.ask(verb, f"{TASKS}/{id}/{below}", body)
        assert (answer.status, answer.json["detail"]) == (404, "Task not found")
        assert (await people.nobody.ask(verb, f"{TASKS}/{id}/{below}", body)).status == 401
    assert (await people.ann.get(f"{TASKS}/{id}/schedule")).json["is_paused"] is False


async def test_a_task_that_runs_by_itself_has_values_of_all_its_variables(
    people: People, core: Core
) -> None:
    body = {"name": "t", "prompt_template": "{{file}} of {{date}} {{time}} {{scheduled_for}}"}
    planned = body | {"is_scheduled": True, **NINE}
    answer = await people.ann.post(TASKS, planned)
    assert answer.status == 422, answer.json
    assert "'file'" in str(answer.json)
    made = await people.ann.post(TASKS, planned | {"variables": {"file": "a.csv"}})
    assert made.status == 201, made.json
    path = f"{TASKS}/{(await people.ann.post(TASKS, body)).json['id']}"
    for verb, below, change in (
        ("PUT", "", {"is_scheduled": True, **NINE}),
        ("PUT", "/schedule", NINE),
    ):
        answer = await people.ann.ask(verb, path + below, change)
        assert answer.status == 422, answer.json
        assert "'file'" in str(answer.json)
    given = NINE | {"variables": {"file": "a.csv"}}
    assert (await people.ann.put(f"{path}/schedule", given)).status == 200
    answer = await people.ann.put(path, {"prompt_template": "{{file}} and {{other}}"})
    assert answer.status == 422
    assert "'other'" in str(answer.json)


async def test_a_schedule_says_why_its_last_tick_did_nothing(people: People, core: Core) -> None:
    id = await task_of_ann(core, schedule=SchedulePlan(cron="0 9 * * *"))
    told = (await people.ann.get(f"{TASKS}/{id}/schedule")).json
    assert (told["last_skipped_at"], told["last_skipped_reason"]) == (None, None)
    tick = datetime(2026, 1, 1, 9, tzinfo=UTC)
    fields = {"last_skipped_at": tick, "last_skipped_reason": "refused: no"}
    await core._ports.store.commit(Patch(kind=Schedule, id=id, fields=fields))
    told = (await people.ann.get(f"{TASKS}/{id}/schedule")).json
    assert datetime.fromisoformat(told["last_skipped_at"]) == tick
    assert told["last_skipped_reason"] == "refused: no"
