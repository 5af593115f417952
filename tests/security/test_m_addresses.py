"""M07: a tool server at an address gets what its owner gave, and leads nowhere else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from tests.mcp.conftest import ANN

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.tool_servers import RegisterToolServer
from notebook_agents.mcp.host import McpHost
from notebook_agents.mcp.programs import Worlds
from notebook_agents.outbound.addresses import Rules
from notebook_agents.outbound.targets import Guard
from notebook_agents.outbound.transport import Outbound
from notebook_agents.testing import fake_core
from notebook_agents.webhooks.signatures import SealedSecrets

from .sites import OUTSIDE, Site, answering, moved

CANARY = "canary-of-the-server"


@pytest.fixture
async def sites() -> AsyncIterator[tuple[Site, Site]]:
    """One that may be reached, and one that may not."""
    site, inner = await Site().open(), await Site().open("127.0.0.1")
    yield site, inner
    await site.close()
    await inner.close()


def unauthorised(metadata: str) -> bytes:
    challenge = f'WWW-Authenticate: Bearer resource_metadata="{metadata}", error="invalid_token"'
    body = json.dumps({"jsonrpc": "2.0", "id": 0, "error": {"code": -1, "message": "token?"}})
    return answering(body.encode(), "application/json", challenge, status="401 Unauthorized")


async def test_m07_no_answer_of_a_tool_server_leads_inside_or_gets_a_token_of_ours(
    sites: tuple[Site, Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, inner = sites
    for name in ("JUPYTER_TOKEN", "JUPYTERHUB_API_TOKEN", "NOTEBOOK_AGENTS_TOKEN"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("HTTP_PROXY", inner.url())
    rules = Rules(opened=(ip_network(f"{OUTSIDE}/32"),))
    secrets = SealedSecrets(lambda: [b"k" * 32], purpose=b"tool servers")
    outbound = Outbound(Guard(rules, allow_http=True, setting="mcp_allow_private"))
    host = McpHost(Worlds(tmp_path / "worlds"), outbound, secrets)
    core = fake_core(home=tmp_path / "work", tool_servers=host)
    await core.start()
    for n, answer in enumerate(
        (
            unauthorised(inner.url("/.well-known/oauth-protected-resource")),
            unauthorised("http://169.254.169.254/latest/meta-data/"),
            moved(inner.url("/mcp"), "307 Temporary Redirect"),
            moved("http://169.254.169.254/", "308 Permanent Redirect"),
        )
    ):
        site.answers["/mcp"] = answer
        secret = {"Authorization": "Bearer of-the-owner"}
        wish = RegisterToolServer(
            name=f"server {n}", kind="http", url=site.url("/mcp"), secrets=secret
        )
        server = await core.tool_servers.register(ANN, wish)
        found, _ = await core.tool_servers.health(ANN, server.id)
        assert found.status == "failed"
    assert inner.n_connections == 0
    assert site.heads
    for head in site.heads:
        assert CANARY not in head
        assert "cookie" not in head.lower()
        assert "authorization: bearer of-the-owner" in head.lower()
    for url in (inner.url("/mcp"), "https://169.254.169.254/mcp", f"https://u:p@{OUTSIDE}/"):
        with pytest.raises(InvalidRequest):
            await core.tool_servers.register(
                ANN, RegisterToolServer(name="inside", kind="http", url=url)
            )
    await core.aclose()
