"""Netra's socket: asks for optimizations, stops them, and hears of every run of its user.

The client is told how all runs of its user go that came through this dialect, whoever started them
and on whichever connection; those that go on when it connects are told from their beginning. So a
run that was asked for over HTTP can be followed here, and a dropped connection loses nothing.
"""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, ClassVar

from notebook_agents.core.errors import Conflict, InvalidRequest, NotAuthenticated
from notebook_agents.core.runs import ListRuns
from notebook_agents.core.states import OPEN_STATES
from notebook_agents_server.base import Dialect
from notebook_agents_server.dialects.netra import mapping
from notebook_agents_server.dialects.netra.dialect import CLOSE_CODES, NETRA
from notebook_agents_server.dialects.netra.encoder import EventEncoder
from notebook_agents_server.dialects.netra.errors import BinaryMessage
from notebook_agents_server.dialects.netra.frames import (
    CLIENT_FRAMES,
    FRAMES,
    KINDS,
    SERVER_FRAMES,
    TYPES,
    ClientFrame,
    OptimizationRequestMessage,
    PingMessage,
    PongMessage,
    StatusData,
    StatusMessage,
    StopProcessingMessage,
)
from notebook_agents_server.dialects.netra.starting import start
from notebook_agents_server.operations import conversation
from notebook_agents_server.sockets import BaseSocket

MAX_IN_PROGRESS = 100
"""Runs that a new socket follows; more show up with their next event."""


@conversation(
    sends=SERVER_FRAMES,
    receives=CLIENT_FRAMES,
    waits_for_credential=False,
    close_codes=CLOSE_CODES,
    example="websocket",
)
class NetraSocket(BaseSocket):
    """Ask for optimizations, stop them, and hear how they go."""

    dialect: ClassVar[Dialect] = NETRA
    frames = CLIENT_FRAMES

    def initialize(self, services: Any) -> None:
        """Take what the route table gives."""
        super().initialize(services)
        self._thread_id = ""
        self._followed: set[str] = set()
        self._asked: dict[str, str | None] = {}
        """Runs that this client asked for and that go on, with its own name for each."""

    async def show_credential(self) -> None:
        """The token comes with the connection; nobody waits for a later one."""
        if self._is_handshake() and not self.given_credential():
            raise NotAuthenticated("connect with ?token=<jwt_token>")
        await super().show_credential()

    def read_frame(self, message: str | bytes) -> ClientFrame:
        """A message of the client; what is of no known type says which there are."""
        if isinstance(message, bytes):
            raise BinaryMessage("send JSON as text")
        kind = KINDS.validate_json(message).type
        if kind not in TYPES:
            said = f"unknown message type {kind!r}; known: {', '.join(TYPES)}"
            raise InvalidRequest(said, field="type", problems=[("type", said)])
        return FRAMES[kind].validate_json(message)

    async def on_ready(self, *_args: str) -> None:
        """Say who is connected, then follow the runs of the user."""
        user = await self.core.users.get(self.actor.user_id)
        data = StatusData(connected=True, authenticated=True, user_id=user.number)
        self.send(StatusMessage(data=data, timestamp=datetime.now(UTC)))
        self.work(self._watch(), name="watching")
        wish = ListRuns(workflow=mapping.WORKFLOW, states=OPEN_STATES, limit=MAX_IN_PROGRESS)
        for run in reversed((await self.core.runs.list(self.actor, wish)).items):
            self._follow(run.id)

    async def on_frame(self, frame: ClientFrame) -> None:
        """Start or stop a run, or show a sign of life."""
        match frame:
            case OptimizationRequestMessage():
                await self._optimize(frame)
            case StopProcessingMessage(data=data):
                for id in {self.id_of("run", data.run_id)} if data.run_id else self._going_on():
                    self.work(self._stop(id), name="stopping", is_essential=False)
            case PingMessage():
                self.send(PongMessage(timestamp=datetime.now(UTC), id=frame.id))

    async def _optimize(self, frame: OptimizationRequestMessage) -> None:
        data = frame.data
        thread = self.id_of("thread", data.thread_id) if data.thread_id else self._thread_id
        parameters = mapping.parameters_from_wire(data.workload_id, data.parameters)
        said = frame.model_dump(include={"id", "timestamp"}, exclude_none=True)
        wish = mapping.start_from_wire(data.message, parameters, thread, said)
        run = await start(self.core, self.actor, wish)
        # Before any event of the run is told: nothing has been awaited since it began.
        self._thread_id, self._asked[run.id] = run.conversation_id, frame.id
        self._follow(run.id)

    def _going_on(self) -> set[str]:
        """What a stop without a run is about."""
        if not self._asked:
            raise Conflict(
                "nothing to stop: no run that this connection asked for is going on; name another"
                " one with data.run_id"
            )
        return set(self._asked)

    async def _stop(self, id: str) -> None:
        run = await self.core.runs.get(self.actor, id)
        if run.is_final:
            raise Conflict(f"the run is {mapping.status_of(run.state)} already")
        self._follow(id)
        await self.core.runs.cancel(self.actor, id)

    async def _watch(self) -> None:
        async with aclosing(self.core.runs.watch(self.actor)) as events:
            async for event in events:
                if event.dialect == NETRA.name:
                    self._follow(event.run_id)

    def _follow(self, run_id: str) -> None:
        if run_id not in self._followed:
            self._followed.add(run_id)
            self.work(self._tell(run_id), name="following")

    async def _tell(self, run_id: str) -> None:
        encoder = EventEncoder(self._asked.get(run_id))
        try:
            async with aclosing(self.core.runs.events(self.actor, run_id)) as events:
                async for event in events:
                    for message in encoder.encode(event):
                        await self.room()
                        self.send(message)
        finally:
            self._asked.pop(run_id, None)
