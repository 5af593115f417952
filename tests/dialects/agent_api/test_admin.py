"""AI-Agent-API-Service, Admin Endpoints, at both mounts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor, CreateUser
from notebook_agents.testing import FixedPrices, ScriptedEngine, fake_core
from notebook_agents_server.testing import Client

from .conftest import PASSWORD, asked, made

ADMIN = Actor(user_id="", username="admin", is_admin=True)
MINI = "gpt-4o-mini"


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(models=(MINI,))


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    prices = FixedPrices({MINI: ("0", "1000000")})
    return fake_core(engine=engine, home=tmp_path / "workspaces", price_list=prices)


@pytest.fixture(params=["", "/notebook-agents/agent_api"], ids=["root", "prefix"])
def at(request: pytest.FixtureRequest, client: Client) -> Client:
    """The owner, who is an administrator, at one of the mounts."""
    return client.below(request.param)


async def account(core: Core, name: str, **fields: Any) -> str:
    wish = CreateUser(
        username=name, email=f"{name}@example.org", password=PASSWORD, name=f"The {name}", **fields
    )
    return (await core.users.create(wish)).id


async def token(client: Client, name: str) -> str:
    body = {"email": f"{name}@example.org", "password": PASSWORD}
    login = await client.post("/notebook-agents/agent_api/api/v1/auth/login", body)
    return str(login.json["access_token"])


async def test_S_51_statistics_have_the_documented_keys_and_groups(at: Client, core: Core) -> None:
    first = (await at.get("/api/v1/admin/stats")).json
    assert (first["total_users"], first["total_sessions"], first["active_sessions"]) == (1, 0, 0)
    assert first["total_cost_today_usd"] is None
    blocked = await account(core, "bob")
    await core.users.set_active(ADMIN, blocked, is_active=False)
    options = {"sdk_options": {"allowed_tools": [], "model": MINI}}
    await asked(at, (await made(at, **options))["id"], "say it in five words please")
    await made(at, sdk_options={"allowed_tools": []})
    answer = (await at.get("/api/v1/admin/stats")).json
    assert (answer["total_users"], answer["total_sessions"], answer["active_sessions"]) == (2, 2, 1)
    assert answer["total_api_calls_today"] == first["total_api_calls_today"] + 4
    assert answer["total_cost_today_usd"] == answer["cost"]["today_usd"] > 1
    assert answer["users"] == {"total": 2, "active": 1}
    assert answer["sessions"]["by_status"]["active"] == 1
    assert answer["sessions"]["by_status"]["created"] == 1
    assert answer["runs"]["today"] == answer["runs"]["succeeded_today"] == 1


async def test_S_52_users_have_the_documented_keys(at: Client, core: Core, client: Client) -> None:
    id = await account(core, "ann")
    await token(client, "ann")
    answer = (await at.get("/api/v1/admin/users")).json
    assert (answer["total"], answer["skip"], answer["limit"]) == (2, 0, 100)
    assert answer["links"] == {"next": None, "prev": None}
    ann = answer["items"][1]
    assert ann["last_login_at"].endswith("Z")
    assert {name: ann[name] for name in ("id", "email", "role", "is_active", "full_name")} == {
        "id": id,
        "email": "ann@example.org",
        "role": "user",
        "is_active": True,
        "full_name": "The ann",
    }
    assert "password" not in str(answer)
    assert answer["items"][0]["last_login_at"] is None


async def test_S_53_users_are_filtered_and_paged(at: Client, core: Core) -> None:
    for name in ("ann", "bob", "eve"):
        await account(core, name, is_admin=name == "eve")
    bob = await core.users.find("bob")
    assert bob is not None
    await core.users.set_active(ADMIN, bob.id, is_active=False)

    async def names(query: str) -> list[str]:
        found = (await at.get(f"/api/v1/admin/users?{query}")).json["items"]
        return [user["username"] for user in found]

    assert await names("role=admin") == ["admin", "eve"]
    assert await names("role=user&is_active=true") == ["ann"]
    assert await names("is_active=false") == ["bob"]
    assert await names("skip=1&limit=2") == ["ann", "bob"]
    page = (await at.get("/api/v1/admin/users?skip=1&limit=1&role=user")).json
    assert (page["total"], page["links"]["next"]) == (2, None)
    assert page["links"]["prev"].endswith("/api/v1/admin/users?skip=0&limit=1&role=user")
    for wrong in ("role=owner", "is_active=maybe", "skip=-1", "limit=0", "surprise=1"):
        answer = await at.get(f"/api/v1/admin/users?{wrong}")
        assert (answer.status, answer.json["error_code"]) == (422, "VALIDATION_ERROR"), wrong


async def test_S_54_others_than_administrators_are_refused(
    at: Client, core: Core, client: Client
) -> None:
    await account(core, "ann")
    ann = at.holding(await token(client, "ann"))
    for path in ("/api/v1/admin/stats", "/api/v1/admin/users"):
        refused = await ann.get(path)
        assert (refused.status, refused.json["error_code"]) == (403, "FORBIDDEN")
        assert (await at.holding(None).get(path)).status == 401
