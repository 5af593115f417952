"""Tool servers behind this server's doors, for its kernels alone.

A kernel has no keys for the secrets of tool servers, so this server lists and calls for it: as the
user whose kernel it is, and only what that user's runs may use. The kernel has asked for approval.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from notebook_agents.core.errors import NotPermitted
from notebook_agents.core.tool_serving import (
    OUTSIDE_ANSWER,
    OUTSIDE_CALL,
    OutsideAnswer,
    call_for,
    tools_for,
)
from notebook_agents_server.base import BaseHandler, Route
from notebook_agents_server.identity import KERNEL_CREDENTIAL
from notebook_agents_server.operations import operation


class ToolServerHandler(BaseHandler):
    """Kernels only: through an agent, others have these tools with approval and a record."""

    accepts_kernels = True
    scope = "run"

    async def enter(self, credential: str) -> None:
        """Refuse everybody else."""
        await super().enter(credential)
        if self.actor.credential != KERNEL_CREDENTIAL:
            raise NotPermitted("only kernels of this server use tool servers here")

    async def answer(self, answer: Coroutine[Any, Any, OutsideAnswer]) -> None:
        """Say what came of it; a kernel that goes away ends it."""

        async def only_chunk() -> AsyncGenerator[bytes, None]:
            yield OUTSIDE_ANSWER.dump_json(await answer)

        kind = "application/json; charset=UTF-8"
        await self.stream(only_chunk(), content_type=kind, last_words=lambda _body: b"")


class ListTools(ToolServerHandler):
    """``POST /tool-servers/{id}/tools``."""

    @operation(answer=OUTSIDE_ANSWER, errors=(404,))
    async def post(self, id: str) -> None:
        """What a tool server lists now."""
        server_id = self.id_of("mcp server", id)
        await self.answer(tools_for(self.core.tool_servers, self.actor, server_id))


class CallTool(ToolServerHandler):
    """``POST /tool-servers/{id}/call``."""

    @operation(body=OUTSIDE_CALL, answer=OUTSIDE_ANSWER, errors=(404,))
    async def post(self, id: str) -> None:
        """Call a tool that is approved."""
        wish, server_id = self.parse_value(OUTSIDE_CALL), self.id_of("mcp server", id)
        await self.answer(call_for(self.core.tool_servers, self.actor, server_id, wish))


ROUTES: list[Route] = [
    (r"/tool-servers/([^/]+)/tools", ListTools),
    (r"/tool-servers/([^/]+)/call", CallTool),
]
