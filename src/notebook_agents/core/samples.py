"""Samples: what the machine did over time, and how healthy that is.

A server takes one every half minute. They are events in streams of their own, one a day, so that
they outlive the server and a look at a day reads no more than two files.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.events import MachineSampled, machine_stream
from notebook_agents.core.journal import Source

if TYPE_CHECKING:
    from notebook_agents.core.events import Event
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Clock

HealthWord: TypeAlias = Literal["healthy", "warning", "critical"]
FIRST_SAMPLE_S = 10.0
"""Seconds that somebody waits for the first sample after the start."""


def health_score(*, cpu_percent: float, memory_percent: float, disk_percent: float) -> float:
    """How much room the machine has, 0 to 1: processors, memory and disk weighed.

    A fifth is for being there at all.
    """
    room = 0.3 * (100 - cpu_percent) + 0.3 * (100 - memory_percent) + 0.2 * (100 - disk_percent)
    return round(min(max(room / 100 + 0.2, 0.0), 1.0), 4)


def health_word(score: float) -> HealthWord:
    """A score in a word."""
    if score > 0.8:
        return "healthy"
    return "warning" if score > 0.6 else "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the machine was doing at a moment."""

    at: datetime
    figures: MachineSampled


class Samples:
    """Keeps samples and finds them again."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._newest: Sample | None = None
        self._has_come = asyncio.Event()

    def keep(self, figures: MachineSampled) -> None:
        """Keep a sample and show it to whoever watches; what cannot be kept is the newest too."""
        at = self._clock.now()
        try:
            at = self._journal.record(figures, Source(user_id="")).ts
        finally:
            self._newest = Sample(at=at, figures=figures)
            self._has_come.set()

    async def newest(self) -> Sample:
        """The sample taken last; EngineUnavailable when the machine cannot be read."""
        try:
            async with asyncio.timeout(FIRST_SAMPLE_S):
                await self._has_come.wait()
        except TimeoutError:
            raise EngineUnavailable("the state of the machine is not known yet") from None
        assert self._newest is not None, "there is one once it has come"
        return self._newest

    async def of_last(self, period: timedelta) -> list[Sample]:
        """The samples of a period up to now, newest first."""
        now = self._clock.now()
        events: list[Event] = []
        for stream in _streams(now - period, now):
            events += await self._journal.read(stream)
        samples = [
            Sample(at=event.ts, figures=event.body)
            for event in events
            if isinstance(event.body, MachineSampled) and event.ts >= now - period
        ]
        return sorted(samples, key=lambda sample: sample.at, reverse=True)


def _streams(first: datetime, last: datetime) -> list[str]:
    n_days = (last.date() - first.date()).days
    return [machine_stream(first + timedelta(days=n)) for n in range(n_days + 1)]
