"""The AI-Agent-API-Service shows nobody the things of somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.conftest import Two, check_hidden

MOUNTS = pytest.mark.parametrize("mount", ["", "/notebook-agents/agent_api"])


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


@MOUNTS
async def test_sessions_and_templates_are_their_owners(two: Two, mount: str) -> None:
    hidden = Two(two.ann.below(f"{mount}/api/v1"), two.bob.below(f"{mount}/api/v1"))
    id = (await hidden.ann.post("/sessions", {"name": "Mine"})).json["id"]
    for path in ("", "/messages", "/tool-calls", "/approvals", "/archive", "/archive/download"):
        await check_hidden(hidden, "GET", f"/sessions/{{}}{path}", id)
    await check_hidden(hidden, "POST", "/sessions/{}/query", id, {"message": "hi"})
    await check_hidden(hidden, "POST", "/sessions/{}/approvals", id, {"decision": "allow"})
    for path in ("/fork", "/archive", "/cancel"):
        await check_hidden(hidden, "POST", f"/sessions/{{}}{path}", id, {})
    await check_hidden(hidden, "DELETE", "/sessions/{}", id)
    assert (await hidden.ann.get(f"/sessions/{id}")).json["status"] == "created"
    assert (await hidden.bob.get("/sessions")).json["total"] == 0
    template = (await hidden.ann.post("/session-templates", {"name": "Mine"})).json["id"]
    await check_hidden(hidden, "GET", "/session-templates/{}", template)
    await check_hidden(hidden, "PUT", "/session-templates/{}", template, {"name": "Stolen"})
    await check_hidden(hidden, "DELETE", "/session-templates/{}", template)
    assert (await hidden.ann.get(f"/session-templates/{template}")).json["name"] == "Mine"
    assert (await hidden.bob.get("/session-templates")).json["total"] == 0


@MOUNTS
async def test_reports_are_their_owners(two: Two, mount: str) -> None:
    hidden = Two(two.ann.below(f"{mount}/api/v1"), two.bob.below(f"{mount}/api/v1"))
    session = (await hidden.ann.post("/sessions", {"name": "Mine"})).json["id"]
    id = (await hidden.ann.post("/reports", {"session_id": session})).json["id"]
    assert (await hidden.bob.post("/reports", {"session_id": session})).status == 404
    for path in ("", "/download", "/download?format=html"):
        await check_hidden(hidden, "GET", f"/reports/{{}}{path}", id)
    await check_hidden(hidden, "DELETE", "/reports/{}", id)
    assert (await hidden.ann.get(f"/reports/{id}/download")).status == 200
    assert (await hidden.bob.get("/reports")).json["total"] == 0


@MOUNTS
async def test_tasks_and_executions_are_their_owners(two: Two, mount: str) -> None:
    hidden = Two(two.ann.below(f"{mount}/api/v1"), two.bob.below(f"{mount}/api/v1"))
    task = (await hidden.ann.post("/tasks", {"name": "t", "prompt_template": "hi"})).json["id"]
    id = (await hidden.ann.post(f"/tasks/{task}/execute", {})).json["id"]
    for verb, path, body in (
        ("GET", "", None),
        ("PUT", "", {"name": "Stolen"}),
        ("DELETE", "", None),
        ("POST", "/execute", {}),
        ("GET", "/executions", None),
    ):
        await check_hidden(hidden, verb, f"/tasks/{{}}{path}", task, body)
    for verb, path in (
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/artifacts/executed.ipynb"),
        ("POST", "/cancel"),
        ("POST", "/resume"),
    ):
        body = {} if verb == "POST" else None
        await check_hidden(hidden, verb, f"/tasks/{task}/executions/{{}}{path}", id, body)
    assert (await hidden.ann.get(f"/tasks/{task}")).json["name"] == "t"
    assert (await hidden.bob.get("/tasks")).json["total"] == 0
    assert (await hidden.ann.get(f"/tasks/{task}/executions/{id}")).status == 200


@MOUNTS
async def test_schedules_are_their_owners(two: Two, mount: str) -> None:
    hidden = Two(two.ann.below(f"{mount}/api/v1"), two.bob.below(f"{mount}/api/v1"))
    task = (await hidden.ann.post("/tasks", {"name": "t", "prompt_template": "hi"})).json["id"]
    plan: Any = {"schedule_cron": "0 9 * * *"}
    assert (await hidden.ann.put(f"/tasks/{task}/schedule", plan)).status == 200
    await check_hidden(hidden, "GET", "/tasks/{}/schedule", task)
    await check_hidden(hidden, "PUT", "/tasks/{}/schedule", task, plan)
    await check_hidden(hidden, "DELETE", "/tasks/{}/schedule", task)
    for verb in ("pause", "resume"):
        await check_hidden(hidden, "POST", f"/tasks/{{}}/{verb}", task, {})
    assert (await hidden.ann.get(f"/tasks/{task}/schedule")).json["is_paused"] is False
