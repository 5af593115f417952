"""Agent C's routes of the chat."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import InvalidRequest, NotFound
from notebook_agents.core.events import RunFinished
from notebook_agents.core.messages import Message, TextPart
from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_c import chat_mapping as mapping
from notebook_agents_server.dialects.agent_c import chat_wire as wire
from notebook_agents_server.dialects.agent_c.encoder import EventEncoder, Stage
from notebook_agents_server.dialects.agent_c.handlers import SessionHandler
from notebook_agents_server.operations import operation

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.events import Event
    from notebook_agents.core.runs import Run


class Chat(SessionHandler):
    """``POST /api/v1/chat``."""

    scope = "run"

    @operation(
        form=wire.ChatRequest,
        body=wire.ChatRequest,
        query=wire.ChatQuery,
        content_type="text/plain",
        errors=(400, 404, 409),
    )
    async def post(self) -> None:
        """Say something in a session; the answer streams while it is made.

        One JSON object per line, from ``interaction_start`` to ``interaction_end``. With
        ``?format=text`` bare text, with ``Accept: text/event-stream`` server-sent events. The
        answer goes on without its reader; the same request with ``Last-Event-ID`` reads on.
        """
        format = mapping.format_of(
            self.parse_query(wire.ChatQuery), self.request.headers.get("Accept", "")
        )
        body = self.parse_form_or_json(wire.ChatRequest)
        session = await self.ui_session(body.ui_session_id)
        place = mapping.Place.read(self.request.headers.get("Last-Event-ID", ""))
        run = await (
            self._begin(session, body) if place is None else self._found(place, session, body)
        )
        await self._stream(session, run, place, format)

    async def _begin(self, session: Conversation, body: wire.ChatRequest) -> Run:
        ids = mapping.file_ids_from_wire(body.file_ids)
        files = await self.core.attachments.message_parts(self.actor, session.id, ids)
        message = Message(role="user", parts=(TextPart(text=body.message), *files))
        return await self.core.chats.say(self.actor, session, message)

    async def _found(
        self, place: mapping.Place, session: Conversation, body: wire.ChatRequest
    ) -> Run:
        """The run that a client reads on; it must be the answer to the same message."""
        run = await self.core.runs.get(self.actor, place.run_id)
        if run.conversation_id != session.id:
            raise NotFound("run", place.run_id)
        if run.input.text != body.message:
            raise InvalidRequest("Last-Event-ID belongs to the answer to another message")
        return run

    async def _stream(
        self, session: Conversation, run: Run, place: mapping.Place | None, format: mapping.Format
    ) -> None:
        chat = await self.core.chats.of(self.actor, session)
        stage = Stage(session_id=chat.name, vendor=chat.model.backend, model=run.model)
        encoder = EventEncoder(stage, is_resumed=place is not None and place.run_seq > 1)
        self.set_header("X-Accel-Buffering", "no")

        def last_words(body: dict[str, Any]) -> bytes:
            return mapping.lines_of(encoder.broken(run.id, str(body["detail"])), format)

        await self.stream(
            self._answer(run, encoder, place, format),
            content_type=mapping.CONTENT_TYPES[format],
            last_words=last_words,
            sign_of_life=mapping.SIGN_OF_LIFE if format == "sse" else b"",
        )

    async def _answer(
        self, run: Run, encoder: EventEncoder, place: mapping.Place | None, format: mapping.Format
    ) -> AsyncGenerator[bytes, None]:
        after = 0 if place is None else place.run_seq - 1
        async with aclosing(self.core.runs.events(self.actor, run.id, after=after)) as events:
            async for event in events:
                found = encoder.encode(event, await self._history(event))
                n_had = place.n_frames if place and place.run_seq == event.run_seq else 0
                at = mapping.Place(run_id=run.id, run_seq=event.run_seq, n_frames=n_had)
                if chunk := mapping.lines_of(found[n_had:], format, at):
                    yield chunk

    async def _history(self, event: Event) -> Any:
        if not isinstance(event.body, RunFinished):
            return ()
        return await self.core.conversations.messages(self.actor, event.conversation_id)


class Cancel(SessionHandler):
    """``POST /api/v1/cancel``."""

    scope = "run"

    @operation(
        form=wire.CancelRequest,
        body=wire.CancelRequest,
        answer=wire.CancelAnswer,
        errors=(400, 404, 409),
        example="cancel",
        tag="chat",
    )
    async def post(self) -> None:
        """Stop what a session answers now; what was said so far stays."""
        body = self.parse_form_or_json(wire.CancelRequest)
        session = await self.ui_session(body.ui_session_id)
        await self.core.runs.cancel_all(self.actor, session.id)
        message = f"Cancellation signal sent for session: {body.ui_session_id}"
        self.reply(wire.CancelAnswer(message=message))


class Approve(SessionHandler):
    """``POST /api/v1/approve``: beyond the document."""

    scope = "run"

    @operation(
        body=wire.ApproveRequest,
        answer=wire.ApproveAnswer,
        errors=(400, 404, 409),
        tag="chat",
    )
    async def post(self) -> None:
        """Allow or deny the tool calls that a chat waits for; it goes on then."""
        body = self.parse(wire.ApproveRequest)
        session = await self.ui_session(body.ui_session_id)
        await self.core.chats.approve(self.actor, session, mapping.decisions_from_wire(body))
        self.reply(wire.ApproveAnswer(ui_session_id=body.ui_session_id))


ROUTES: list[Route] = [
    (r"/api/v1/chat", Chat),
    (r"/api/v1/cancel", Cancel),
    (r"/api/v1/approve", Approve),
]
