"""Tektra: models, health, metrics, login, keys and the error format, row by row."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.models import EngineHealth
from notebook_agents.core.users import Actor, CreateUser, User
from notebook_agents.testing import FakeClock, ScriptedEngine, fake_core
from notebook_agents_server.dialects import tektra
from notebook_agents_server.testing import Client

MakeAgent = Callable[..., Awaitable[str]]
EXAMPLES = Path(tektra.__file__).parent / "examples"


def example(name: str) -> dict[str, Any]:
    return dict(json.loads((EXAMPLES / f"{name}.json").read_bytes()))


def shape(value: Any) -> Any:
    """The keys and kinds of a JSON value; numbers are one kind."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else str


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    """Its runs are of today, even when the real day ends while a test works."""
    clock = FakeClock()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    clock.advance((tomorrow - clock.now()).total_seconds())
    return fake_core(engine=engine, home=tmp_path / "workspaces", clock=clock)


@pytest.fixture
async def alice(client: Client, core: Core) -> AsyncGenerator[User, None]:
    wish = CreateUser(username="alice", email="alice@example.org", password="correct horse")
    yield await core.users.create(wish)  # noqa: PT022 - async fixtures are generators here


async def test_t39_models_have_the_documented_fields(tektra: Client) -> None:
    rows = (await tektra.get("/v1/models")).json["models"]
    documented = example("list_models_response")["models"][0]
    assert set(documented) <= set(rows[0])
    assert rows[0]["model_id"] == "notebook-agents/tiny"
    assert rows[0]["parameters"] == "985.3K"
    assert rows[0]["memory_requirements"] == {"minimum_mb": 4, "recommended_mb": 8}
    assert rows[0]["status"] == "available"


@pytest.mark.parametrize("model_id", ["notebook-agents/tiny", "notebook-agents%2Ftiny"])
async def test_t40_a_status_is_found_by_an_id_with_a_slash(tektra: Client, model_id: str) -> None:
    answer = await tektra.get(f"/v1/models/{model_id}/status")
    assert answer.status == 200
    assert answer.json["model_id"] == "notebook-agents/tiny"
    assert answer.json["loaded"] is True
    assert answer.json["performance"] == {"active_requests": 0, "queued_requests": 0}


async def test_t60_the_status_of_an_unknown_model_is_not_found(tektra: Client) -> None:
    answer = await tektra.get("/v1/models/nobody/nothing/status")
    assert (answer.status, answer.json["error"]["code"]) == (404, "MODEL_NOT_FOUND")


async def test_k12_the_model_of_an_agent_is_listed(tektra: Client, make_agent: MakeAgent) -> None:
    agent = (await tektra.get(f"/v1/agents/{await make_agent()}")).json
    models = (await tektra.get("/v1/models")).json["models"]
    assert agent["model"] in [model["model_id"] for model in models]


async def test_t41_health_has_the_documented_fields_and_is_public(tektra: Client) -> None:
    answer = await tektra.holding(None).get("/v1/health")
    assert answer.status == 200
    assert shape(answer.json) == shape(example("health_response"))
    assert answer.json["components"] == {
        "database": "healthy",
        "redis": "not_used",
        "models": "healthy",
        "security": "healthy",
    }


async def test_t41_t63_health_says_which_part_does_not_work(
    tektra: Client, core: Core, engine: ScriptedEngine
) -> None:
    async def broken(*_args: Any) -> Any:
        raise OSError("disk full")

    async def down() -> EngineHealth:
        return EngineHealth(is_ready=False, detail="crashed")

    engine.health = down  # type: ignore[method-assign]
    answer = await tektra.get("/v1/health")
    assert (answer.status, answer.json["status"]) == (200, "degraded")
    assert answer.json["components"]["models"] == "degraded"
    core.users.find = broken  # type: ignore[assignment, method-assign]
    answer = await tektra.holding(None).get("/v1/health")
    assert (answer.status, answer.json["status"]) == (503, "unhealthy")
    assert b"disk full" not in answer.body


async def test_t42_metrics_have_the_documented_fields(
    tektra: Client, make_agent: MakeAgent
) -> None:
    agent_id = await make_agent()
    await make_agent()
    await tektra.post(f"/v1/agents/{agent_id}/conversations", {"message": "hi"})
    answer = (await tektra.get("/v1/metrics")).json
    documented = example("metrics_response")
    answer["system"]["gpu"] = documented["system"]["gpu"]
    assert shape(answer) == shape(documented)
    agents = answer["application"]["agents"]
    assert agents["total"] == agents["active"] + agents["idle"] + agents["error"] == 2


