"""Tektra's sockets: follow the runs of a conversation or an agent, start and cancel them.

A socket learns which runs there are, from what goes on when it comes, from the client's own
messages and from live events, and follows each one from its first event through the kept stream.
So nothing is missed or told twice, whoever started the run and however late the socket came.
A client that comes back names its run and the last frame it has, ``?run_id=&after=``, and gets the
rest, also of a run that has ended. A conversation's newest run need not be named.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from notebook_agents.core.errors import InvalidRequest, NotFound
from notebook_agents.core.runs import ListRuns
from notebook_agents.core.states import TRANSITIONS, RunState
from notebook_agents_server.base import Dialect
from notebook_agents_server.dialects.tektra import mapping
from notebook_agents_server.dialects.tektra.dialect import TEKTRA
from notebook_agents_server.dialects.tektra.encoder import EventEncoder
from notebook_agents_server.dialects.tektra.frames import (
    CLIENT_FRAMES,
    SERVER_FRAMES,
    CancelFrame,
    ClientFrame,
    MessageFrame,
    PingFrame,
    ResumeQuery,
)
from notebook_agents_server.operations import conversation
from notebook_agents_server.sockets import BaseSocket

if TYPE_CHECKING:
    from notebook_agents.core.events import Event
    from notebook_agents.core.runs import Run, StartRun

IN_PROGRESS: tuple[RunState, ...] = tuple(state for state, steps in TRANSITIONS.items() if steps)
MAX_DIGITS = 19
"""Longer numbers do not count anything."""
MAX_IN_PROGRESS = 100
"""Runs of an agent that a new socket follows; more show up with their next event."""


class TektraSocket(BaseSocket):
    """What both sockets do."""

    dialect: ClassVar[Dialect] = TEKTRA
    frames = CLIENT_FRAMES
    limit_group = "conversations"
    message_group = "conversations"

    def is_counted(self, frame: ClientFrame) -> bool:
        """What a message asks for is work; pings and cancelling are not."""
        return isinstance(frame, MessageFrame)

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
        after = self._given_after()
        run_id = self.get_query_argument("run_id", "")
        run = await self.core.runs.get(self.actor, self.id_of("run", run_id)) if run_id else None
        await self.find(args[0], run, after)

    async def find(self, id: str, run: Run | None, after: int | None) -> None:
        """Look up what the path names and start to watch it.

        ``run`` and ``after`` say where the client left; without ``run``, ``after`` means the
        newest one where there is such a thing.
        """
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

    def _given_after(self) -> int | None:
        text = self.get_query_argument("after", "")
        if text and not (text.isdecimal() and len(text) < MAX_DIGITS):
            raise InvalidRequest("after is the number of the last frame you have", field="after")
        return int(text) if text else None

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
                        await self.room()
                        self.send(frame)
        finally:
            self._active.discard(run_id)

    async def _cancel(self, run_id: str) -> None:
        await self.core.runs.cancel(self.actor, run_id)


@conversation(
    receives=CLIENT_FRAMES,
    sends=SERVER_FRAMES,
    query=ResumeQuery,
    names=("conversation_id",),
    example="conversation_socket",
)
class ConversationSocket(TektraSocket):
    """``/v1/ws/conversations/{conversation_id}``: Follow a conversation and talk in it."""

    async def find(self, id: str, run: Run | None, after: int | None) -> None:
        """Watch the conversation and follow the run that goes on in it."""
        self._conversation_id = self.id_of("conversation", id)
        conversation = await self.core.conversations.get(self.actor, self._conversation_id)
        if run is not None and run.conversation_id != conversation.id:
            raise NotFound("run", run.id)
        self.watch(self.core.runs.watch(self.actor, conversation_id=conversation.id))
        if run is None and after is not None:
            wish = ListRuns(conversation_id=conversation.id, limit=1)
            run = next(iter((await self.core.runs.list(self.actor, wish)).items), None)
        if run is not None:
            self.follow(run.id, after=after or 0)
        if conversation.active_run_id:
            self.follow(conversation.active_run_id)

    def run_of(self, frame: MessageFrame) -> StartRun:
        """Another run of this conversation."""
        message = mapping.message_from_wire(frame.content, frame.attachments)
        run = mapping.continue_from_wire(self._conversation_id, message)
        return replace(run, metadata=frame.metadata)


@conversation(
    receives=CLIENT_FRAMES,
    sends=SERVER_FRAMES,
    query=ResumeQuery,
    names=("agent_id",),
    example="conversation_socket",
)
class AgentStreamSocket(TektraSocket):
    """``/v1/ws/stream/{agent_id}``: Follow all runs of an agent.

    The messages of this client share one conversation.
    """

    _conversation_id: str = ""

    async def find(self, id: str, run: Run | None, after: int | None) -> None:
        """Watch the agent and follow what it works on."""
        agent = await self.core.agents.get(self.actor, self.id_of("agent", id))
        self._agent_id = agent.id
        if run is None and after is not None:
            raise InvalidRequest("an agent has many runs; name one in run_id", field="after")
        if run is not None and run.agent_id != agent.id:
            raise NotFound("run", run.id)
        self.watch(self.core.runs.watch(self.actor, agent_id=agent.id))
        if run is not None:
            self.follow(run.id, after=after or 0)
        wish = ListRuns(agent_id=agent.id, states=IN_PROGRESS, limit=MAX_IN_PROGRESS)
        for other in reversed((await self.core.runs.list(self.actor, wish)).items):
            self.follow(other.id)

    def run_of(self, frame: MessageFrame) -> StartRun:
        """The first message opens a conversation, later ones continue it."""
        message = mapping.message_from_wire(frame.content, frame.attachments)
        run = mapping.continue_from_wire(self._conversation_id, message)
        context: dict[str, object] | None = {"metadata": frame.metadata} if frame.metadata else None
        return replace(run, agent_id=self._agent_id, context=context, metadata=frame.metadata)

    def started(self, conversation_id: str) -> None:
        """Stay in the conversation of the first message."""
        self._conversation_id = conversation_id
