"""From the event log to deliveries: what webhooks are to be told, found where it is written.

The log is the only source, so nothing is lost when a process is killed after an event, and events
that other processes write (notebooks, for one) are told too. Per stream a cursor in the store says
how far it was read; it moves after the deliveries are kept, and keeping one twice does nothing.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from notebook_agents.core.deliveries import Delivery, delivery_id
from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.ports import Insert, Patch, Query
from notebook_agents.core.webhook_events import TELLINGS, told
from notebook_agents.core.webhooks import Webhook

if TYPE_CHECKING:
    from notebook_agents.core.events import Event
    from notebook_agents.core.ports import Clock, EventLog, Store, StreamEnd

TOLD_TYPES = frozenset(TELLINGS)
"""Types of recorded events that webhooks may hear of."""
CLOCKS_APART = timedelta(hours=1)
"""How far the time of a file and the time of its events may differ."""

_CURSORS = uuid.UUID("5d0ad1c4-3a52-4a2c-8a1b-6a7f5d0f7f52")
"""The name space of the ids of cursors."""
FRESH = timedelta(minutes=10)
"""After a pause longer than this other servers may have read far ahead: cursors are read again."""
EVERY = 10_000_000
"""All at once, so that no record is missed because another one is removed between two pages."""

Subscribers = Mapping[str, Sequence[Webhook]]
"""By owner, the webhooks that are enabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCursor:
    """How far a stream of an event log was read for webhooks."""

    id: str
    """The same in every process, made of the two names below."""
    log_id: str
    stream: str
    position: int


class LogScan:
    """Reads on in the event log and keeps a delivery for every event a webhook wants."""

    def __init__(self, store: Store, log: EventLog, clock: Clock) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._positions: dict[str, int] | None = None
        self._looked_at = clock.now()

    async def look(self, streams: Collection[str] | None = None) -> int:
        """Read what is new, in all streams or in these; returns how many deliveries were added."""
        # Positions before ends: one that another server moved lies behind no end that is newer.
        positions = await self._known_positions()
        # Ends before webhooks: a webhook that is made after this look at the webhooks wants only
        # what is appended after it, and that lies behind these ends.
        ends = await self._log.ends(streams)
        subscribers = await self._subscribers()
        if not subscribers:
            return 0
        since = min(w.active_since for ws in subscribers.values() for w in ws) - CLOCKS_APART
        n_added = 0
        for end in ends:
            position = positions.get(end.stream)
            if position is None and end.changed_at < since:
                continue
            if position is None or position != end.position:
                n_added += await self._read_on(end, position, subscribers)
        return n_added

    async def _read_on(self, end: StreamEnd, known: int | None, subscribers: Subscribers) -> int:
        position, n_added = known or 0, 0
        if position > end.position:  # the stream was begun anew
            position = 0
        while position < end.position:
            chunk = await self._log.read_on(end, position, TOLD_TYPES)
            for event in chunk.events:
                n_added += await self._keep(event, subscribers.get(event.user_id, ()))
            if chunk.position == position:
                break  # the rest of a line is still to come
            position = chunk.position
        await self._move(end.stream, position)
        return n_added

    async def _keep(self, event: Event, webhooks: Sequence[Webhook]) -> int:
        wanting = [webhook for webhook in webhooks if event.ts >= webhook.active_since]
        wanted = frozenset(name for webhook in wanting for name in webhook.events)
        if not wanted:
            return 0
        n_added, now = 0, self._clock.now()
        for name, data in (await told(event, wanted, self._store)).items():
            for webhook in wanting:
                if name in webhook.events:
                    delivery = Delivery(
                        id=delivery_id(webhook.id, event.id, name),
                        webhook_id=webhook.id,
                        owner_id=webhook.owner_id,
                        host=webhook.host,
                        event=name,
                        event_id=event.id,
                        occurred_at=event.ts,
                        data=data,
                        next_attempt_at=now,
                        created_at=now,
                    )
                    n_added += await self._insert(delivery)
        return n_added

    async def _insert(self, delivery: Delivery) -> bool:
        try:
            await self._store.commit(Insert(record=delivery))
        except Conflict:  # it was found before, here or by another server
            return False
        return True

    async def _move(self, stream: str, position: int) -> None:
        """Move a cursor from where it was known to be; where another server moved it, it stays.

        So a slow server never sets back what a fast one has read. What was read here beyond
        that place is read once more by the next look.
        """
        assert self._positions is not None, "cursors are read before they are moved"
        known = self._positions.get(stream)
        if known == position:
            return
        log_id = self._log.id
        id = str(uuid.uuid5(_CURSORS, f"{log_id}/{stream}"))
        cursor = StreamCursor(id=id, log_id=log_id, stream=stream, position=position)
        here = {"position": position}
        move = (
            Insert(record=cursor)
            if known is None
            else Patch(kind=StreamCursor, id=id, fields=here, expected={"position": known})
        )
        try:
            await self._store.commit(move)
        except (Conflict, NotFound):
            stored = await self._store.get(StreamCursor, id)
            if stored is None:  # removed by hand: begin it anew
                self._positions.pop(stream, None)
                return
            position = stored.position
        self._positions[stream] = position

    async def _known_positions(self) -> dict[str, int]:
        now = self._clock.now()
        if self._positions is None or now - self._looked_at > FRESH:
            found: dict[str, int] = {}
            query = Query(where={"log_id": self._log.id}, limit=EVERY)
            for cursor in (await self._store.find(StreamCursor, query)).items:
                found[cursor.stream] = cursor.position
            self._positions = found
        self._looked_at = now
        return self._positions

    async def _subscribers(self) -> Subscribers:
        by_owner: dict[str, list[Webhook]] = defaultdict(list)
        query = Query(where={"is_enabled": True}, limit=EVERY)
        for webhook in (await self._store.find(Webhook, query)).items:
            by_owner[webhook.owner_id].append(webhook)
        return by_owner
