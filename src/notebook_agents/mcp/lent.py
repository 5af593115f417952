"""`LentMcpHost`: the host of a process without keys that knows a server, such as a kernel.

The server lists and calls, in connections of its own; only texts and schemas are read here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpcore2  # noqa: F401 - httpx2 imports it with its first client, on the event loop
import httpx2

from notebook_agents.core.errors import ToolFailed
from notebook_agents.core.outside_tools import OutsideResult, OutsideTool, ServerHealth
from notebook_agents.core.tool_serving import (
    MAX_TIMEOUT_S,
    OUTSIDE_ANSWER,
    OUTSIDE_CALL,
    PATH,
    OutsideAnswer,
    OutsideCall,
)
from notebook_agents.mcp.host import McpHost, Outbound
from notebook_agents.mcp.programs import Worlds

if TYPE_CHECKING:
    from notebook_agents.core.tool_servers import ToolServer
    from notebook_agents.core.tools import ToolInvocation

LIST_S = 60.0
"""A server may have to be started first."""
LATER_S = 5.0
"""How much longer to wait than the server does, so that its words arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerWay:
    """How a kernel finds the server that started it."""

    url: str
    """With its base path."""
    token: str = field(repr=False)
    trust: Callable[[], ssl.SSLContext | bool]
    """Whom to believe over TLS; blocks."""


class LentMcpHost(McpHost):
    """Has a server keep the connections."""

    runs_here = False

    def __init__(self, worlds: Worlds, outbound: Outbound, way: ServerWay) -> None:
        super().__init__(worlds, outbound, None)
        self._way = way

    async def tools(self, server: ToolServer, user_id: str) -> Sequence[OutsideTool]:  # noqa: ARG002
        """What the server lists now."""
        return (await self._ask(f"{server.id}/tools", b"{}", LIST_S)).tools

    async def call(
        self, server: ToolServer, tool: OutsideTool, invocation: ToolInvocation
    ) -> OutsideResult:
        """Use a tool; giving up here ends the call there."""
        wish = OutsideCall(
            tool=tool.tool,
            digest=tool.digest,
            arguments=invocation.arguments,
            timeout_s=min(invocation.timeout_s, MAX_TIMEOUT_S),
        )
        body = OUTSIDE_CALL.dump_json(wish)
        answer = await self._ask(f"{server.id}/call", body, wish.timeout_s)
        if answer.result is None:
            raise ToolFailed("the server did not say what came of the call")
        return answer.result

    def health(self, server: ToolServer, user_id: str) -> ServerHealth:  # noqa: ARG002
        """Nothing is known here of connections elsewhere."""
        return ServerHealth()

    async def _ask(self, path: str, body: bytes, timeout_s: float) -> OutsideAnswer:
        way = self._way
        try:
            async with httpx2.AsyncClient(
                verify=await asyncio.to_thread(way.trust),
                timeout=timeout_s + LATER_S,
                trust_env=False,  # A proxy would see the token.
            ) as client:
                response = await client.post(
                    f"{way.url.rstrip('/')}{PATH}/{path}",
                    content=body,
                    headers={
                        "Authorization": f"Bearer {way.token}",
                        "Content-Type": "application/json",
                    },
                )
        except httpx2.TimeoutException as error:
            raise ToolFailed("the server did not answer in time", reason="TIMEOUT") from error
        except httpx2.TransportError as error:
            raise ToolFailed("the server that calls tool servers cannot be reached") from error
        if not response.is_success:
            raise ToolFailed(f"the server that calls tool servers said {response.status_code}")
        answer = OUTSIDE_ANSWER.validate_json(response.content)
        if answer.failure:
            raise ToolFailed(answer.failure, reason=answer.reason or None)
        return answer


__all__ = ["LentMcpHost", "ServerWay"]
