"""The AI-Agent-API-Service shows nobody the MCP servers of somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.conftest import Two, check_hidden

PATH = "/api/v1/mcp-servers"


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


@pytest.mark.parametrize("mount", ["", "/notebook-agents/agent_api"])
async def test_mcp_servers_are_their_owners(two: Two, mount: str) -> None:
    hidden = Two(two.ann.below(mount), two.bob.below(mount))
    wish = {"name": "Mine", "server_type": "SSE", "url": "https://example.org/sse"}
    id = (await hidden.ann.post(PATH, wish)).json["id"]
    await check_hidden(hidden, "GET", PATH + "/{}", id)
    await check_hidden(hidden, "PUT", PATH + "/{}", id, {"is_enabled": False})
    await check_hidden(hidden, "DELETE", PATH + "/{}", id)
    await check_hidden(hidden, "GET", PATH + "/{}/health", id)
    await check_hidden(hidden, "GET", PATH + "/{}/tools", id)
    await check_hidden(hidden, "POST", PATH + "/{}/tools/approve", id, {})
    assert (await hidden.bob.get(PATH)).json["total"] == 0
    assert "example.org" not in (await hidden.bob.get(f"{PATH}/export")).body.decode()
    assert (await hidden.ann.get(f"{PATH}/{id}")).status == 200
