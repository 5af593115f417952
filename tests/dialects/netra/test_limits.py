"""How often Netra's clients may ask, with the numbers of its document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from notebook_agents_server.testing import Client


@pytest.fixture
def settings() -> dict[str, Any]:
    """With the limits that other tests switch off."""
    return {}


async def test_N_67_more_than_5_logins_a_minute_are_refused(netra: Client) -> None:
    login = {"email": "admin@localhost", "password": "wrong password"}
    nobody = netra.holding(None)
    answers = [await nobody.post("/api/auth/login", login) for _ in range(6)]
    assert [answer.status for answer in answers] == [401] * 5 + [429]
    assert answers[-1].json["error"]["code"] == "RATE_LIMITED"


async def test_N_68_N_79_more_than_10_executions_a_minute_are_refused(
    netra: Client,
) -> None:
    body = {"message": "Optimize"}
    answers = [await netra.post("/api/agent/execute", body) for _ in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert answers[-1].json["error"]["code"] == "RATE_LIMITED"
    assert int(answers[-1].headers["Retry-After"]) >= 1


async def test_N_69_N_71_N_72_N_73_more_than_100_requests_a_minute_are_refused(
    netra: Client,
) -> None:
    answers = [await netra.get("/api/agent/status/run-1") for _ in range(101)]
    assert [answer.status for answer in answers] == [404] * 100 + [429]
    assert answers[0].headers["X-RateLimit-Limit"] == "100"
    assert answers[0].headers["X-RateLimit-Remaining"] == "99"
    reset = float(answers[0].headers["X-RateLimit-Reset"])
    assert 0 < reset - datetime.now(UTC).timestamp() <= 61
