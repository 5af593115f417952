"""The stream of a session: ask, and hear how every query in it goes, whoever asked.

A socket learns of queries from what goes on when it comes, from its client and from live events,
and follows each from its first event through the kept stream, so nothing is missed or told twice.
A client that comes back names its query and the last frame it has, ``?query_id=&after=``.
"""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from notebook_agents.core.errors import InvalidRequest, NotAuthenticated, NotFound
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import ListRuns, StartRun
from notebook_agents_server.base import Dialect, Route
from notebook_agents_server.dialects.agent_api.dialect import AGENT_API
from notebook_agents_server.dialects.agent_api.encoder import EventEncoder
from notebook_agents_server.dialects.agent_api.frames import (
    CLIENT_FRAMES,
    SERVER_FRAMES,
    ClientFrame,
    ConnectedFrame,
    PingFrame,
    PongFrame,
    QueryFrame,
    ResumeQuery,
)
from notebook_agents_server.dialects.agent_api.handlers import session_of
from notebook_agents_server.dialects.agent_api.session_routes import ONE
from notebook_agents_server.operations import conversation
from notebook_agents_server.sockets import BaseSocket

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.runs import Run

MAX_DIGITS = 19
"""Longer numbers do not count anything."""


@conversation(
    receives=CLIENT_FRAMES,
    sends=SERVER_FRAMES,
    query=ResumeQuery,
    names=("session_id",),
    waits_for_credential=False,
    example="session_stream",
)
class SessionSocket(BaseSocket):
    """``/api/v1/sessions/{session_id}/stream``: Ask in a session and hear how it goes."""

    dialect: ClassVar[Dialect] = AGENT_API
    frames = CLIENT_FRAMES
    message_group = "general"

    _conversation: Conversation

    def initialize(self, services: Any) -> None:
        """Take what the route table gives."""
        super().initialize(services)
        self._followed: set[str] = set()

    async def show_credential(self) -> None:
        """The token comes with the connection; nobody waits for a later one."""
        if self._is_handshake() and not self.given_credential():
            raise NotAuthenticated("connect with ?token=<access_token>")
        await super().show_credential()

    def is_counted(self, frame: ClientFrame) -> bool:
        """A query is a request like one over HTTP; a ping is not."""
        return isinstance(frame, QueryFrame)

    async def on_ready(self, *args: str) -> None:
        """Say how the session is, then follow what goes on in it."""
        self._conversation = found = await session_of(self, args[0])
        run, after = await self._place_left()
        self.send(
            ConnectedFrame(session_id=found.id, status=found.state, timestamp=datetime.now(UTC))
        )
        self.work(self._watch(), name="watching")
        if run is not None:
            self._follow(run.id, after=after)
        if found.active_run_id:
            self._follow(found.active_run_id)

    async def on_frame(self, frame: ClientFrame) -> None:
        """Start a query, or show a sign of life."""
        match frame:
            case QueryFrame(message=message):
                wish = StartRun(
                    agent_id="",
                    conversation_id=self._conversation.id,
                    message=user_message(message),
                    on_busy="reject",
                )
                self._follow((await self.core.runs.start(self.actor, wish)).id)
            case PingFrame():
                self.send(PongFrame(timestamp=datetime.now(UTC)))

    async def _place_left(self) -> tuple[Run | None, int]:
        """The query that the client followed before, and its last frame of it."""
        query_id, text = (self.get_query_argument(name, "") for name in ("query_id", "after"))
        if text and not (text.isdecimal() and len(text) < MAX_DIGITS):
            raise InvalidRequest("after is the sequence of the last frame you have", field="after")
        if not (query_id or text):
            return None, 0
        if query_id:
            run = await self.core.runs.get(self.actor, self.id_of("query", query_id))
            if run.conversation_id != self._conversation.id:
                raise NotFound("query", query_id)
            return run, int(text or 0)
        wish = ListRuns(conversation_id=self._conversation.id, limit=1)
        newest = (await self.core.runs.list(self.actor, wish)).items
        return (newest[0] if newest else None), int(text)

    async def _watch(self) -> None:
        watching = self.core.runs.watch(self.actor, conversation_id=self._conversation.id)
        async with aclosing(watching) as events:
            async for event in events:
                self._follow(event.run_id)

    def _follow(self, run_id: str, *, after: int = 0) -> None:
        if run_id not in self._followed:
            self._followed.add(run_id)
            self.work(self._tell(run_id, after), name="following")

    async def _tell(self, run_id: str, after: int) -> None:
        run = await self.core.runs.get(self.actor, run_id)
        encoder = EventEncoder(self._conversation, run.input.text)
        # From the beginning: what a frame says depends on those before it.
        async with aclosing(self.core.runs.events(self.actor, run_id)) as events:
            async for event in events:
                for frame in encoder.encode(event):
                    if frame.sequence is not None and frame.sequence > after:
                        await self.room()
                        self.send(frame)


ROUTES: list[Route] = [(rf"{ONE}/stream", SessionSocket)]
