"""The V2 health endpoints, and the door that the owner of a machine may open."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp

from notebook_agents.core.core import Core
from notebook_agents.core.events import Event
from notebook_agents.core.journal import RelayReport
from notebook_agents.core.telemetry import TelemetryReport
from notebook_agents.testing import MemoryStore, fake_core
from notebook_agents_server.dialects.agent_c import health_mapping as mapping
from notebook_agents_server.testing import Client, services_of

from .conftest import People, initialize

REPORT = RelayReport(
    is_reachable=True,
    can_write=True,
    latency_ms=0.25,
    server={"redis_version": "7.2", "used_memory": 1000},
    n_connections=2,
)


class Shared:
    """A relay that does as it is told, with nobody on the other side."""

    report_now: RelayReport | None = REPORT

    def send(self, event: Event) -> None:
        """Nobody listens."""

    def listen(self, show: Callable[[Event], None]) -> None:
        """Nobody sends."""

    async def read(self, run_id: str, *, after: int = 0) -> Sequence[Event] | None:
        return ()

    async def report(self) -> RelayReport:
        assert self.report_now is not None
        return self.report_now

    async def aclose(self) -> None:
        """Nothing to release."""


class Flaky(MemoryStore):
    """A database that can be away."""

    is_away = False

    async def find(self, kind: Any, query: Any) -> Any:
        if self.is_away:
            raise OSError("the database is away")
        return await super().find(kind, query)


@pytest.fixture
def store() -> Flaky:
    return Flaky()


@pytest.fixture
def relay(request: pytest.FixtureRequest) -> Shared | None:
    return Shared() if getattr(request, "param", False) else None


@pytest.fixture
def core(store: Flaky, relay: Shared | None, tmp_path: Path) -> Core:
    return fake_core(store=store, relay=relay, home=tmp_path / "workspaces")


@pytest.fixture(params=["", "/notebook-agents/agent_c"], ids=["root", "prefix"])
def v2(request: pytest.FixtureRequest, client: Client) -> Client:
    return client.below(f"{request.param}/api/v2")


async def test_C_01_C_04_C_05_C_06_anybody_may_ask_how_the_server_does(v2: Client) -> None:
    anybody = v2.holding(None)
    health = await anybody.get("/health")
    assert health.status == 200
    assert (health.json["status"], health.json["version"]) == ("healthy", "2.0")
    assert abs(health.json["timestamp"] - time.time()) < 60
    services = health.json["services"]
    assert services["session_store"]["backend"] == "memory"
    assert services["redis"]["status"] == "not_used"
    ready = await anybody.get("/health/ready")
    assert (ready.status, ready.json["ready"]) == (200, True)
    assert ready.json["checks"] == {"session_store": True}
    live = await anybody.get("/health/live")
    assert (live.status, live.json["alive"]) == (200, True)


def test_a_collector_that_takes_nothing_is_told_of_where_there_is_one() -> None:
    found = mapping.Found(at=datetime.now(UTC), database="memory", reads=True, has_engine=True)
    assert "telemetry" not in mapping.health_to_wire(found).services
    told = mapping.health_to_wire(replace(found, telemetry=TelemetryReport(state="working")))
    assert (told.status, told.services["telemetry"].status) == ("healthy", "healthy")
    told = mapping.health_to_wire(replace(found, telemetry=TelemetryReport(state="failing")))
    assert (told.status, told.services["telemetry"].status) == ("degraded", "degraded")


async def test_without_its_database_the_server_lives_but_is_not_ready(
    v2: Client, store: Flaky
) -> None:
    store.is_away = True
    anybody = v2.holding(None)
    health = await anybody.get("/health")
    assert (health.status, health.json["status"]) == (503, "unhealthy")
    ready = await anybody.get("/health/ready")
    assert (ready.status, ready.json["ready"]) == (503, False)
    assert (await anybody.get("/health/live")).status == 200


async def test_C_02_C_03_C_07_without_redis_the_diagnostics_are_those_of_the_database(
    v2: Client, people: People
) -> None:
    told = await v2.get("/debug/health/redis")
    assert told.status == 200
    assert (told.json["status"], told.json["backend"]) == ("healthy", "memory")
    assert told.json["redis"] == "not_used"
    checks = told.json["checks"]
    assert set(checks) == {
        "connectivity",
        "performance",
        "server_info",
        "connection_pool",
        "operational",
    }
    assert checks["operational"] == {"status": "healthy", "details": {"reads": True}}
    assert (await v2.holding(None).get("/debug/health/redis")).status == 401
    ann = v2.holding(people.ann.headers["Authorization"].removeprefix("Bearer "))
    assert (await ann.get("/debug/health/redis")).status == 403


@pytest.mark.parametrize("relay", [True], indirect=True)
async def test_C_07_the_diagnostics_of_redis(client: Client, relay: Shared) -> None:
    v2 = client.below("/api/v2")
    told = (await v2.get("/debug/health/redis")).json
    assert (told["status"], told["redis"]) == ("healthy", "healthy")
    assert told["checks"]["server_info"]["details"] == REPORT.server
    assert told["checks"]["performance"]["details"] == {"latency_ms": 0.25}
    assert told["checks"]["connection_pool"]["details"] == {"connections": 2}
    relay.report_now = replace(REPORT, latency_ms=500)
    assert (await v2.get("/debug/health/redis")).json["status"] == "degraded"
    relay.report_now = RelayReport(is_reachable=False, detail="TimeoutError")
    told = (await v2.get("/debug/health/redis")).json
    assert (told["status"], told["redis"]) == ("unhealthy", "unhealthy")
    assert told["checks"]["connectivity"]["details"] == {"reason": "TimeoutError"}
    # The product goes on without Redis: other servers' events come late.
    health = (await v2.get("/health")).json
    assert health["status"] == "degraded"
    assert (await v2.get("/health/ready")).json["checks"] == {
        "session_store": True,
        "redis": False,
    }


# -- the open door -----------------------------------------------------------------------------


async def test_C_08_without_a_setting_every_request_needs_a_credential(api: Client) -> None:
    answer = await api.holding(None).post("/initialize", {"model_name": "o1"})
    assert answer.status == 401


async def test_C_08_the_owner_may_open_agent_c_to_programs_on_this_machine(
    api: Client, client: Client, jp_serverapp: ServerApp
) -> None:
    services = services_of(jp_serverapp)
    assert services.gatekeeper is not None
    services.gatekeeper = replace(services.gatekeeper, open_dialects=frozenset({"agent_c"}))
    services.allow_origins = ("https://ui.example.org",)
    anybody = api.holding(None)
    session = await initialize(anybody)
    assert (await api.get(f"/verify_session/{session}")).json == {"valid": True}  # the owner's
    origin = f"http://{anybody.origin.removeprefix('http://')}"
    for own in (
        {"Origin": origin},
        {"Origin": "https://ui.example.org"},
        {"Sec_Fetch_Site": "none"},
    ):
        assert (await anybody.get("/personas", **own)).status == 200, own
    foreign: dict[str, int] = {"Origin": 403, "Sec_Fetch_Site": 403, "X_Forwarded_For": 401}
    values = {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"}
    for name, status in foreign.items():
        answer = await anybody.get("/personas", **{name: values.get(name, "10.0.0.1")})
        assert answer.status == status, name
    # Only this dialect, only its plain rights, and only for whom it was opened.
    assert (await client.holding(None).get("/v1/agents")).status == 401
    assert (await client.holding(None).get("/api/v2/debug/health/redis")).status == 403
    assert (await api.holding("nba_" + "0" * 40).get("/personas")).status == 401
