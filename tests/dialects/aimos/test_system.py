"""AIMOS, System APIs and Standard Error Responses: each row of the document, both mounts."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.events import MachineSampled
from notebook_agents.testing import FakeClock, fake_core
from notebook_agents_server.testing import Client

from .conftest import MakeAgent, People

SAMPLE = MachineSampled(
    cpu_percent=10,
    memory_percent=20,
    disk_percent=30,
    network_kib_s=4.5,
    n_active_agents=2,
    health_score=0.85,
)


async def series(api: Client, at_least: int) -> list[Any]:
    """The samples once there are so many."""
    async with asyncio.timeout(60):
        while True:
            found: list[Any] = (await api.get("/system/metrics")).json
            if len(found) >= at_least:
                return found


async def test_O_29_the_status_has_the_documented_keys(
    api: Client, people: People, make_agent: MakeAgent
) -> None:
    await make_agent("on")
    await make_agent("off", status="inactive")
    for asking in (api, people.ann):
        status = (await asking.get("/system/status")).json
        assert set(status) == {
            "status",
            "uptime_seconds",
            "version",
            "environment",
            "total_agents",
            "active_agents",
            "system_health_score",
            "last_execution",
        }
        assert status["status"] in ("healthy", "warning", "critical")
        assert (status["total_agents"], status["active_agents"]) == (2, 1)
        assert isinstance(status["uptime_seconds"], int)
        assert status["last_execution"] is None
        assert status["environment"] == "production"


async def test_O_30_the_version_is_the_documents_and_the_score_a_share(api: Client) -> None:
    status = (await api.get("/system/status")).json
    assert status["version"] == "2.0.0"
    assert 0 <= status["system_health_score"] <= 1


class TestEnvironment:
    @pytest.fixture
    def settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        return settings | {"environment": "staging"}

    async def test_O_29_the_environment_is_what_the_deployment_says(self, api: Client) -> None:
        assert (await api.get("/system/status")).json["environment"] == "staging"


async def test_O_31_metrics_are_a_series_newest_first(api: Client, make_agent: MakeAgent) -> None:
    await make_agent()
    samples = await series(api, at_least=3)
    assert set(samples[0]) == {
        "timestamp",
        "cpu_usage",
        "memory_usage",
        "disk_usage",
        "network_io",
        "active_agents_count",
        "system_health_score",
    }
    times = [sample["timestamp"] for sample in samples]
    assert times == sorted(times, reverse=True)
    for sample in samples:
        for usage in ("cpu_usage", "memory_usage", "disk_usage"):
            assert 0 <= sample[usage] <= 100
        assert sample["network_io"] >= 0
        assert 0 <= sample["system_health_score"] <= 1
    assert (await series(api, at_least=len(samples) + 1))[0]["active_agents_count"] == 1


class TestHours:
    @pytest.fixture
    def settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        return settings | {"sample_interval_s": 3600.0}

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def core(self, engine: Any, tmp_path: Any, clock: FakeClock) -> Core:
        return fake_core(engine=engine, home=tmp_path / "workspaces", clock=clock)

    async def test_O_32_hours_bound_the_period(
        self, api: Client, core: Core, clock: FakeClock
    ) -> None:
        await api.get("/system/status")  # waits for the server's own sample
        for _ in range(49):
            clock.advance(3600)
            core.samples.keep(SAMPLE)
        for hours, n in ((1, 1), (2, 2), (24, 24), (48, 48), (99, 50)):
            found = (await api.get(f"/system/metrics?hours={hours}")).json
            assert len(found) == n, hours
        assert len((await api.get("/system/metrics")).json) == 24
        for wrong in ("0", "-1", "x"):
            refused = await api.get(f"/system/metrics?hours={wrong}")
            assert refused.status == 400
            assert refused.json["errors"][0]["field"] == "hours"


def value_of(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found, name
    return float(found[1])


async def test_O_33_prometheus_text(api: Client, people: People) -> None:
    answer = await people.ann.get("/system/metrics/prometheus")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = answer.body.decode()
    for name, kind, words in (
        ("aimos_requests_total", "counter", "Total HTTP requests"),
        ("aimos_active_agents", "gauge", "Number of active agents"),
        ("aimos_system_health_score", "gauge", "Overall system health score"),
    ):
        assert f"# HELP {name} {words}\n" in text
        assert f"# TYPE {name} {kind}\n" in text
    assert all(re.match(r"(# (HELP|TYPE) )?aimos_", line) for line in text.splitlines())


async def test_O_34_requests_are_counted_by_the_pattern_of_their_path(
    api: Client, people: People, make_agent: MakeAgent
) -> None:
    id = await make_agent()
    for path in (f"/agents/{id}", "/agents/whatever", "/agents", "/agents?skip=0", "/agents/a/b"):
        await people.ann.get(path)
    text = (await api.get("/system/metrics/prometheus")).body.decode()
    name = 'aimos_requests_total{endpoint="%s",method="%s"}'
    assert value_of(text, name % ("/api/agents", "GET")) == 2
    assert value_of(text, name % ("/api/agents/{agent_id}", "GET")) == 2
    assert value_of(text, name % ("/api/agents", "POST")) == 1
    assert value_of(text, name % ("other", "GET")) == 1
    await people.nobody.post("/auth/login", {"username": "ann", "password": "wrong"})
    text = (await api.get("/system/metrics/prometheus")).body.decode()
    assert value_of(text, name % ("/api/auth/login", "POST")) == 1
    assert id not in text
    assert "whatever" not in text


async def test_O_35_active_agents_are_counted(api: Client, make_agent: MakeAgent) -> None:
    await make_agent("on")
    await make_agent("off", status="inactive")
    text = (await api.get("/system/metrics/prometheus")).body.decode()
    assert value_of(text, "aimos_active_agents") == 1


async def test_O_36_the_health_score_is_the_newest_samples(api: Client, core: Core) -> None:
    text = (await api.get("/system/metrics/prometheus")).body.decode()
    assert 0 < value_of(text, "aimos_system_health_score") <= 1


async def test_O_33_the_page_of_jupyter_has_them_too(api: Client, client: Client) -> None:
    await api.get("/agents")
    page = await client.get("/metrics")
    assert page.status == 200
    text = page.body.decode()
    assert 'aimos_requests_total{endpoint="/api/agents",method="GET"} 1.0' in text
    assert "http_request_duration_seconds" in text, "Jupyter's own"
    refused = await client.holding(None).get("/metrics")
    assert refused.status == 401


async def test_O_74_health_needs_no_credential(people: People) -> None:
    answer = await people.nobody.get("/health")
    assert answer.status == 200
    assert answer.json["status"] == "healthy"
    assert answer.json["version"] == "2.0.0"
    assert datetime.fromisoformat(answer.json["timestamp"]).tzinfo is not None


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/agents"),
        ("POST", "/agents"),
        ("GET", "/agents/x"),
        ("PUT", "/agents/x"),
        ("DELETE", "/agents/x"),
        ("POST", "/execute"),
        ("GET", "/executions"),
        ("GET", "/system/status"),
        ("GET", "/system/metrics"),
        ("GET", "/system/metrics/prometheus"),
    ],
)
async def test_O_57_without_credentials(people: People, verb: str, path: str) -> None:
    for asking in (people.nobody, people.nobody.holding("wrong")):
        answer = await asking.ask(verb, path, {} if verb in ("POST", "PUT") else None)
        assert answer.status == 401
        assert answer.json == {"detail": "Invalid authentication credentials"}
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_O_61_an_error_of_ours_has_an_id_that_the_log_knows(
    api: Client, core: Core, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret path")

    monkeypatch.setattr(core.batches, "list_runs", broken)
    answer = await api.get("/executions")
    assert answer.status == 500
    assert set(answer.json) == {"detail", "error_id"}
    assert answer.json["detail"] == "Internal server error"
    assert re.fullmatch(r"[0-9a-f]{32}", answer.json["error_id"])
    assert answer.json["error_id"] in caplog.text


async def test_an_unknown_path_is_a_json_404(api: Client, people: People) -> None:
    for path in ("/agents/a/b", "/system/none", "/executions/x", "/execute/x"):
        answer = await api.get(path)
        assert (answer.status, answer.json) == (404, {"detail": "Path not found"})
        assert (await people.nobody.get(path)).status == 401


async def test_jupyters_own_api_is_not_shadowed(client: Client) -> None:
    for path in ("/api", "/api/status", "/api/me", "/api/kernelspecs", "/api/sessions"):
        assert (await client.get(path)).status == 200, path
