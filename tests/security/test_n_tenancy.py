"""N07, N08, N18: what belongs to others is not there, and nobody writes what is not theirs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.contract.conftest import OneStep, without_time_and_id
from tests.security.doors import NOTHING, PASSWORD, person

from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, NotPermitted
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.users import Actor
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import MemoryReports, Postbox, ScriptedEngine, fake_core
from notebook_agents_server.testing import Client

ROOT = Actor(user_id="root", username="admin", is_admin=True)


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    return fake_core(
        engine=engine,
        home=tmp_path / "workspaces",
        workflows={OneStep.name: OneStep()},
        report_files=MemoryReports(),
        webhook_sender=Postbox(),
        timetable=CronTimetable(),
    )


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False, "mcp_allow_private": True}


async def things_of(who: Client) -> list[tuple[str, str, str, Any]]:
    """A verb, a path with a place for an id, the id of somebody's thing, and a body."""
    agent = (await who.post("/v1/agents", {"name": "a"})).json["agent_id"]
    said = await who.post(f"/v1/agents/{agent}/conversations", {"message": "canary"})
    talk = said.json["conversation_id"]
    bare = talk.removeprefix("conv_")
    begun = await who.post("/api/v1/initialize", {"model_name": BUNDLED_MODEL})
    ui = begun.json["ui_session_id"]
    run = (await who.post("/api/agent/execute", {"message": "hello"})).json
    session = (await who.post("/api/v1/sessions", {"name": "s"})).json["id"]
    hook = await who.post(
        "/v1/webhooks",
        {"url": "https://8.8.8.8/h", "events": ["security.violation"], "secret": "s" * 20},
    )
    key = (await who.post("/v1/auth/keys", {"name": "k"})).json
    found = [
        ("GET", "/v1/agents/{}", agent, None),
        ("PUT", "/v1/agents/{}", agent, {"name": "stolen"}),
        ("DELETE", "/v1/agents/{}", agent, None),
        ("POST", "/v1/agents/{}/conversations", agent, {"message": "hi"}),
        ("GET", "/v1/conversations/{}", talk, None),
        ("POST", "/v1/conversations/{}/messages", talk, {"message": "hi"}),
        ("GET", "/api/agents/{}", agent.removeprefix("agent_"), None),
        ("GET", "/api/threads/{}", bare, None),
        ("DELETE", "/api/threads/{}", bare, None),
        ("GET", "/api/v1/interactions/{}", bare, None),
        ("GET", "/api/v1/events/{}", bare, None),
        ("GET", "/api/v1/events/{}/stream", bare, None),
        ("GET", "/api/v1/get_agent_config/{}", ui, None),
        ("GET", "/api/v1/files/{}", ui, None),
        ("GET", "/api/v1/sessions/{}", session, None),
        ("GET", "/api/v1/sessions/{}/approvals", session, None),
        ("POST", "/api/v1/sessions/{}/approvals", session, {"decision": "allow"}),
        ("GET", "/api/v1/sessions/{}/archive/download", session, None),
    ]
    for name, path, answer in (
        ("run_id", "/api/agent/status/{}", run),
        ("id", "/v1/auth/keys/{}", key),
        ("webhook_id", "/v1/webhooks/{}", hook.json),
    ):
        id = str(answer.get(name) or answer.get("key_id") or answer.get("id") or "")
        assert id, answer
        verb = "GET" if name == "run_id" else "DELETE"
        found.append((verb, path, id, None))
    return found


async def test_n07_an_id_of_somebody_else_is_an_id_of_nothing(client: Client, core: Core) -> None:
    ann, bob = await person(client, core, "ann"), await person(client, core, "bob")
    for verb, path, id, body in await things_of(ann.client):
        theirs = await bob.client.ask(verb, path.format(id), body, X_Request_ID="same")
        none = await bob.client.ask(verb, path.format(NOTHING), body, X_Request_ID="same")
        assert theirs.status == none.status == 404, (verb, path, theirs.status, none.status)
        said = without_time_and_id(theirs).replace(id, "ID")
        assert said == without_time_and_id(none).replace(NOTHING, "ID"), path


