"""The journal: every event goes to the log first, then to whoever watches live.

Where several servers share a relay, each shows the others what it keeps, and a run's events can be
gathered from wherever they are: the log of this home, and what the others have shared of theirs.
A subscriber has a bounded queue; one that falls behind is closed with a reason, the run goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from notebook_agents.core.errors import LimitExceeded
from notebook_agents.core.events import Event, EventBody, RunFinished
from notebook_agents.core.ids import new_id
from notebook_agents.core.live_events import LiveEvents
from notebook_agents.core.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notebook_agents.core.ports import Clock, EventLog

SUBSCRIBER_EVENTS = 10_000
"""Events a live subscriber may be behind before it is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where facts come from: the fields of an event's envelope that many events share."""

    user_id: str
    dialect: str = ""
    agent_id: str = ""
    conversation_id: str = ""
    run_id: str = ""


class Subscription:
    """A bounded queue of the live events that a subscriber accepts."""

    def __init__(self, accepts: Callable[[Event], bool]) -> None:
        self._accepts = accepts
        self._queue: asyncio.Queue[Event] = asyncio.Queue(SUBSCRIBER_EVENTS)
        self._is_behind = False
        self._has_come = asyncio.Event()

    def offer(self, event: Event) -> None:
        """Queue the event when it is wanted."""
        if self._is_behind or not self._accepts(event):
            return
        try:
            self._queue.put_nowait(event)
            self._has_come.set()
        except asyncio.QueueFull:
            self._is_behind = True

    async def next(self) -> Event:
        """The next event; LimitExceeded once the subscriber has fallen behind."""
        if self._is_behind and self._queue.empty():
            raise LimitExceeded(
                "the subscriber fell behind; resume after its last event", limit="subscriber"
            )
        return await self._queue.get()

    async def wait(self, timeout_s: float) -> bool:
        """Whether ``next`` has something to say within the time; an event stays in the queue."""
        self._has_come.clear()
        if self._queue.empty() and not self._is_behind:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._has_come.wait()
        return self._is_behind or not self._queue.empty()


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayReport:
    """How what several servers share does now."""

    is_reachable: bool
    can_write: bool = False
    """Whether what was written a moment ago could be read back."""
    latency_ms: float = 0.0
    """Of one question and its answer."""
    server: Mapping[str, str | int] = field(default_factory=dict)
    """What it tells of itself: version, uptime, clients, memory."""
    n_connections: int = 0
    """Those this process has open."""
    n_waiting: int = 0
    """Events that wait to be sent."""
    detail: str = ""
    """One line for a person: why it does not answer."""


class EventRelay(Protocol):
    """Carries events between the servers of a deployment, as far as they are in reach.

    It is no record: what it shares of a run is bounded, and gone some time after the last event.
    """

    def send(self, event: Event) -> None:
        """Show a kept event to the other servers, soon; never waits and never fails."""
        ...

    def listen(self, show: Callable[[Event], None]) -> None:
        """Call ``show`` on the event loop with each event of another server from here on.

        While the others are out of reach some may be left out; what is asked twice is done once.
        """
        ...

    async def read(self, run_id: str, *, after: int = 0) -> Sequence[Event] | None:
        """What is shared of a run above ``after``, in order; None while it cannot be known."""
        ...

    async def report(self) -> RelayReport:
        """How it does now; never raises, and answers soon."""
        ...

    async def aclose(self) -> None:
        """Send what is left, if that is possible at once, and let go."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A run's events as far as they follow one another."""

    events: tuple[Event, ...]
    beyond: int
    """The number of the first event after a gap; 0 when there is no gap."""
    is_certain: bool
    """Whether everybody who might have more could be asked."""
    is_here: bool
    """Whether the log of this home had any of them."""


class Journal:
    """Appends events to the log and hands them to live subscribers."""

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        relay: EventRelay | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._log = log
        self.redactor = redactor or Redactor()
        self._clock = clock
        self._relay = relay
        self._subscriptions: set[Subscription] = set()
        self._of_live_runs = LiveEvents()

    @property
    def is_shared(self) -> bool:
        """Whether other servers' events can be seen."""
        return self._relay is not None

    def append(self, body: EventBody, source: Source, *, run_seq: int = 0) -> Event:
        """Keep a fact; it is safe from a kill of the process when this returns."""
        event = Event(
            id=new_id(),
            run_id=source.run_id,
            run_seq=run_seq,
            ts=self._clock.now(),
            conversation_id=source.conversation_id,
            agent_id=source.agent_id,
            user_id=source.user_id,
            dialect=source.dialect,
            body=self.redactor.value(body),
        )
        self._of_live_runs.add(event, self._log.append(event))
        return event

    def publish(self, event: Event) -> None:
        """Show a kept fact to live subscribers, here and on other servers."""
        self._show(event)
        if self._relay is not None:
            self._relay.send(event)

    def _show(self, event: Event) -> None:
        for subscription in tuple(self._subscriptions):
            subscription.offer(event)

    def record(self, body: EventBody, source: Source, *, run_seq: int = 0) -> Event:
        """Keep and show a fact."""
        event = self.append(body, source, run_seq=run_seq)
        self.publish(event)
        return event

    async def sync(self, stream: str) -> None:
        """Force a stream to the disk."""
        await self._log.sync(stream)

    async def read(self, stream: str, *, run_id: str = "", after: int = 0) -> list[Event]:
        """Kept events of a stream, in order."""
        return await self._log.read(stream, run_id=run_id, after=after)

    async def gather(self, stream: str, *, run_id: str, after: int = 0) -> Gathered:
        """A run's events numbered above ``after``, wherever they are kept, without doubles."""
        if (live := self._of_live_runs.of_run(run_id, after)) is not None:
            return Gathered(events=tuple(live), beyond=0, is_certain=True, is_here=True)
        here = await self._log.read(stream, run_id=run_id, after=after)
        there: Sequence[Event] | None = ()
        if self._relay is not None and not _is_whole(here, after):
            there = await self._relay.read(run_id, after=after)
        # What the log of this home has counts, should the same number have been given twice.
        found = {event.run_seq: event for event in (*(there or ()), *here)}
        events = tuple(found[seq] for seq in sorted(found))
        n_whole = sum(event.run_seq == after + n for n, event in enumerate(events, start=1))
        return Gathered(
            events=events[:n_whole],
            beyond=events[n_whole].run_seq if n_whole < len(events) else 0,
            is_certain=there is not None,
            is_here=bool(here),
        )

    def let_go(self, run_id: str) -> None:
        """This process works on the run no more: from here on others may append to it."""
        self._of_live_runs.forget(run_id)

    @contextmanager
    def subscribe(self, accepts: Callable[[Event], bool]) -> Iterator[Subscription]:
        """Receive live events from here on, also those of other servers that share the relay."""
        if self._relay is not None:
            self._relay.listen(self._show)
        subscription = Subscription(accepts)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    async def watch(self, accepts: Callable[[Event], bool]) -> AsyncGenerator[Event, None]:
        """Live events from the first ``anext`` on, without end."""
        with self.subscribe(accepts) as subscription:
            while True:
                yield await subscription.next()


def _is_whole(events: Sequence[Event], after: int) -> bool:
    """Whether nothing can be missing: no gap from ``after`` to the run's end."""
    if not events or not isinstance(events[-1].body, RunFinished):
        return False
    return events[-1].run_seq - after == len(events)
