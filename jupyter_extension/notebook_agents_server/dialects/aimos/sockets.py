"""AIMOS's socket: what goes on, as it happens. The client has nothing to say.

It belongs to a user: executions that the user started, agents that the user sees, and samples of
the machine. The newest sample comes first, so a client that has got it misses nothing from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from notebook_agents.core.errors import NotAuthenticated, NotFound, NotPermitted
from notebook_agents.core.events import RunFinished
from notebook_agents_server.base import Dialect
from notebook_agents_server.dialects.aimos import encoder, frames, mapping
from notebook_agents_server.dialects.aimos.dialect import AIMOS
from notebook_agents_server.operations import conversation
from notebook_agents_server.sockets import BaseSocket

if TYPE_CHECKING:
    from notebook_agents.core.events import Event
    from notebook_agents.core.users import User
    from notebook_agents_server.dialects.aimos.wire import ExecutionLog


@conversation(
    receives=frames.CLIENT_FRAMES,
    sends=frames.SERVER_FRAMES,
    names=("user_id",),
    waits_for_credential=False,
)
class UpdatesSocket(BaseSocket):
    """``/api/ws/{user_id}``: Follow executions, agents and the machine as things happen."""

    dialect: ClassVar[Dialect] = AIMOS
    scope = "read"

    async def show_credential(self) -> None:
        """Here a client cannot say later who it is: a client of the document would only wait."""
        if self._is_handshake() and not self.given_credential():
            raise NotAuthenticated("connect with an Authorization header or ?token=")
        await super().show_credential()

    def read_frame(self, message: str | bytes) -> Any:
        """Any text is good."""
        return message if isinstance(message, str) else message.decode(errors="replace")

    async def on_ready(self, *args: str) -> None:
        """Find out whose updates are wanted and send them."""
        self._user_id = await self._listened(args[0])
        self.work(self._watch(), name="watching")

    async def on_frame(self, frame: str) -> None:
        """Say it back."""
        self.send(frames.Echo(data=frames.EchoData(text=frame)))

    async def _listened(self, name: str) -> str:
        actor = self.actor
        if name in {actor.user_id, actor.username}:
            return actor.user_id
        if not actor.is_admin:
            raise NotPermitted("connect with your own id or username")
        user = await self._user(name)
        # An administrator's socket may have any name; one that is nobody's is the caller's own.
        return actor.user_id if user is None else user.id

    async def _user(self, name: str) -> User | None:
        try:
            return await self.core.users.get(self.id_of("user", name))
        except NotFound:
            return await self.core.users.find(name)

    async def _watch(self) -> None:
        with self.core.journal.subscribe(self._accepts) as live:
            newest = await self.core.samples.newest()
            self.send(encoder.metrics_update(newest.figures, newest.at))
            while True:
                event = await live.next()
                for frame in encoder.encode(event, await self._ended_log(event)):
                    self.send(frame)

    def _accepts(self, event: Event) -> bool:
        return encoder.concerns(event, self._user_id)

    async def _ended_log(self, event: Event) -> ExecutionLog | None:
        if not isinstance(event.body, RunFinished):
            return None
        run = await self.core.runs.get(self.actor, event.run_id)
        batches = await self.core.batches.of_runs([run])
        return mapping.log_to_wire(run, batches[run.batch_id])