async def test_metrics_count_the_runs_of_the_caller_and_everybodys_for_an_admin(
    tektra: Client, core: Core, make_agent: MakeAgent, alice: User
) -> None:
    actor = Actor(user_id=alice.id, username=alice.username)
    _, secret = await core.api_keys.create(actor, "k")
    path = f"/v1/agents/{await make_agent()}/conversations"
    await tektra.post(path, {"message": "hi"})

    async def n_runs(caller: Client) -> int:
        return int((await caller.get("/v1/metrics")).json["application"]["requests"]["total_today"])

    assert (await n_runs(tektra), await n_runs(tektra.holding(secret))) == (1, 0)
    mine = (await tektra.holding(secret).post("/v1/agents", {"name": "mine"})).json["agent_id"]
    await tektra.holding(secret).post(f"/v1/agents/{mine}/conversations", {"message": "hi"})
    assert (await n_runs(tektra), await n_runs(tektra.holding(secret))) == (2, 1)


async def test_t04_t05_a_login_gives_a_token_that_opens_the_api(
    tektra: Client, alice: User
) -> None:
    anybody = tektra.holding(None)
    answer = await anybody.post(
        "/v1/auth/login", {"username": "alice", "password": "correct horse"}
    )
    assert answer.status == 200
    assert answer.json["session_token"] == answer.json["access_token"]
    assert answer.json["token_type"] == "bearer"
    assert answer.json["expires_in"] > 0
    assert answer.json["user"]["username"] == "alice"
    logged_in = tektra.holding(answer.json["session_token"])
    assert (await logged_in.get("/v1/agents")).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"username": "alice", "password": "wrong"},
        {"username": "nobody", "password": "correct horse"},
    ],
)
async def test_t58_wrong_credentials_say_the_same_whichever_is_wrong(
    tektra: Client, alice: User, body: dict[str, str]
) -> None:
    answer = await tektra.holding(None).post("/v1/auth/login", body)
    assert (answer.status, answer.json["error"]["code"]) == (401, "INVALID_API_KEY")
    assert answer.json["error"]["message"] == "the username or password is wrong"


async def test_t03_a_key_opens_the_api_until_it_is_revoked(tektra: Client) -> None:
    made = await tektra.post("/v1/auth/keys", {"name": "ci", "expires_in_days": 7})
    assert made.status == 201
    assert made.json["api_key"].startswith("nba_")
    program = tektra.holding(made.json["api_key"])
    assert (await program.get("/v1/agents")).status == 200
    listed = (await tektra.get("/v1/auth/keys")).json["keys"]
    assert [key["name"] for key in listed] == ["ci"]
    assert "api_key" not in listed[0]
    revoked = await tektra.delete(f"/v1/auth/keys/{made.json['key_id']}")
    assert revoked.json["revoked_at"] is not None
    answer = await program.get("/v1/agents")
    assert (answer.status, answer.json["error"]["code"]) == (401, "INVALID_API_KEY")


async def test_only_administrators_see_and_give_the_scope_admin(
    tektra: Client, alice: User
) -> None:
    assert not alice.is_admin
    body = {"username": "alice", "password": "correct horse"}
    token = (await tektra.holding(None).post("/v1/auth/login", body)).json["access_token"]
    program = tektra.holding(token)
    assert (await program.get("/v1/auth/me")).json["scopes"] == ["read", "run", "write"]
    made = await program.post("/v1/auth/keys", {"name": "k", "scopes": ["read", "admin"]})
    assert (made.status, made.json["error"]["details"]["scope"]) == (403, "admin")
    long = await program.post("/v1/auth/keys", {"name": "k" * 101})
    assert (long.status, long.json["error"]["details"]["field"]) == (400, "name")


async def test_t66_t58_a_missing_credential_is_invalid_api_key(tektra: Client) -> None:
    answer = await tektra.holding(None).get("/v1/agents")
    assert (answer.status, answer.json["error"]["code"]) == (401, "INVALID_API_KEY")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_t64_errors_have_the_documented_format(tektra: Client) -> None:
    answer = await tektra.get("/v1/agents/agent_abc123")
    error = answer.json["error"]
    assert set(error) == {"code", "message", "details", "request_id", "timestamp"}
    assert error["request_id"] == answer.headers["X-Request-ID"]
    assert error["request_id"].startswith("req_")
    assert datetime.fromisoformat(error["timestamp"]).tzinfo is not None


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v1/agents/a/b/c"])
async def test_t60_an_unknown_path_is_json_404(tektra: Client, path: str) -> None:
    for verb in ("GET", "POST", "DELETE"):
        answer = await tektra.ask(verb, path)
        assert (answer.status, answer.json["error"]["code"]) == (404, "PATH_NOT_FOUND")


async def test_a_verb_that_is_not_offered_is_405(tektra: Client) -> None:
    answer = await tektra.ask("PATCH", "/v1/agents", {})
    assert (answer.status, answer.json["error"]["code"]) == (405, "INVALID_REQUEST")


async def test_t01_the_documented_paths_work_at_the_root_too(client: Client) -> None:
    assert (await client.get("/v1/agents")).json["total"] == 0
    assert (await client.get("/v1/nothing")).json["error"]["code"] == "PATH_NOT_FOUND"
