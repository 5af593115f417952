"""AI-Agent-API-Service, Authentication Endpoints, at both mounts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor
from notebook_agents_server.testing import Answer, Client

PASSWORD = "secret123"
JOHN = {
    "email": "user@example.com",
    "username": "johndoe",
    "password": PASSWORD,
    "full_name": "John Doe",
}
ADMIN = Actor(user_id="", username="admin", is_admin=True)


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {
        "rate_limiting": False,
        "registration": "registration_is_off" not in request.node.name,
    }


@pytest.fixture(params=["", "/notebook-agents/agent_api"], ids=["root", "prefix"])
def at(request: pytest.FixtureRequest, client: Client) -> Client:
    """Anybody, at one of the mounts."""
    return client.below(request.param).holding(None)


async def register(at: Client, **changes: Any) -> Answer:
    return await at.post("/api/v1/auth/register", {**JOHN, **changes})


async def login(at: Client, email: str = JOHN["email"], password: str = PASSWORD) -> Answer:
    return await at.post("/api/v1/auth/login", {"email": email, "password": password})


async def test_S_08_register(at: Client) -> None:
    answer = await register(at)
    assert answer.status == 201
    account = answer.json
    assert re.fullmatch(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", account["id"])
    assert account["created_at"].endswith("Z")
    assert {name: account[name] for name in ("email", "username", "role", "full_name")} == {
        "email": "user@example.com",
        "username": "johndoe",
        "role": "user",
        "full_name": "John Doe",
    }
    assert "password" not in answer.body.decode()


async def test_S_08_what_is_taken_is_a_conflict_and_what_is_wrong_is_named(at: Client) -> None:
    await register(at)
    taken = await register(at, email="other@example.com")
    assert (taken.status, taken.json["error_code"]) == (409, "CONFLICT")
    wrong = await register(at, username="x", password="short", email="no")
    assert (wrong.status, wrong.json["error_code"]) == (422, "VALIDATION_ERROR")
    assert {e["field"] for e in wrong.json["errors"]} == {"username", "password", "email"}
    assert (await register(at, role="admin")).status == 422
    minimal = {name: v for name, v in JOHN.items() if name != "full_name"}
    minimal |= {"username": "jane", "email": "jane@example.com"}
    assert (await at.post("/api/v1/auth/register", minimal)).json["full_name"] == "jane"


async def test_strangers_cannot_register_where_registration_is_off(at: Client) -> None:
    assert (await register(at)).status == 403


async def test_S_03_S_04_S_05_login_gives_a_bearer_token_for_an_hour(at: Client) -> None:
    await register(at)
    answer = await login(at)
    assert answer.status == 200
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 3600)
    assert {"access_token", "refresh_token"} <= set(answer.json)
    john = at.holding(answer.json["access_token"])
    assert (await john.get("/api/v1/sessions")).status == 200
    assert (await at.get("/api/v1/sessions")).status == 401


async def test_S_06_wrong_credentials_are_401(at: Client) -> None:
    await register(at)
    said = [await login(at, password="wrong"), await login(at, email="nobody@example.com")]
    assert [answer.status for answer in said] == [401, 401]
    assert said[0].json["detail"] == said[1].json["detail"]
    assert said[0].json["error_code"] == "UNAUTHORIZED"


async def test_S_07_a_disabled_account_is_403_to_whoever_knows_its_password(
    at: Client, core: Core, client: Client
) -> None:
    id = (await register(at)).json["id"]
    token = (await login(at)).json["access_token"]
    await core.users.set_active(ADMIN, id, is_active=False)
    answer = await login(at)
    assert answer.status == 403
    assert answer.json["detail"] == "Account disabled"
    assert answer.json["error_code"] == "ACCOUNT_DISABLED"
    assert (await login(at, password="wrong")).status == 401
    assert (await at.holding(token).get("/api/v1/sessions")).status == 401
    body = {"username": "johndoe", "password": PASSWORD}
    assert (await client.post("/v1/auth/login", body)).status == 401


async def test_S_09_a_refresh_token_is_good_once(at: Client) -> None:
    await register(at)
    first = (await login(at)).json
    body = {"refresh_token": first["refresh_token"]}
    answer = await at.post("/api/v1/auth/refresh", body)
    assert answer.status == 200
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("bearer", 3600)
    assert answer.json["access_token"] != first["access_token"]
    renewed = at.holding(answer.json["access_token"])
    assert (await renewed.get("/api/v1/sessions")).status == 200
    assert (await at.post("/api/v1/auth/refresh", body)).status == 401
    assert (await renewed.get("/api/v1/sessions")).status == 401
    assert (await at.post("/api/v1/auth/refresh", {"refresh_token": "x"})).status == 401


async def test_K_03_an_account_is_one_in_all_apis(at: Client, client: Client) -> None:
    await register(at)
    token = (await login(at)).json["access_token"]
    assert (await client.holding(token).get("/api/auth/me")).json["username"] == "johndoe"
    body = {"username": "johndoe", "password": PASSWORD}
    other = (await client.post("/v1/auth/login", body)).json["access_token"]
    assert (await at.holding(other).get("/api/v1/sessions")).status == 200
