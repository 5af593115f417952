"""Tool servers at addresses: the protocol's HTTP streams, and the older events with posts.

Requests carry the headers that the owner gave and nothing else that could identify anybody: no
token, cookie or proxy setting of this server. Redirects stay at the address's own origin.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

    from notebook_agents.core.tool_server_rules import ToolServerKind
    from notebook_agents.mcp.host import Outbound

TIMEOUT = httpx2.Timeout(30.0, connect=5.0, read=120.0)


@asynccontextmanager
async def speaking_with(
    kind: ToolServerKind, url: str, headers: Mapping[str, str], outbound: Outbound
) -> AsyncGenerator[TransportStreams, None]:
    """Exchange messages with a server at an address."""
    transport = await asyncio.to_thread(outbound.transport)

    def client(
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            transport=transport,
            headers=headers,
            timeout=timeout or TIMEOUT,
            auth=auth,
            trust_env=False,
            follow_redirects=False,
        )

    if kind == "sse":
        from mcp.client.sse import sse_client

        async with sse_client(url, dict(headers), httpx_client_factory=client) as streams:
            yield streams
        return
    from mcp.client.streamable_http import streamable_http_client

    async with (
        client(dict(headers)) as http,
        streamable_http_client(url, http_client=http) as streams,
    ):
        yield streams
