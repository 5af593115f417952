"""Agent C's route for tools."""

from __future__ import annotations

from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_c import tool_mapping, tool_wire
from notebook_agents_server.dialects.agent_c.handlers import SessionHandler
from notebook_agents_server.operations import operation


class Tools(SessionHandler):
    """``GET /api/v1/tools``."""

    @operation(answer=tool_wire.ToolsAnswer)
    async def get(self) -> None:
        """List the toolsets that there are for you, by group."""
        self.reply(tool_mapping.tools_to_wire(await self.core.toolsets.list(self.actor)))


ROUTES: list[Route] = [(r"/api/v1/tools", Tools)]
