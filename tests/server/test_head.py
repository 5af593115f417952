"""HEAD answers what GET does, without the body."""

from __future__ import annotations

import pytest

from notebook_agents_server.testing import Client

PATHS = (
    "/v1/agents",
    "/v1/health",
    "/api/agents",
    "/api/auth/me",
    "/metrics",
    "/docs",
    "/notebook-agents/netra/api/config",
    "/notebook-agents/tektra/openapi.json",
    "/notebook-agents/engine/models",
)


@pytest.mark.parametrize("path", PATHS)
async def test_head_is_get_without_a_body(client: Client, path: str) -> None:
    full = await client.get(path)
    bare = await client.ask("HEAD", path)
    assert (full.status, bare.status) == (200, 200)
    assert bare.body == b""
    assert bare.headers["Content-Type"] == full.headers["Content-Type"]
    assert int(bare.headers["Content-Length"]) > 0
    asked = await client.ask("OPTIONS", path)
    assert asked.headers["Allow"].split(", ")[:2] == ["GET", "HEAD"]


async def test_head_is_refused_as_get_is(client: Client) -> None:
    assert (await client.holding(None).ask("HEAD", "/v1/agents")).status == 401
    assert (await client.ask("HEAD", "/v1/agents/nothing")).status == 404
    refused = await client.ask("HEAD", "/v1/auth/login")
    assert (refused.status, refused.body) == (405, b"")
    assert "HEAD" not in refused.headers["Allow"]
