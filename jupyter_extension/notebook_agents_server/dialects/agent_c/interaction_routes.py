"""Agent C's interactions: conversations read back from the event log."""

from __future__ import annotations

from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_c import event_mapping
from notebook_agents_server.dialects.agent_c import interaction_mapping as mapping
from notebook_agents_server.dialects.agent_c import interaction_wire as wire
from notebook_agents_server.dialects.agent_c.handlers import SessionHandler
from notebook_agents_server.operations import operation

TOTAL_HEADER = "X-Total-Count"


class Interactions(SessionHandler):
    """``/api/v1/interactions``."""

    @operation(answer=wire.InteractionsAnswer, query=wire.ListInteractionsQuery, tag="interactions")
    async def get(self) -> None:
        """List the sessions of which something is recorded; their number is in `X-Total-Count`."""
        wish = mapping.list_from_wire(self.parse_query(wire.ListInteractionsQuery))
        page = await self.core.recordings.list(self.actor, wish)
        self.set_header(TOTAL_HEADER, str(page.total))
        self.reply(mapping.interactions_to_wire(page.items))


class Interaction(SessionHandler):
    """``/api/v1/interactions/{session_id}``."""

    @operation(answer=wire.InteractionDetailsAnswer, tag="interactions")
    async def get(self, session_id: str) -> None:
        """Get a recorded session with its files, its event types and what it used."""
        found = await self.ui_session(session_id)
        recordings = self.core.recordings
        details = await recordings.get(self.actor, found.id, counted=event_mapping.SHOWN)
        self.reply(mapping.details_to_wire(details))

    @operation(answer=wire.InteractionDeletedAnswer, errors=(409,), tag="interactions")
    async def delete(self, session_id: str) -> None:
        """Delete what is recorded of a session; the session stays. 409 while it replies."""
        found = await self.ui_session(session_id)
        await self.core.recordings.delete(self.actor, found.id)
        message = f"Session {session_id} deleted successfully"
        self.reply(wire.InteractionDeletedAnswer(message=message))


class InteractionFiles(SessionHandler):
    """``/api/v1/interactions/{session_id}/files``."""

    @operation(answer=wire.InteractionFilesAnswer, tag="interactions")
    async def get(self, session_id: str) -> None:
        """List the names of a session's JSONL files."""
        found = await self.ui_session(session_id)
        files = await self.core.recordings.files(self.actor, found.id)
        self.reply(wire.InteractionFilesAnswer(list(files)))


ROUTES: list[Route] = [
    (r"/api/v1/interactions/?", Interactions),
    (r"/api/v1/interactions/([^/]+)", Interaction),
    (r"/api/v1/interactions/([^/]+)/files", InteractionFiles),
]
