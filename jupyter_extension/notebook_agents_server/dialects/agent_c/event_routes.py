"""Agent C's events: read at once, streamed, and replayed with their timing."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_c import event_mapping as mapping
from notebook_agents_server.dialects.agent_c import event_wire as wire
from notebook_agents_server.dialects.agent_c.handlers import SessionHandler
from notebook_agents_server.dialects.agent_c.interaction_mapping import printed
from notebook_agents_server.operations import operation

if TYPE_CHECKING:
    from notebook_agents.core.replays import Replay

SSE = "text/event-stream"
REPLAY_HEADER = "X-Replay-ID"
SIGN_OF_LIFE = b": still here\n\n"
"""A comment, which clients leave out; proxies cut what is silent for long."""


class Events(SessionHandler):
    """``/api/v1/events/{session_id}``."""

    @operation(answer=wire.EventsAnswer, query=wire.EventsQuery, tag="events")
    async def get(self, session_id: str) -> None:
        """Get a session's events, oldest first; 404 when none is as asked for."""
        wish = mapping.read_from_wire(self.parse_query(wire.EventsQuery))
        found = await self.ui_session(session_id)
        events = await self.core.recordings.events(self.actor, found.id, wish)
        self.reply(mapping.events_to_wire(events, printed(found)))


class EventStream(SessionHandler):
    """``/api/v1/events/{session_id}/stream``."""

    @operation(query=wire.StreamQuery, content_type=SSE, errors=(429,), tag="events")
    async def get(self, session_id: str) -> None:
        """Stream what is recorded of a session, at once or with its timing, as a replay.

        Each event is a `data:` line; the last is `{"type": "stream_complete"}`. The header
        `X-Replay-ID` names the replay for its control.
        """
        query = self.parse_query(wire.StreamQuery)
        found = await self.ui_session(session_id)
        wish = mapping.replay_from_wire(found.id, query)
        replay = await self.core.replays.start(self.actor, wish)
        self.set_header(REPLAY_HEADER, replay.id)
        chunks = self._frames(replay, printed(found))
        await self.stream(chunks, content_type=SSE, last_words=_error_frame)

    async def _frames(self, replay: Replay, session_id: str) -> AsyncGenerator[bytes, None]:
        heartbeat_s = self.services.heartbeat_s
        watched = self.core.replays.watch(replay, heartbeat_s=heartbeat_s)
        async with aclosing(watched) as events:
            async for recorded in events:
                event = recorded and mapping.event_to_wire(recorded, session_id)
                yield _frame(event.model_dump_json()) if event else SIGN_OF_LIFE
        yield _frame(wire.StreamEnded().model_dump_json())


class ReplayStatus(SessionHandler):
    """``/api/v1/events/{session_id}/replay-status``."""

    is_activity = False

    @operation(answer=wire.ReplayStatusAnswer, query=wire.ReplayQuery, tag="events")
    async def get(self, session_id: str) -> None:
        """Say where a replay is: the newest, or that of `replay_id`; for 10 minutes after it."""
        query = self.parse_query(wire.ReplayQuery)
        found = await self.ui_session(session_id)
        status = self.core.replays.status(self.actor, found.id, query.replay_id)
        self.reply(mapping.status_to_wire(status, printed(found)))


class ReplayControl(SessionHandler):
    """``/api/v1/events/{session_id}/replay/control``."""

    @operation(answer=wire.ReplayControlledAnswer, body=wire.ControlReplayRequest, tag="events")
    async def post(self, session_id: str) -> None:
        """Play, pause, stop or move a replay that is being streamed; 400 when none is."""
        body = self.parse(wire.ControlReplayRequest)
        found = await self.ui_session(session_id)
        status = self.core.replays.control(self.actor, mapping.control_from_wire(found.id, body))
        self.reply(wire.ReplayControlledAnswer(action=body.action, replay_id=status.id))


def _frame(text: str) -> bytes:
    return f"data: {text}\n\n".encode()


def _error_frame(body: dict[str, Any]) -> bytes:
    return _frame(json.dumps({"type": "error"} | body))


ROUTES: list[Route] = [
    (r"/api/v1/events/([^/]+)", Events),
    (r"/api/v1/events/([^/]+)/stream", EventStream),
    (r"/api/v1/events/([^/]+)/replay-status", ReplayStatus),
    (r"/api/v1/events/([^/]+)/replay/control", ReplayControl),
]
