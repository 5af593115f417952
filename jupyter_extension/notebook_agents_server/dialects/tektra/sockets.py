"""Tektra's sockets: follow the runs of a conversation or an agent, start and cancel them.

A socket learns which runs there are, from the client's own messages and from live events, and
follows each one from its first event (or from ``?after=``) through the kept stream. So nothing is
missed or told twice, whoever started the run and however late the socket came.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from notebook_agents.core.errors import InvalidRequest
from notebook_agents_server.base import Dialect
from notebook_agents_server.dialects.tektra import mapping
from notebook_agents_server.dialects.tektra.dialect import TEKTRA
from notebook_agents_server.dialects.tektra.encoder import EventEncoder
from notebook_agents_server.dialects.tektra.frames import (
    CLIENT_FRAMES,
    CancelFrame,
    ClientFrame,
    MessageFrame,
    PingFrame,
)
from notebook_agents_server.sockets import BaseSocket

if TYPE_CHECKING:
    from notebook_agents.core.events import Event
    from notebook_agents.core.runs import StartRun


class TektraSocket(BaseSocket):
    """What both sockets do."""

    dialect: ClassVar[Dialect] = TEKTRA
    frames = CLIENT_FRAMES

    def heartbeat_frame(self) -> PingFrame:
        """Tektra's own ping."""
        return PingFrame(timestamp=datetime.now(UTC))

    def run_of(self, frame: MessageFrame) -> StartRun:
        """The run that a message asks for."""
        raise NotImplementedError

    async def on_ready(self, *args: str) -> None:
        """Find what the path names and follow it."""
        self._followed: set[str] = set()
        self._active: set[str] = set()
        self._after = self._given_after()
        await self.find(args[0])

    async def find(self, id: str) -> None:
        """Look up what the path names and start to watch it."""
        raise NotImplementedError

    async def on_frame(self, frame: ClientFrame) -> None:
        """Start or cancel runs."""
        match frame:
            case MessageFrame():
                run = await self.core.runs.start(self.actor, self.run_of(frame))
                self.started(run.conversation_id)
                self.follow(run.id)
            case CancelFrame(run_id=run_id):
                chosen = {self.id_of("run", run_id)} if run_id else set(self._active)
                for id in chosen:
                    self.work(self._cancel(id), name="cancelling", is_essential=False)

    def started(self, conversation_id: str) -> None:
        """A message of this client began a run in a conversation."""

    def watch(self, events: AsyncGenerator[Event, None]) -> None:
        """Follow every run that shows up."""
        self.work(self._watch(events), name="watching")

    def follow(self, run_id: str, *, after: int = 0) -> None:
        """Send the frames of a run, once."""
        if run_id not in self._followed:
            self._followed.add(run_id)
            self._active.add(run_id)
            self.work(self._follow(run_id, after), name="following")

    def resume(self, run_id: str) -> None:
        """Follow a run that was there before the socket, from where the client left it."""
        self.follow(run_id, after=self._after)

    def _given_after(self) -> int:
        text = self.get_query_argument("after", "0")
        if not text.isdecimal():
            raise InvalidRequest("after is the number of the last frame you have", field="after")
        return int(text)

    async def _watch(self, events: AsyncGenerator[Event, None]) -> None:
        async with aclosing(events):
            async for event in events:
                self.follow(event.run_id)

    async def _follow(self, run_id: str, after: int) -> None:
        encoder = EventEncoder()
        try:
            async with aclosing(self.core.runs.events(self.actor, run_id, after=after)) as events:
                async for event in events:
                    for frame in encoder.encode(event):
                        self.send(frame)
        finally:
            self._active.discard(run_id)

    async def _cancel(self, run_id: str) -> None:
        await self.core.runs.cancel(self.actor, run_id)


class ConversationSocket(TektraSocket):
    """``/v1/ws/conversations/{conversation_id}``: what goes on in a conversation."""

    async def find(self, id: str) -> None:
        """Watch the conversation and follow the run that goes on in it."""
        self._conversation_id = self.id_of("conversation", id)
        conversation = await self.core.conversations.get(self.actor, self._conversation_id)
        self.watch(self.core.runs.watch(self.actor, conversation_id=conversation.id))
        if conversation.active_run_id:
            self.resume(conversation.active_run_id)

    def run_of(self, frame: MessageFrame) -> StartRun:
        """Another run of this conversation."""
        message = mapping.message_from_wire(frame.content, frame.attachments)
        return mapping.continue_from_wire(self._conversation_id, message)


class AgentStreamSocket(TektraSocket):
    """``/v1/ws/stream/{agent_id}``: all runs of an agent; messages share one conversation."""

    _conversation_id: str = ""

    async def find(self, id: str) -> None:
        """Watch the agent."""
        agent = await self.core.agents.get(self.actor, self.id_of("agent", id))
        self._agent_id = agent.id
        self.watch(self.core.runs.watch(self.actor, agent_id=agent.id))

    def run_of(self, frame: MessageFrame) -> StartRun:
        """The first message opens a conversation, later ones continue it."""
        message = mapping.message_from_wire(frame.content, frame.attachments)
        run = mapping.continue_from_wire(self._conversation_id, message)
        context: dict[str, object] | None = {"metadata": frame.metadata} if frame.metadata else None
        return replace(run, agent_id=self._agent_id, context=context)

    def started(self, conversation_id: str) -> None:
        """Stay in the conversation of the first message."""
        self._conversation_id = conversation_id
