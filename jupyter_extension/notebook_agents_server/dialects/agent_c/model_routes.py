"""Agent C's routes of models and personas."""

from __future__ import annotations

from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_c import model_mapping as mapping
from notebook_agents_server.dialects.agent_c import model_wire as wire
from notebook_agents_server.dialects.agent_c.handlers import SessionHandler
from notebook_agents_server.operations import operation


class Models(SessionHandler):
    """``GET /api/v1/models``."""

    @operation(answer=wire.ModelsAnswer, example="models")
    async def get(self) -> None:
        """Every model that is served here, with what can be set of it."""
        self.reply(mapping.models_to_wire(await self.core.models.list()))


class Personas(SessionHandler):
    """``GET /api/v1/personas``."""

    @operation(answer=wire.PersonasAnswer, example="personas")
    async def get(self) -> None:
        """Every persona, the default one first; read anew each time."""
        self.reply(mapping.personas_to_wire(await self.core.personas.list()))


ROUTES: list[Route] = [
    (r"/api/v1/models", Models),
    (r"/api/v1/personas", Personas),
]
