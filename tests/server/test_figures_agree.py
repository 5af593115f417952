"""Every figure that the server tells, in whichever API, is what the event log sums up to."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.users import CreateUser
from notebook_agents.dashboards.board import kpis, load_board
from notebook_agents.dashboards.filters import Filters
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import ScriptedEngine, call, fake_core
from notebook_agents_server.testing import Client

PASSWORD = "correct horse"
SESSION = {"name": "s", "mode": "interactive", "sdk_options": {"allowed_tools": []}}


@pytest.fixture
def core(tmp_path: Path) -> Core:
    """A core whose events are on disk, and read from there."""
    engine = ScriptedEngine(
        [call("python_executor", code="1")],
        "It is one.",
        EngineUnavailable("the engine is away"),
        "Hello.",
        "Hello again.",
    )
    home = tmp_path / "log"
    return fake_core(
        engine=engine,
        event_log=JsonlEventLog(home),
        analytics=EventAnalytics(EventFiles(home)),
        clock=SystemClock(),
        home=tmp_path / "workspaces",
    )


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False, "sample_interval_s": 3600.0}


@dataclass(frozen=True, slots=True)
class People:
    """Who asks: the owner, two users, and somebody without an account."""

    owner: Client
    ann: Client
    bob: Client
    nobody: Client


@pytest.fixture
async def people(client: Client, core: Core) -> AsyncGenerator[People, None]:
    found = []
    for name in ("ann", "bob"):
        await core.users.create(
            CreateUser(username=name, email=f"{name}@example.org", password=PASSWORD)
        )
        login = await client.post("/v1/auth/login", {"username": name, "password": PASSWORD})
        found.append(client.holding(login.json["access_token"]))
    ann, bob = found
    yield People(client, ann, bob, client.holding(None))  # noqa: PT022 - async fixtures must yield


async def work(people: People) -> None:
    """Runs of two users through two APIs, one of them with a tool and one that fails."""
    agent = (await people.ann.post("/v1/agents", {"name": "a"})).json["agent_id"]
    path = f"/v1/agents/{agent}/conversations"
    for status in (201, 503):
        answer = await people.ann.post(path, {"message": "what is one?"})
        assert answer.status == status, answer.body
    session = (await people.bob.post("/api/v1/sessions", SESSION)).json["id"]
    for _ in range(2):
        asked = {"message": "hello"}
        assert (await people.bob.post(f"/api/v1/sessions/{session}/query", asked)).status == 200
    for path in ("/api/agents", "/api/agents", f"/api/agents/{agent}"):
        await people.ann.get(path)
    for client in (people.bob, people.nobody):
        await client.get(f"/v1/agents/{agent}")


def core_id(id: str) -> str:
    """The id in the log of what an API names."""
    return str(uuid.UUID(id.removeprefix("agent_")))


async def one(core: Core, sql: str) -> tuple[Any, ...]:
    """The only row of an answer over everybody's events."""
    (row,) = (await core.analytics.query(sql)).rows
    return row


def value(text: str, name: str, **labels: str) -> float:
    """A sample on a page for Prometheus; 0 where there is none."""
    inner = ",".join(f'{key}="{labels[key]}"' for key in sorted(labels))
    found = re.search(
        rf"^{re.escape(name + ('{' + inner + '}' if inner else ''))} (\S+)$", text, re.M
    )
    return float(found[1]) if found else 0.0


