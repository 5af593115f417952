"""Agent C's route that deletes all sessions."""

from __future__ import annotations

from notebook_agents_server.base import BaseHandler, Route
from notebook_agents_server.dialects.agent_c import clearing_mapping, clearing_wire
from notebook_agents_server.dialects.agent_c.dialect import AGENT_C
from notebook_agents_server.operations import operation


class Clearing(BaseHandler):
    """``DELETE /api/v1/sessions``."""

    dialect = AGENT_C

    @operation(answer=clearing_wire.ClearAnswer, query=clearing_wire.ClearQuery, errors=(400, 403))
    async def delete(self) -> None:
        """Delete your sessions of this API, running ones too; an administrator may delete all."""
        query = self.parse_query(clearing_wire.ClearQuery)
        n_deleted = await self.core.clearing.clear(
            self.actor, AGENT_C.name, everybody=query.scope == "all"
        )
        self.reply(clearing_mapping.cleared_to_wire(n_deleted))


ROUTES: list[Route] = [(r"/api/v1/sessions", Clearing)]
