"""Follows an event log and tells a collector; the log is the queue.

Per stream a place says how far it was told; it moves after the collector has taken everything up to
there. A collector that is away costs nothing but time: what happens meanwhile is read from the log
later. A process that was killed begins where the last round ended and tells the same spans again,
with the same ids.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from notebook_agents.core.ports import StreamEnd
from notebook_agents.core.telemetry import TelemetryReport
from notebook_agents.telemetry.attributes import Told
from notebook_agents.telemetry.places import Kept, Places, Taken
from notebook_agents.telemetry.spans import (
    TOLD_TYPES,
    Span,
    group_of,
    is_begin,
    is_end,
    spans_of,
)
from notebook_agents.telemetry.threads import left_behind

if TYPE_CHECKING:
    from notebook_agents.core.events import Event
    from notebook_agents.core.ports import EventLog
    from notebook_agents.core.telemetry import Lookups
    from notebook_agents.telemetry.measures import Histograms
    from notebook_agents.telemetry.otlp import Outcome

POLL_S = 5.0
"""How often the log is looked at."""
SHARE = 0.05
"""At most this share of the time goes into looking."""
LONGEST_PAUSE_S = 120.0
"""Between two tries while the collector is away."""
MAX_SPANS = 512
"""Told at once. From so many on nothing more is read before they were taken."""
MAX_OPEN = 500
"""Runs whose events are kept in memory until they end; of others they are read again then."""
MAX_NAMES = 5000
CLOCKS_APART = timedelta(hours=1)
"""How far the time of a file and the time of its events may differ."""
_log = logging.getLogger(__name__)


class Receiver(Protocol):
    """What takes spans and histograms; called on threads."""

    def send_spans(self, spans: Sequence[Span]) -> Outcome:
        """Tell of spans."""
        ...

    def send_histograms(self, histograms: Histograms, since: datetime) -> Outcome:
        """Tell all sums since a moment."""
        ...

    def problem(self) -> str:
        """What the last answer was, in words without address and headers."""
        ...

    def close(self) -> None:
        """End what is being tried."""
        ...


@dataclass(slots=True, kw_only=True)
class _Batch:
    """What is told at once, and how far that goes."""

    spans: list[Span] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One look at the log."""

    log: EventLog
    lookups: Lookups
    kept: Kept
    batch: _Batch = field(default_factory=_Batch)


