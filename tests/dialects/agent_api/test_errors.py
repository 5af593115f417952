"""AI-Agent-API-Service, Common Response Schemas, HTTP Status Codes and Rate Limiting."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest

from notebook_agents.core.errors import (
    EngineUnavailable,
    InvalidRequest,
    NotebookAgentsError,
    NotPermitted,
)
from notebook_agents_server.dialects.agent_api.dialect import AGENT_API
from notebook_agents_server.limits import Policy, RateLimiter
from notebook_agents_server.mounts import LIMITS
from notebook_agents_server.testing import Answer, Client, SteppedCounters, services_of

from .conftest import made

NOTHING = "0190cafe-0000-7000-8000-000000000000"
MOUNTS = ("", "/notebook-agents/agent_api")


@pytest.fixture
async def clock(client: Client, jp_serverapp: Any) -> AsyncGenerator[SteppedCounters, None]:
    """The document's limits, and time that stands still."""
    counters = SteppedCounters()
    limiter = RateLimiter(Policy.read(LIMITS, {}), counters, now=lambda: counters.seconds)
    services_of(jp_serverapp).limiter = limiter
    yield counters  # noqa: PT022 - async fixtures are generators here


def check_body(answer: Answer, code: str) -> None:
    body = answer.json
    assert {"detail", "error_code", "timestamp"} <= set(body)
    assert isinstance(body["detail"], str)
    assert body["error_code"] == code
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", body["timestamp"])


@pytest.mark.parametrize("mount", MOUNTS)
async def test_S_60_S_65_S_66_S_68_S_70_errors_have_one_body_and_the_documented_status(
    client: Client, mount: str
) -> None:
    at = client.below(mount)
    sessions = "/api/v1/sessions"
    asked = (
        (await at.ask("POST", sessions, b"{"), 400, "BAD_REQUEST"),
        (await at.ask("POST", sessions, b"x", Content_Type="text/plain"), 400, "BAD_REQUEST"),
        (await at.post(sessions, {"surprise": 1}), 422, "VALIDATION_ERROR"),
        (await at.post(sessions, {"name": "x" * (10 << 20)}), 413, "PAYLOAD_TOO_LARGE"),
        (await client.get("/api/v1/nope"), 404, "NOT_FOUND"),
        (await at.get(f"{sessions}/{NOTHING}"), 404, "NOT_FOUND"),
        (await at.get(f"{sessions}/no-such-id"), 404, "NOT_FOUND"),
        (await at.holding(None).get(sessions), 401, "UNAUTHORIZED"),
        (await at.holding("nba_" + "0" * 40).get(sessions), 401, "UNAUTHORIZED"),
    )
    for answer, status, code in asked:
        assert answer.status == status, answer.body
        check_body(answer, code)


async def test_S_62_S_63_S_64_S_69_what_goes_well_says_how(api: Client) -> None:
    id = (await made(api))["id"]
    assert (await api.get(f"/api/v1/sessions/{id}")).status == 200
    assert (await api.delete(f"/api/v1/sessions/{id}")).status == 204
    account = {"email": "a@example.org", "username": "ann", "password": "correct horse"}
    assert (await api.post("/api/v1/auth/register", account)).status == 201
    taken = await api.post("/api/v1/auth/register", account)
    assert taken.status == 409
    check_body(taken, "CONFLICT")


def test_S_67_S_72_every_class_of_errors_has_its_status_and_code() -> None:
    expected = (
        (InvalidRequest("as a whole"), 400, "BAD_REQUEST"),
        (InvalidRequest("one field", field="name"), 422, "VALIDATION_ERROR"),
        (NotPermitted("no"), 403, "FORBIDDEN"),
        (EngineUnavailable("no"), 503, "SERVICE_UNAVAILABLE"),
        (NotebookAgentsError("internal error"), 500, "INTERNAL_ERROR"),
    )
    for error, status, code in expected:
        assert AGENT_API.status_of(error) == status
        body = AGENT_API.error_body(error, "request", datetime(2026, 1, 1, tzinfo=UTC))
        assert (body["error_code"], body["timestamp"]) == (code, "2026-01-01T00:00:00Z")


@pytest.mark.parametrize("mount", MOUNTS)
async def test_S_71_S_73_S_75_S_76_S_77_S_78_sixty_requests_a_minute(
    client: Client, clock: SteppedCounters, mount: str
) -> None:
    at = client.below(mount)
    path = "/api/v1/admin/users"
    for n in range(60):
        answer = await at.get(path)
        assert answer.status == 200
        assert answer.headers["X-RateLimit-Limit"] == "60"
        assert answer.headers["X-RateLimit-Remaining"] == str(59 - n)
    clock.seconds += 30
    refused = await at.get(path)
    assert refused.status == 429
    wait = refused.json["retry_after"]
    assert 0 < wait <= 30
    assert refused.json["detail"] == (f"Rate limit exceeded. Please try again in {wait} seconds.")
    check_body(refused, "RATE_LIMIT_EXCEEDED")
    assert refused.headers["Retry-After"] == str(wait)
    assert abs(int(refused.headers["X-RateLimit-Reset"]) - clock.seconds - wait) <= 1
    assert int(refused.headers["X-RateLimit-Reset"]) > time.time()
    clock.seconds += wait + 1
    assert (await at.get(path)).status == 200


async def test_S_74_a_thousand_requests_an_hour(api: Client, clock: SteppedCounters) -> None:
    assert AGENT_API.limits["general"] == "60/minute; 1000/hour"
    services = api.below("/api/v1/admin/users")
    counted = 0
    while counted < 1000:
        for _ in range(min(60, 1000 - counted)):
            counted += 1
            assert (await services.get("")).status == 200, counted
        clock.seconds += 61
    refused = await services.get("")
    assert refused.status == 429
    assert refused.headers["X-RateLimit-Limit"] == "1000"
    assert refused.json["retry_after"] > 60
