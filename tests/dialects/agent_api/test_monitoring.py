"""AI-Agent-API-Service, Monitoring Endpoints and API Documentation."""

from __future__ import annotations

from typing import Any

import pytest

from notebook_agents_server.testing import Client, services_of

from .conftest import asked, made

MOUNTS = ("", "/notebook-agents/agent_api")


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False, "environment": "staging"}


async def test_S_55_S_56_health_needs_no_credential(client: Client, jp_serverapp: Any) -> None:
    anybody = client.holding(None)
    answer = await anybody.get("/notebook-agents/agent_api/health")
    assert answer.status == 200
    assert answer.json == {
        "status": "healthy",
        "service": "AI-Agent-API-Service",
        "version": "1.0.0",
        "environment": "staging",
    }
    at_root = (await anybody.get("/health")).json
    assert {"status", "service", "version", "environment", "timestamp"} <= set(at_root)
    services = services_of(jp_serverapp)
    core, services.core = services.core, None
    try:
        assert (await anybody.get("/notebook-agents/agent_api/health")).status == 503
    finally:
        services.core = core  # or nobody would stop it and take its metrics back


@pytest.mark.parametrize("mount", MOUNTS)
async def test_S_57_S_58_S_59_metrics_count_sessions_and_requests(
    client: Client, mount: str
) -> None:
    at = client.below(mount)
    first = (await made(at))["id"]
    await made(at)
    await asked(at, first)
    await at.get(f"/api/v1/sessions/{first}")
    answer = await at.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    text = answer.body.decode()
    assert "# TYPE sessions_total counter" in text
    assert 'sessions_total{status="active"} 1.0' in text
    assert 'sessions_total{status="created"} 1.0' in text
    assert "# TYPE api_requests_total counter" in text
    assert 'api_requests_total{method="POST",path="/api/v1/sessions"} 2.0' in text
    assert 'api_requests_total{method="GET",path="/api/v1/sessions/{session_id}"} 1.0' in text
    assert first not in text
    assert 'aimos_requests_total{endpoint="/api/v1/sessions"' not in text
    assert ("aimos_active_agents" in text) is (mount == "")


@pytest.mark.parametrize("mount", MOUNTS)
async def test_S_57_metrics_need_a_credential_where_the_deployment_says_so(
    client: Client, jp_serverapp: Any, mount: str
) -> None:
    anybody = client.below(mount).holding(None)
    assert (await anybody.get("/metrics")).status == 401
    services_of(jp_serverapp).shows_metrics = True
    assert (await anybody.get("/metrics")).status == 200
    services_of(jp_serverapp).shows_metrics = False
    jp_serverapp.web_app.settings["authenticate_prometheus"] = False
    assert (await anybody.get("/metrics")).status == 200


@pytest.mark.parametrize("mount", MOUNTS)
async def test_S_79_S_80_S_81_documents_without_a_credential_or_the_internet(
    client: Client, mount: str
) -> None:
    anybody = client.below(mount).holding(None)
    for path, title in (("/docs", "swagger"), ("/redoc", "redoc")):
        page = await anybody.get(path)
        assert page.status == 200
        assert title in page.body.decode().lower()
        assert "https://" not in page.body.decode()
    document = (await anybody.get("/api/v1/openapi.json")).json
    assert document["openapi"].startswith("3.1")
    assert {"/api/v1/auth/login", "/api/v1/sessions", "/api/v1/admin/stats", "/health"} <= set(
        document["paths"]
    )


@pytest.mark.parametrize("mount", MOUNTS)
async def test_S_01_S_02_every_path_is_below_the_documented_prefix(
    client: Client, mount: str
) -> None:
    document = (await client.below(mount).get("/api/v1/openapi.json")).json
    above = {path for path in document["paths"] if not path.startswith("/api/v1/")}
    assert above <= {"/health", "/metrics", "/docs", "/redoc"}
    assert len(document["paths"]) - len(above) > 15
    assert document["servers"][0]["url"].endswith(mount)
