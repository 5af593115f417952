"""The door: credentials, limits, request ids, CORS, Host, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp

from notebook_agents.core.core import Core
from notebook_agents.core.ports import Patch
from notebook_agents.core.users import Actor, CreateUser, User
from notebook_agents.testing import ScriptedEngine
from notebook_agents_server.testing import Client


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"max_body_bytes": 2048}


AGENT = {"name": "a", "role": "r", "description": "d"}


async def user_key(core: Core, name: str) -> tuple[User, str]:
    user = await core.users.create(CreateUser(username=name, email=f"{name}@example.org"))
    actor = Actor(user_id=user.id, username=user.username)
    return user, (await core.api_keys.create(actor, "test"))[1]


async def test_k01_jupyters_token_is_the_owner_in_every_form(client: Client) -> None:
    token = client.headers["Authorization"].split()[-1]
    anybody = client.holding(None)
    for scheme in ("token", "Token", "Bearer", "bearer"):
        answer = await anybody.get("/v1/agents", Authorization=f"{scheme} {token}")
        assert answer.status == 200
    assert (await anybody.get(f"/v1/agents?token={token}")).status == 200
    assert (await client.get("/notebook-agents/engine/models")).status == 200


@pytest.mark.parametrize(
    "header",
    ["Bearer wrong", "Basic YTpi", "Bearer", "token", "nba_wrong", "Bearer a.b.c", "Bearer nbk_x"],
)
async def test_a_wrong_credential_is_refused_even_next_to_a_right_one(
    client: Client, header: str
) -> None:
    token = client.headers["Authorization"].split()[-1]
    answer = await client.holding(None).get(f"/v1/agents?token={token}", Authorization=header)
    assert (answer.status, answer.json["error"]["code"]) == (401, "INVALID_API_KEY")


async def test_a_jupyter_cookie_opens_nothing_and_none_is_set(
    client: Client, jp_serverapp: ServerApp
) -> None:
    token = client.headers["Authorization"].split()[-1]
    login = await client.holding(None).get(f"/api/status?token={token}")
    cookie = login.headers["Set-Cookie"].split(";")[0]
    assert (await client.holding(None).get("/api/status", Cookie=cookie)).status == 200
    answer = await client.holding(None).get("/v1/agents", Cookie=cookie)
    assert answer.status == 401
    for shown in (answer, await client.get("/v1/agents"), await client.get("/v1/health")):
        assert "Set-Cookie" not in shown.headers


async def test_our_credentials_do_not_open_jupyters_own_routes(client: Client, core: Core) -> None:
    _, key = await user_key(core, "alice")
    assert (await client.holding(key).get("/v1/agents")).status == 200
    assert (await client.holding(key).get("/api/kernels")).status == 403


async def test_what_belongs_to_somebody_else_is_not_found(client: Client, core: Core) -> None:
    _, alice_key = await user_key(core, "alice")
    _, bob_key = await user_key(core, "bob")
    alice, bob = client.holding(alice_key), client.holding(bob_key)
    agent = (await alice.post("/v1/agents", {"name": "mine"})).json["agent_id"]
    start = await alice.post(f"/v1/agents/{agent}/conversations", {"message": "hi"})
    conversation = start.json["conversation_id"]
    key_id = (await alice.get("/v1/auth/keys")).json["keys"][0]["key_id"]
    for verb, path, body in (
        ("GET", f"/v1/agents/{agent}", None),
        ("PUT", f"/v1/agents/{agent}", {"name": "stolen"}),
        ("DELETE", f"/v1/agents/{agent}", None),
        ("POST", f"/v1/agents/{agent}/conversations", {"message": "x"}),
        ("GET", f"/v1/conversations/{conversation}", None),
        ("POST", f"/v1/conversations/{conversation}/messages", {"message": "x"}),
        ("DELETE", f"/v1/auth/keys/{key_id}", None),
    ):
        foreign = await bob.ask(verb, path, body)
        assert foreign.status == 404, (verb, path)
    assert (await bob.get("/v1/agents")).json["total"] == 0
    for path in (f"/v1/ws/conversations/{conversation}", f"/v1/ws/stream/{agent}"):
        socket = await bob.socket(path)
        assert (await socket.receive())["error"]["code"].endswith("_NOT_FOUND")
        assert await socket.receive() is None


async def test_a_person_without_admin_rights_does_not_reach_the_engine(
    client: Client, core: Core
) -> None:
    _, key = await user_key(core, "alice")
    answer = await client.holding(key).get("/notebook-agents/engine/models")
    assert (answer.status, answer.json["code"]) == (403, "not_permitted")


async def test_a_deactivated_account_is_refused(client: Client, core: Core) -> None:
    user, key = await user_key(core, "alice")
    await core._ports.store.commit(Patch(kind=User, id=user.id, fields={"is_active": False}))
    assert (await client.holding(key).get("/v1/agents")).status == 401


async def test_every_answer_names_its_request(client: Client) -> None:
    for path in ("/v1/agents", "/v1/nothing", "/v1/health"):
        answer = await client.get(path)
        assert answer.headers["X-Request-ID"].startswith("req_")
        mine = await client.get(path, X_Request_ID="my-request.1")
        assert mine.headers["X-Request-ID"] == "my-request.1"
        odd = await client.get(path, X_Request_ID="no spaces or <tags>")
        assert odd.headers["X-Request-ID"].startswith("req_")


@pytest.mark.parametrize("size", [2100, 10_000])
async def test_a_body_beyond_the_limit_is_413_and_the_connection_lives(
    client: Client, size: int
) -> None:
    answer = await client.post("/v1/agents", {"name": "x" * size})
    assert answer.status == 413
    assert answer.json["error"]["code"] == "INVALID_REQUEST"
    assert "2048 bytes" in answer.json["error"]["message"]
    assert (await client.get("/v1/agents")).json["total"] == 0


async def test_a_large_body_without_credentials_is_401(client: Client) -> None:
    answer = await client.holding(None).post("/v1/agents", {"name": "x" * 10_000})
    assert answer.status == 401


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.1:8000"])
async def test_a_foreign_host_name_is_refused(client: Client, host: str) -> None:
    for path in ("/v1/agents", "/v1/health"):
        answer = await client.get(path, Host=host)
        assert (answer.status, answer.json["error"]["code"]) == (403, "SECURITY_VIOLATION")


async def test_an_unknown_failure_is_logged_once_with_its_request_and_shown_without_text(
    client: Client, engine: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise RuntimeError("secret")

    engine.models = broken  # type: ignore[assignment, method-assign]
    answer = await client.get("/v1/models", X_Request_ID="traced")
    assert answer.status == 500
    assert json.loads(answer.body)["error"]["message"] == "internal error"
    logged = [record.getMessage() for record in caplog.records if record.exc_info]
    assert logged == ["request traced failed"]


async def test_unknown_paths_below_our_prefix_are_json(client: Client) -> None:
    for path in ("/notebook-agents", "/notebook-agents/nobody/x", "/notebook-agents/engine/x"):
        answer = await client.get(path)
        assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_jupyters_own_routes_are_still_there(client: Client) -> None:
    assert (await client.get("/api/status")).status == 200
    assert (await client.get("/api/kernelspecs")).status == 200


async def test_an_administrators_key_without_the_scope_is_told_which_one_is_missing(
    client: Client, core: Core
) -> None:
    owner = await core.users.find("admin")
    assert owner is not None
    actor = Actor(user_id=owner.id, username=owner.username, is_admin=True)
    _, key = await core.api_keys.create(actor, "k", scopes=("read", "run", "write"))
    keyed = client.holding(key)
    refused = [
        await keyed.post("/notebook-agents/aimos/api/agents", AGENT),
        await keyed.get("/notebook-agents/engine/models"),
    ]
    for answer in refused:
        assert answer.status == 403
        assert "lacks the scope 'admin'; it has: read, run, write" in str(answer.json)


async def test_a_long_id_is_not_echoed_whole(client: Client) -> None:
    for path in ("/v1/agents/", "/notebook-agents/nothing/", "/api/agents/"):
        answer = await client.get(path + "x" * 5000)
        assert answer.status == 404
        assert len(answer.body) < 1000