async def test_every_api_tells_what_the_log_sums_up_to(people: People, core: Core) -> None:
    await work(people)
    metrics = (await people.owner.get("/v1/metrics")).json["application"]
    stats = (await people.owner.get("/api/v1/admin/stats")).json
    page = (await people.owner.get("/metrics")).body.decode()
    runs, succeeded, mean_ms = await one(
        core,
        """SELECT count(*), count(*) FILTER (payload ->> 'state' = 'succeeded'),
                  avg((payload ->> 'duration_ms')::DOUBLE)
           FROM events WHERE type = 'run_finished'""",
    )
    (tokens,) = await one(
        core,
        """SELECT sum((payload ->> '$.usage.input_tokens')::BIGINT
                      + (payload ->> '$.usage.output_tokens')::BIGINT)
           FROM events WHERE type = 'model_finished'""",
    )
    assert (runs, succeeded) == (4, 3)
    assert metrics["requests"] == {
        "total_today": runs,
        "successful": succeeded,
        "failed": 1,
        "error_rate": 0.25,
    }
    assert metrics["performance"]["average_response_time_ms"] == pytest.approx(mean_ms, abs=1e-3)
    assert stats["runs"] == {
        "today": runs,
        "succeeded_today": succeeded,
        "tokens_today": tokens,
    }
    assert value(page, "notebook_agents_runs_total", status="succeeded") == succeeded
    assert value(page, "notebook_agents_runs_total", status="failed") == 1
    assert value(page, "notebook_agents_run_duration_seconds_count") == runs
    assert value(page, "notebook_agents_tool_calls_total", tool="python_executor",
                 status="succeeded") == 1  # fmt: skip
    kinds = ("input", "output")
    assert tokens == sum(
        value(page, "notebook_agents_tokens_total", type=kind, model=BUNDLED_MODEL)
        for kind in kinds
    )
    status = (await people.owner.get("/api/system/status")).json
    (began,) = await one(core, "SELECT max(ts) FROM events WHERE type = 'run_queued'")
    assert datetime.fromisoformat(status["last_execution"]) == began
    samples = (await people.owner.get("/api/system/metrics")).json
    assert [sample["active_agents_count"] for sample in samples] == [0], "taken at the start"
    (agent,) = (await people.ann.get("/api/agents")).json
    statistics = (await people.ann.get(f"/v1/agents/{agent['id']}")).json["statistics"]
    rate = "SELECT max(success_rate) FROM v_agents_daily WHERE agent_id = $id"
    table = await core.analytics.query(rate, parameters={"id": core_id(agent["id"])})
    assert (agent["success_rate"], table.rows) == (50.0, ((0.5,),))
    assert (statistics["total_requests"], statistics["successful_requests"]) == (2, 1)
    board = await load_board(core.analytics, Filters(), owner_id=None)
    shown = dict(kpis(board.totals))
    assert shown["runs"] == str(runs)
    assert shown["succeeded"] == "75%"


async def test_requests_are_told_as_the_log_has_them(people: People, core: Core) -> None:
    await work(people)
    page = (await people.owner.get("/metrics")).body.decode()
    mounted = (await people.owner.get("/notebook-agents/agent_api/metrics")).body.decode()
    aimos = (await people.owner.get("/api/system/metrics/prometheus")).body.decode()
    stats = (await people.owner.get("/api/v1/admin/stats")).json
    table = await core.analytics.query(
        """SELECT dialect, payload ->> 'method', payload ->> 'route', payload ->> 'status',
                  sum((payload ->> 'n')::BIGINT)
           FROM events WHERE type = 'requests_served' GROUP BY ALL"""
    )
    told = {(row[0], row[1], row[2], int(row[3])): int(row[4]) for row in table.rows}
    watched = ("/metrics", "/api/system/metrics/prometheus", "/api/v1/admin/stats")
    expected = {
        ("tektra", "POST", "/v1/auth/login", 200): 2,
        ("tektra", "POST", "/v1/agents", 201): 1,
        ("tektra", "POST", "/v1/agents/{agent_id}/conversations", 201): 1,
        ("tektra", "POST", "/v1/agents/{agent_id}/conversations", 503): 1,
        ("tektra", "GET", "/v1/agents/{agent_id}", 404): 1,
        ("tektra", "GET", "/v1/agents/{agent_id}", 401): 1,
        ("agent_api", "POST", "/api/v1/sessions", 201): 1,
        ("agent_api", "POST", "/api/v1/sessions/{session_id}/query", 200): 2,
        ("aimos", "GET", "/api/agents", 200): 2,
        ("aimos", "GET", "/api/agents/{agent_id}", 200): 1,
    }
    assert {kind: n for kind, n in told.items() if kind[2] not in watched} == expected
    for (dialect, method, route, status), n in expected.items():
        labels = {"dialect": dialect, "method": method, "route": route, "status": str(status)}
        assert value(page, "notebook_agents_http_requests_total", **labels) == n
    for text in (page, aimos):
        assert value(text, "aimos_requests_total", endpoint="/api/agents", method="GET") == 2
    for text in (page, mounted):
        query = {"method": "POST", "path": "/api/v1/sessions/{session_id}/query"}
        assert value(text, "api_requests_total", **query) == 2
    # With the three that asked for figures before it.
    assert stats["total_api_calls_today"] == sum(expected.values()) + 3
    owners = await core.analytics.query("SELECT sum(requests) FROM v_api", owner_id="")
    assert owners.rows[0][0] == 3, "two logins and one without an account"


async def test_a_new_server_goes_on_counting(people: People, core: Core, tmp_path: Path) -> None:
    await work(people)
    await people.owner.get("/metrics")
    found = await EventAnalytics(EventFiles(tmp_path / "log")).activity()
    assert sum(found.requests.values()) >= 12
    assert found.runs == {"succeeded": 3, "failed": 1}
