"""Tasks and their executions over the AI-Agent-API-Service."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from notebook_agents.core.core import Core
from notebook_agents.core.executions import Outcome
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import ScriptedEngine, ScriptedRunner, ScriptedTools, fake_core
from notebook_agents.testing.reports import MemoryReports
from notebook_agents_server.dialects import agent_api
from notebook_agents_server.dialects.agent_api import task_wire
from notebook_agents_server.testing import Client

from .conftest import file_reader, file_writer, shell

TASKS = "/api/v1/tasks"
EXAMPLES = Path(agent_api.__file__).parent / "examples"
MODELS: dict[str, type[BaseModel]] = {
    "task_create_request": task_wire.CreateTaskRequest,
    "task_create_response": task_wire.TaskAnswer,
    "task_execute_request": task_wire.ExecuteRequest,
    "task_execute_response": task_wire.ExecutionAnswer,
    "task_executions_response": task_wire.ExecutionsAnswer,
    "tasks_response": task_wire.TasksAnswer,
}
DOCUMENTED: dict[str, Any] = json.loads((EXAMPLES / "task_create_request.json").read_text())
MOUNTS = pytest.mark.parametrize("mount", ["", "/notebook-agents/agent_api"])
VARIABLES = {"variables": {"date": "2025-10-19"}}


@pytest.fixture
def runner() -> ScriptedRunner:
    return ScriptedRunner()


@pytest.fixture
def reports() -> MemoryReports:
    return MemoryReports()


@pytest.fixture
def core(
    engine: ScriptedEngine, tmp_path: Path, runner: ScriptedRunner, reports: MemoryReports
) -> Core:
    functions: dict[str, Any] = {f.__name__: f for f in (file_reader, file_writer, shell)}
    effects: dict[str, Any] = {"file_reader": "read", "file_writer": "write", "shell": "external"}
    return fake_core(
        engine=engine,
        tools=ScriptedTools(functions, effects),
        home=tmp_path / "workspaces",
        task_runner=runner,
        timetable=CronTimetable(),
        report_files=reports,
    )


async def made(api: Client, **fields: Any) -> dict[str, Any]:
    answer = await api.post(TASKS, {**DOCUMENTED, **fields})
    assert answer.status == 201, answer.body
    task: dict[str, Any] = answer.json
    return task


async def executed(api: Client, task: dict[str, Any], core: Core) -> dict[str, Any]:
    """An execution of the task that has ended."""
    answer = await api.post(f"{TASKS}/{task['id']}/execute", VARIABLES)
    assert answer.status == 200, answer.body
    await settled(core, answer.json["id"])
    told = await api.get(f"{TASKS}/{task['id']}/executions/{answer.json['id']}")
    execution: dict[str, Any] = told.json
    return execution


async def settled(core: Core, id: str) -> None:
    worker = core.executions._workers.get(id)
    if worker is not None:
        await worker.done.wait()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_example_round_trips(name: str) -> None:
    text = (EXAMPLES / f"{name}.json").read_bytes()
    value = MODELS[name].model_validate_json(text)
    assert json.loads(value.model_dump_json(exclude_unset=True)) == json.loads(text)


@MOUNTS
async def test_S_34_S_36_a_task_is_created_as_documented(client: Client, mount: str) -> None:
    api = client.below(mount)
    task = await made(api)
    said = {name: value for name, value in DOCUMENTED.items() if name in task}
    assert said == DOCUMENTED
    assert said == {name: task[name] for name in said}
    assert task["created_at"].endswith("Z")
    assert (await api.get(f"{TASKS}/{task['id']}")).json == task


@MOUNTS
async def test_S_37_tasks_are_listed(client: Client, mount: str) -> None:
    api = client.below(mount)
    ids = [(await made(api, name=f"t{n}"))["id"] for n in range(3)]
    page = (await api.get(f"{TASKS}?limit=2")).json
    assert ([item["id"] for item in page["items"]], page["total"]) == (ids[:0:-1], 3)
    assert page["items"][0]["schedule_cron"] == "0 9 * * *"
    assert page["links"]["next"].endswith(f"{TASKS}?skip=2&limit=2")
    await api.put(f"{TASKS}/{ids[0]}", {"is_active": False})
    inactive = (await api.get(f"{TASKS}?is_active=false")).json
    assert [item["id"] for item in inactive["items"]] == ids[:1]


@MOUNTS
async def test_S_38_S_39_a_task_is_executed_with_variables(
    client: Client, core: Core, runner: ScriptedRunner, mount: str
) -> None:
    api = client.below(mount)
    task = await made(api)
    answer = await api.post(f"{TASKS}/{task['id']}/execute", VARIABLES)
    assert (answer.status, answer.json["status"]) == (200, "running")
    await settled(core, answer.json["execution_id"])
    assert runner.ran[0].parameters == {"prompt": "Analyze logs from 2025-10-19"}
    session = (await api.get(f"/api/v1/sessions/{answer.json['session_id']}")).json
    assert (session["mode"], session["name"]) == ("background", task["name"])
    conversation = await core.conversations.get(_owner(runner), answer.json["session_id"])
    assert conversation.settings.tools == ("file_reader", "shell")
    policy = conversation.settings.policy
    assert policy is not None
    assert (policy.external, policy.write, policy.network) == ("allow", "deny", "deny")


def _owner(runner: ScriptedRunner) -> Any:
    from notebook_agents.core.users import Actor

    return Actor(user_id=runner.ran[0].owner_id, username="")


@MOUNTS
async def test_S_40_executions_are_listed_with_their_figures(
    client: Client, core: Core, runner: ScriptedRunner, mount: str
) -> None:
    api = client.below(mount)
    task = await made(api)
    one = await executed(api, task, core)
    page = (await api.get(f"{TASKS}/{task['id']}/executions")).json
    assert (page["total"], page["items"][0]["id"]) == (1, one["id"])
    shown = page["items"][0]
    assert (shown["status"], shown["duration_ms"] >= 0) == ("completed", True)
    assert shown["started_at"] < shown["completed_at"]
    assert [made["name"] for made in one["artifacts"]] == ["executed.ipynb"]
    failed = (await api.get(f"{TASKS}/{task['id']}/executions?status=failed")).json
    assert failed["total"] == 0


async def test_S_36_a_report_is_made_of_each_execution(
    api: Client, core: Core, reports: MemoryReports
) -> None:
    one = await executed(api, await made(api), core)
    [document] = reports.documents
    assert document.subject_id == one["id"]
    report = (await api.get(f"/api/v1/reports/{one['report_id']}/download")).body
    assert report.startswith(b"markdown")
    without = await made(api, generate_report=False, report_format=None)
    assert (await executed(api, without, core))["report_id"] is None


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("schedule_cron", {"schedule_cron": None}),
        ("schedule_cron", {"schedule_cron": "61 9 * * *"}),
        ("schedule_cron", {"is_scheduled": False}),
        ("timezone", {"timezone": "Mars/Olympus"}),
        ("report_format", {"generate_report": False}),
        ("report_format", {"report_format": "doc"}),
        ("sdk_options.allowed_tools", {"allowed_tools": ["Reed"]}),
        ("sdk_options.mode", {"sdk_options": {"mode": "x"}}),
        ("variables", {"variables": {"other": 1}}),
        ("checks", {"checks": ["import os"]}),
        ("surprise", {"surprise": 1}),
        ("prompt_template", {"prompt_template": None}),
    ],
)
async def test_a_task_that_is_wrong_is_refused_by_name(
    api: Client, field: str, fields: dict[str, Any]
) -> None:
    answer = await api.post(TASKS, {**DOCUMENTED, **fields})
    assert (answer.status, answer.json["error_code"]) == (422, "VALIDATION_ERROR"), answer.body
    assert [problem["field"] for problem in answer.json["errors"]] == [field]


async def test_S_39_a_missing_variable_is_a_422_that_names_it(api: Client) -> None:
    path = f"{TASKS}/{(await made(api))['id']}/execute"
    answer = await api.post(path, {"variables": {}})
    assert answer.status == 422
    assert answer.json["errors"] == [{"field": "variables.date", "message": "has no value"}]
    answer = await api.post(path, {"variables": {"date": 1, "extra": 2}})
    assert (answer.status, "'extra'" in answer.json["detail"]) == (422, True)


async def test_a_change_keeps_what_it_does_not_name(api: Client) -> None:
    task = await made(api, max_retries=2, checks=["errors == 0"])
    path = f"{TASKS}/{task['id']}"
    changes = {"timezone": "Europe/Berlin", "sdk_options": {"permission_mode": "plan"}}
    changed = (await api.put(path, changes)).json
    expected = {**task, **changes, "updated_at": changed["updated_at"]}
    assert changed == expected
    still = (await api.put(path, {"is_scheduled": False, "generate_report": False})).json
    assert (still["schedule_cron"], still["report_format"], still["max_retries"]) == (None, None, 2)
    assert (await api.put(path, {})).status == 400
    assert (await api.delete(path)).status == 204
    assert (await api.get(path)).status == 404


async def test_own_notebooks_are_for_administrators(
    people: Any, api: Client, runner: ScriptedRunner
) -> None:
    runner.notebooks["own.ipynb"] = ("date",)
    wish = {"name": "own", "notebook_path": "own.ipynb"}
    answer = await people.ann.post(TASKS, wish)
    assert (answer.status, answer.json["error_code"]) == (403, "FORBIDDEN")
    assert (await api.post(TASKS, wish)).status == 201
    answer = await api.post(TASKS, {**wish, "notebook_path": "../x.ipynb"})
    assert answer.json["errors"][0]["field"] == "notebook_path"


@MOUNTS
async def test_events_come_as_they_happen_with_numbers_to_go_on_from(
    client: Client, core: Core, runner: ScriptedRunner, mount: str
) -> None:
    api = client.below(mount)
    task = await made(api)
    one = await executed(api, task, core)
    path = f"{TASKS}/{task['id']}/executions/{one['id']}/events"
    answer = await api.get(path)
    assert answer.headers["Content-Type"] == "text/event-stream"
    frames = answer.body.decode().strip().split("\n\n")
    types = [frame.split("\n")[1].removeprefix("event: ") for frame in frames]
    assert types == [
        "execution_queued",
        "execution_started",
        "cell_started",
        "cell_finished",
        "execution_finished",
    ]
    last = json.loads(frames[-1].split("data: ")[1])
    assert (last["state"], last["execution_id"]) == ("succeeded", one["id"])
    rest = await api.get(path, Last_Event_ID="4")
    assert rest.body.decode().strip() == frames[-1]
    assert (await api.get(f"{path}?after=4")).body == rest.body
    assert (await api.get(path, Last_Event_ID="x")).status == 422


async def test_a_file_is_downloaded_and_never_shown(api: Client, core: Core) -> None:
    task = await made(api)
    one = await executed(api, task, core)
    path = f"{TASKS}/{task['id']}/executions/{one['id']}/artifacts"
    answer = await api.get(f"{path}/executed.ipynb")
    assert (answer.status, answer.body) == (200, b'{"cells": []}')
    assert answer.headers["Content-Disposition"] == 'attachment; filename="executed.ipynb"'
    assert "sandbox" in answer.headers["Content-Security-Policy"].split("; ")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == one["artifacts"][0]["media_type"]
    for name in ("executed.html", "..%2Fspec.json", "spec.json"):
        assert (await api.get(f"{path}/{name}")).status == 404


@pytest.fixture
async def working(api: Client, runner: ScriptedRunner) -> AsyncGenerator[dict[str, Any], None]:
    runner._outcomes.append(None)
    task = await made(api)
    yield (await api.post(f"{TASKS}/{task['id']}/execute", VARIABLES)).json
    await api.post(f"{TASKS}/{task['id']}/executions/x/cancel")


async def test_an_execution_is_cancelled_and_gone_on_with(
    api: Client, core: Core, runner: ScriptedRunner, working: dict[str, Any]
) -> None:
    await runner.is_working.wait()
    path = f"{TASKS}/{working['task_id']}/executions/{working['id']}"
    assert (await api.post(f"{path}/resume")).status == 409
    assert (await api.delete(f"{TASKS}/{working['task_id']}")).status == 409
    cancelled = (await api.post(f"{path}/cancel")).json
    assert (cancelled["status"], cancelled["error_code"]) == ("cancelled", "cancelled")
    runner._outcomes.append(Outcome(state="succeeded"))
    resumed = await api.post(f"{path}/resume")
    assert (resumed.json["resumes"], resumed.json["trigger"]) == (working["id"], "resume")
    assert resumed.json["session_id"] == working["session_id"]
    await settled(core, resumed.json["id"])
    assert (await api.get(path)).json["followed_by"] == resumed.json["id"]
    assert (await api.post(f"{path}/resume")).status == 409
    again = await api.post(path.replace(working["id"], resumed.json["id"]) + "/resume")
    assert (again.status, b"has come through" in again.body) == (409, True)
    other = await made(api)
    assert (await api.get(f"{TASKS}/{other['id']}/executions/{working['id']}")).status == 404


async def test_an_execution_counts_as_activity(
    core: Core, runner: ScriptedRunner, working: dict[str, Any], jp_serverapp: Any
) -> None:
    await runner.is_working.wait()
    app = jp_serverapp.extension_manager.extension_points["notebook_agents"].app
    assert app.current_activity()
    from notebook_agents.core.users import Actor

    owner = Actor(user_id=runner.ran[0].owner_id, username="")
    await core.executions.cancel(owner, working["id"])
    await core.executions.wait(owner, working["id"])