async def test_n07_lists_filters_cursors_and_event_numbers_show_ones_own(
    client: Client, core: Core
) -> None:
    ann, bob = await person(client, core, "ann"), await person(client, core, "bob")
    things = await things_of(ann.client)
    ids = {id.rpartition("_")[2] for _, _, id, _ in things} - {""}
    agent, talk = things[0][2], things[4][2].removeprefix("conv_")
    lists = (
        "/v1/agents",
        f"/v1/agents?user_id={ann.user.id}",
        "/api/agents",
        "/api/executions",
        "/api/threads?limit=100&offset=0",
        "/api/agent/history",
        "/api/v1/interactions",
        "/api/v1/sessions",
        "/api/v1/sessions?page=1",
        f"/api/v1/sessions?user_id={ann.user.id}",
        "/api/v1/reports",
        "/api/v1/mcp-servers",
        "/api/v1/mcp-servers/export",
        "/api/v1/tasks",
        "/v1/auth/keys",
    )
    for path in lists:
        answer = await bob.client.get(path)
        told = answer.body.decode()
        assert answer.status in (200, 400, 422), (path, answer.status)
        assert not any(id in told for id in ids), path
        assert "canary" not in told
    for number in ("0", "1", "999999", talk):
        answer = await bob.client.get(f"/api/v1/events/{talk}/stream", Last_Event_ID=number)
        assert answer.status == 404
    assert agent not in (await bob.client.get("/v1/metrics")).body.decode()


async def test_n08_a_body_sets_nothing_that_is_not_its_own(client: Client, core: Core) -> None:
    ann, bob = await person(client, core, "ann"), await person(client, core, "bob")
    agent = (await ann.client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    task = (await ann.client.post("/api/v1/tasks", {"name": "t", "prompt_template": "x"})).json
    session = (await ann.client.post("/api/v1/sessions", {"name": "s"})).json["id"]
    extra = {
        "owner": bob.user.id,
        "owner_id": bob.user.id,
        "user_id": bob.user.id,
        "role": "admin",
        "is_admin": True,
        "security_level": "low",
        "sandbox_level": "low",
        "id": NOTHING,
        "created_at": "2020-01-01T00:00:00Z",
    }
    for name, value in extra.items():
        for verb, path, body in (
            ("PUT", f"/v1/agents/{agent}", {"name": "b"}),
            ("POST", "/v1/agents", {"name": "b"}),
            ("PUT", f"/api/v1/tasks/{task['id']}", {"name": "b"}),
            ("POST", "/api/v1/sessions", {"name": "b"}),
            ("POST", f"/api/v1/sessions/{session}/query", {"message": "hi"}),
            ("POST", "/v1/auth/keys", {"name": "b"}),
        ):
            if name == "security_level" and path.startswith("/v1/agents"):  # see A05
                continue
            answer = await ann.client.ask(verb, path, {**body, name: value})
            assert answer.status in (400, 404, 405, 422), (verb, path, name, answer.status)
        wish = {"username": f"x{name}", "email": f"{name}@example.org", "password": PASSWORD}
        opened = await client.holding(None).post("/api/auth/register", {**wish, name: value})
        assert opened.status in (400, 422), (name, opened.body)
    assert (await ann.client.get(f"/v1/agents/{agent}")).json["name"] == "a"
    me = await core.users.get(ann.user.id)
    assert not me.is_admin


async def test_n18_nobody_raises_themselves_and_the_last_administrator_stays(
    client: Client, core: Core
) -> None:
    ann = await person(client, core, "ann")
    for path in ("/api/v1/admin/users", "/api/v1/admin/stats", "/notebook-agents/engine/models"):
        assert (await ann.client.get(path)).status == 403, path
    ours = Actor(user_id=ann.user.id, username="ann")
    with pytest.raises(NotPermitted):
        await core.users.set_admin(ours, ann.user.id, is_admin=True)
    made = await ann.client.post("/v1/auth/keys", {"name": "k", "scopes": ["read", "admin"]})
    if made.status == 201:  # the scope is worth nothing without the role
        keyed = client.holding(made.json["api_key"])
        assert (await keyed.get("/api/v1/admin/users")).status == 403
    owner, _ = await core.users.ensure_owner("unused-password")
    for change in (
        core.users.set_admin(ROOT, owner.id, is_admin=False),
        core.users.set_active(ROOT, owner.id, is_active=False),
    ):
        with pytest.raises(Conflict):
            await change