class LogTelemetry:
    """Answers the Telemetry port."""

    def __init__(
        self,
        places: Path,
        connect: Callable[[], Receiver],
        *,
        has_content: bool = False,
        poll_s: float = POLL_S,
    ) -> None:
        """``places`` is the file that says how far a log was told.

        ``connect`` makes the receiver once there is something to do; it may block.
        """
        self._path = places
        self._connect = connect
        self._receiver: Receiver | None = None
        self._has_content = has_content
        self._poll_s = poll_s
        self._places: Places | None = None
        self._report = TelemetryReport(state="waiting")
        self._open: OrderedDict[str, list[Event]] = OrderedDict()
        self._names: dict[tuple[str, str], str] = {}
        self._tries = 0
        """Of this round, those at which the collector was away."""

    def report(self) -> TelemetryReport:
        """How it goes."""
        return self._report

    async def work(self, log: EventLog, lookups: Lookups) -> None:
        """Tell until cancelled. A round that fails is logged, and done again a little later."""
        kept = await self._taken(log)
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            try:
                await self.look(log, lookups, kept)
            except Exception:  # noqa: BLE001 - whatever it is, the log is still there
                _log.exception("a round of telemetry failed; it is done again")
                kept = await self._back(log)
            await asyncio.sleep(
                max(self._poll_s, (clock() - begun) / SHARE if not self._tries else 0)
            )

    async def look(self, log: EventLog, lookups: Lookups, kept: Kept) -> None:
        """Tell everything that is new; waits as long as the collector is away."""
        self._tries = 0
        round_ = _Round(log=log, lookups=lookups, kept=kept)
        for end in await log.ends():
            await self._look_at(end, round_)
        await self._tell(round_.batch, kept)

    async def open(self, log: EventLog) -> Kept:
        """Have the file of places; Taken when another process has it."""
        places = await asyncio.to_thread(Places, self._path)
        self._receiver = await asyncio.to_thread(self._connect)
        self._places = places
        return await asyncio.to_thread(self._places.open, log.id, datetime.now(UTC))

    async def aclose(self) -> None:
        """Stop trying, and let another process tell."""
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            await asyncio.to_thread(receiver.close)
        places, self._places = self._places, None
        if places is not None:
            await asyncio.to_thread(places.close)

    async def _taken(self, log: EventLog) -> Kept:
        """The file of places, as soon as no other process has it."""
        while True:
            try:
                kept = await self.open(log)
            except Taken:
                await asyncio.sleep(self._poll_s)
            else:
                self._report = replace(self._report, state="working")
                return kept

    async def _back(self, log: EventLog) -> Kept:
        """Where the last round that went well ended."""
        assert self._places is not None, "the file of places is opened first"
        self._open.clear()
        self._report = replace(self._report, n_waiting=0)
        return await asyncio.to_thread(self._places.open, log.id, datetime.now(UTC))

    # -- reading -------------------------------------------------------------------------------

    async def _look_at(self, end: StreamEnd, round_: _Round) -> None:
        kept = round_.kept
        known = kept.positions.get(end.stream)
        if known is None and end.changed_at < kept.since - CLOCKS_APART:
            return
        position = known or 0
        if position > end.position:  # the stream was begun anew
            position = 0
        while position < end.position:
            chunk = await round_.log.read_on(end, position, TOLD_TYPES)
            for event in chunk.events:
                if event.ts >= kept.since:
                    round_.batch.spans += await self._take(event, round_)
            if chunk.position == position:
                break  # the rest of a line is still to come
            position = round_.batch.positions[end.stream] = chunk.position
            if len(round_.batch.spans) >= MAX_SPANS:
                await self._tell(round_.batch, kept)

    async def _take(self, event: Event, round_: _Round) -> list[Span]:
        """The spans of what an event ends; else it is kept until then."""
        group = group_of(event)
        events = self._open.setdefault(group, [])
        events.append(event)
        self._open.move_to_end(group)
        if not is_end(event):
            while len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
            return []
        del self._open[group]
        if not is_begin(events[0]):
            events = await _read_again(event, round_.log) or events
        return spans_of(events, await self._told(event, events, round_.lookups))

    async def _told(self, event: Event, events: list[Event], lookups: Lookups) -> Told:
        models = {getattr(each.body, "model", "") for each in events} - {""}
        agent = await self._named("agent", event.agent_id, lookups)
        providers = {model: await self._named("provider", model, lookups) for model in models}
        return Told(agent=agent, providers=providers, has_content=self._has_content)

    async def _named(self, kind: str, id: str, lookups: Lookups) -> str:
        if not id:
            return ""
        if (kind, id) not in self._names:
            if len(self._names) >= MAX_NAMES:
                self._names.clear()
            look_up = lookups.agent if kind == "agent" else lookups.provider
            self._names[kind, id] = await look_up(id)
        return self._names[kind, id]

    # -- telling -------------------------------------------------------------------------------

    async def _tell(self, batch: _Batch, kept: Kept) -> None:
        """Have it taken, then move on."""
        if not batch.positions:
            return
        places, receiver = self._places, self._receiver
        assert places is not None, "the file of places is opened first"
        assert receiver is not None, "the receiver is connected first"
        if batch.spans:
            self._report = replace(self._report, n_waiting=len(batch.spans))
            kept.histograms.count(batch.spans)
            for first in range(0, len(batch.spans), MAX_SPANS):
                await self._have_spans_taken(receiver, batch.spans[first : first + MAX_SPANS])
            send = partial(receiver.send_histograms, kept.histograms, kept.since)
            await self._have_taken(receiver, send)
        await asyncio.to_thread(places.keep, batch.positions, kept.histograms)
        kept.positions.update(batch.positions)
        batch.spans, batch.positions = [], {}
        self._report = replace(self._report, n_waiting=0)

    async def _have_spans_taken(self, receiver: Receiver, spans: Sequence[Span]) -> None:
        """All at once, or in halves where that is too large."""
        outcome = await self._have_taken(receiver, partial(receiver.send_spans, spans))
        if outcome == "too_large" and len(spans) > 1:
            middle = len(spans) // 2
            await self._have_spans_taken(receiver, spans[:middle])
            await self._have_spans_taken(receiver, spans[middle:])
        else:
            self._count(len(spans), is_taken=outcome == "taken")

    async def _have_taken(self, receiver: Receiver, send: Callable[[], Outcome]) -> Outcome:
        """What came of it in the end; what is refused for good is not sent again."""
        pause = self._poll_s
        while (outcome := await left_behind(send)) == "failed":
            self._tries += 1
            problem = receiver.problem()
            if self._report.state != "failing":
                _log.warning("the collector of telemetry takes nothing: %s", problem)
            self._report = replace(self._report, state="failing", problem=problem)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        if outcome != "taken":
            problem = receiver.problem()
            _log.warning("the collector of telemetry refused a part of it: %s", problem)
            self._report = replace(self._report, problem=problem)
        self._report = replace(self._report, state="working")
        return outcome

    def _count(self, n: int, *, is_taken: bool) -> None:
        report = self._report
        if is_taken:
            self._report = replace(report, n_spans=report.n_spans + n, problem="")
        else:
            self._report = replace(report, n_refused=report.n_refused + n)


async def _read_again(event: Event, log: EventLog) -> list[Event]:
    """Everything of what an event ends, for a process that did not see its beginning."""
    group = group_of(event)
    found = await log.read(event.stream, run_id=event.run_id)
    return [each for each in found if each.type in TOLD_TYPES and group_of(each) == group]
