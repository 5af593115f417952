"""Netra's health and configuration: open to everybody, and true."""

from __future__ import annotations

from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents_server.command import DEFAULT_PORT
from notebook_agents_server.testing import Client


@pytest.fixture
def nobody(netra: Client) -> Client:
    return netra.holding(None)


@pytest.fixture
def no_database(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Breaks the records when it is asked to."""

    async def broken(*_: Any) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(core.users, "find", broken)


def test_N_01_the_documented_development_host_is_the_default() -> None:
    assert DEFAULT_PORT == 8000


async def test_N_32_N_33_health_says_the_version_of_the_api(client: Client) -> None:
    answer = await client.holding(None).get("/notebook-agents/netra/health")
    assert answer.status == 200
    assert set(answer.json) == {"status", "timestamp", "version"}
    assert (answer.json["status"], answer.json["version"]) == ("healthy", "2.0.0")
    assert answer.json["timestamp"].endswith("Z")


async def test_N_35_ready_says_what_is_connected(nobody: Client) -> None:
    answer = await nobody.get("/health/ready")
    assert answer.status == 200
    assert answer.json == {
        "ready": True,
        "checks": {"database": "connected", "redis": "not_used", "clickhouse": "not_used"},
    }


async def test_N_37_dependencies_are_the_real_ones_beside_the_documented(nobody: Client) -> None:
    answer = await nobody.get("/health/dependencies")
    assert answer.status == 200
    found = answer.json["dependencies"]
    for name in ("postgresql", "clickhouse", "redis", "openai_api"):
        assert found[name] == {"status": "not_used", "latency_ms": 0.0}
    for name in ("memory", "analytics", "engine", "sandbox"):
        assert found[name]["status"] == "healthy"
        assert found[name]["latency_ms"] >= 0
    assert answer.json["overall_status"] == "healthy"


async def test_N_38_N_39_N_40_N_41_the_configuration_tells_the_limits(nobody: Client) -> None:
    answer = await nobody.get("/api/config")
    assert answer.status == 200
    config = answer.json
    assert config["environment"] == "production"
    assert config["features"] == {
        "oauth_enabled": False,
        "websocket_enabled": True,
        "analytics_enabled": True,
    }
    assert config["limits"]["max_message_length"] == 10_000
    assert config["limits"]["max_thread_messages"] == 1000


class TestLimits:
    """With the document's numbers."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {}

    async def test_N_41_the_configuration_tells_how_many_requests_are_allowed(
        self, nobody: Client
    ) -> None:
        assert (await nobody.get("/api/config")).json["limits"]["rate_limit_requests"] == 100


class TestOtherSettings:
    """As the deployment wants it."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {
            "rate_limits": {"netra.general": "7/minute"},
            "oauth_client_id": "here",
            "environment": "staging",
        }

    async def test_N_38_the_configuration_tells_what_is_set(self, nobody: Client) -> None:
        config = (await nobody.get("/api/config")).json
        assert config["limits"]["rate_limit_requests"] == 7
        assert config["features"]["oauth_enabled"] is True
        assert config["environment"] == "staging"


@pytest.mark.usefixtures("no_database")
class TestWithoutRecords:
    """The server cannot read its records."""

    @pytest.fixture
    def no_database(self, nobody: Client, no_database: None) -> None:
        """Only once the server is up."""

    async def test_N_34_N_36_N_81_it_is_unavailable_and_says_what_is_missing(
        self, nobody: Client, client: Client
    ) -> None:
        health = await client.holding(None).get("/notebook-agents/netra/health")
        assert (health.status, health.json["status"]) == (503, "unhealthy")
        ready = await nobody.get("/health/ready")
        assert (ready.status, ready.json["ready"]) == (503, False)
        assert ready.json["checks"]["database"] == "disconnected"
        found = (await nobody.get("/health/dependencies")).json
        assert found["dependencies"]["memory"]["status"] == "unhealthy"
        assert found["overall_status"] == "unhealthy"
        assert b"disk" not in health.body + ready.body


async def test_N_81_before_the_server_is_up_everything_is_unavailable(
    http_server_client: Any, jp_serverapp: Any
) -> None:
    url = f"{jp_serverapp.base_url}notebook-agents/netra"
    ready = await http_server_client.fetch(f"{url}/health/ready", raise_error=False)
    assert ready.code == 503
    credential = {"Authorization": "Bearer something"}
    threads = await http_server_client.fetch(
        f"{url}/api/threads", headers=credential, raise_error=False
    )
    assert (threads.code, b"SERVICE_UNAVAILABLE" in threads.body) == (503, True)
