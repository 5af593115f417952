"""The journal: every event goes to the log first, then to whoever watches live.

A subscriber has a bounded queue; one that falls behind is closed with a reason, the run goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_agents.core.errors import LimitExceeded
from notebook_agents.core.events import Event, EventBody
from notebook_agents.core.ids import new_id

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
        """Whether an event comes within the time; it stays in the queue."""
        self._has_come.clear()
        if self._queue.empty():
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._has_come.wait()
        return not self._queue.empty()


class Journal:
    """Appends events to the log and hands them to live subscribers."""

    def __init__(self, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._subscriptions: set[Subscription] = set()

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
            body=body,
        )
        self._log.append(event)
        return event

    def publish(self, event: Event) -> None:
        """Show a kept fact to live subscribers."""
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

    @contextmanager
    def subscribe(self, accepts: Callable[[Event], bool]) -> Iterator[Subscription]:
        """Receive live events from here on."""
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
