"""Requests on their way into the event log, and how many there were.

A request costs an entry in a table. What is in it goes into the log every few seconds, one event
for all requests of a kind, and before anybody is shown figures, so that figures and log agree. A
kill of the server loses what is not in the log yet. While the log cannot be written, the counts
wait, and only the single times are given up.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notebook_agents.core.activity import Activity, RequestKind
from notebook_agents.core.journal import Source
from notebook_agents.core.observation_events import RequestsServed

if TYPE_CHECKING:
    from notebook_agents.core.core import Core

FLUSH_S = 5.0
"""How long a count waits at most."""
TIMES_OF_EVENT = 500
"""Requests that one event tells the times of, at most."""
TIMES_KEPT = 10_000
"""Of one kind, while they wait."""
FIGURES_AGE_S = 2.0
"""How old what the log says may be: a scrape must not read it each time."""
FIGURES_SHARE = 0.05
"""At most this share of the time goes into reading a long log: its figures may be older."""

FAILED_AGE_S = 30.0
"""How long nobody reads again what could not be read."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    n: int = 0
    durations_ms: list[float] = field(default_factory=list)
    request_bytes: int = 0
    response_bytes: int = 0


class RequestLog:
    """Counts requests, and knows the figures of the log with them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` counts seconds."""
        self._clock = clock
        self._waiting: dict[tuple[str, RequestKind], _Waiting] = {}
        self._since: Counter[RequestKind] = Counter()
        self._activity = Activity()
        self._read_next = -math.inf
        self._is_looking = asyncio.Lock()
        self.n_failed = 0
        """How often the log could not be summed up."""

    def note(
        self, user_id: str, kind: RequestKind, duration_ms: float, bodies: tuple[int, int] = (0, 0)
    ) -> None:
        """Count a request of somebody, or of nobody known.

        ``bodies`` are the bytes of what came and of what went out.
        """
        waiting = self._waiting.setdefault((user_id, kind), _Waiting())
        waiting.n += 1
        waiting.request_bytes += bodies[0]
        waiting.response_bytes += bodies[1]
        if len(waiting.durations_ms) < TIMES_KEPT:
            waiting.durations_ms.append(round(duration_ms, 3))
        self._since[kind] += 1

    async def work(self, core: Core) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            async with self._is_looking:  # what is written meanwhile would be counted twice
                self.flush(core)

    def flush(self, core: Core) -> None:
        """Write what waits; what cannot be written waits on."""
        waiting, self._waiting = self._waiting, {}
        for (user_id, kind), counted in waiting.items():
            source = Source(user_id=user_id, dialect=kind.dialect)
            for event in _events(kind, counted):
                if core.observations.keep(event, source):
                    continue
                again = self._waiting.setdefault((user_id, kind), _Waiting())
                again.n += event.n
                again.request_bytes += event.request_bytes or 0
                again.response_bytes += event.response_bytes or 0
                again.durations_ms.extend(event.durations_ms)

    async def figures(self, core: Core) -> Activity:
        """The sums over the log, with every request that this process has answered.

        Where they cannot be read, the last known ones.
        """
        async with self._is_looking:
            if (begun := self._clock()) >= self._read_next:
                self.flush(core)
                logged = self._since.copy()
                for (_, kind), waiting in self._waiting.items():
                    logged[kind] -= waiting.n
                age_s = FIGURES_AGE_S
                try:
                    self._activity = await core.analytics.activity()
                    self._since.subtract(logged)  # meanwhile others came
                except Exception as error:  # noqa: BLE001 - a scrape has other figures, too
                    self.n_failed += 1
                    age_s = FAILED_AGE_S
                    _log.warning("the event log was not summed up: %s", type(error).__name__)
                took_s = self._clock() - begun
                self._read_next = begun + max(age_s, took_s / FIGURES_SHARE)
            return self._activity.with_requests(self._since)


def _events(kind: RequestKind, counted: _Waiting) -> Iterator[RequestsServed]:
    """As few as can tell the times; the last has those that no time is known of, and all bytes."""
    times = counted.durations_ms
    firsts = range(0, max(len(times), 1), TIMES_OF_EVENT)
    chunks = [tuple(times[first : first + TIMES_OF_EVENT]) for first in firsts]
    untold = counted.n - len(counted.durations_ms)
    for number, durations_ms in enumerate(chunks, start=1):
        is_last = number == len(chunks)
        yield RequestsServed(
            method=kind.method,
            route=kind.route,
            status=kind.status,
            n=len(durations_ms) + (untold if is_last else 0),
            durations_ms=durations_ms,
            request_bytes=counted.request_bytes if is_last else 0,
            response_bytes=counted.response_bytes if is_last else 0,
        )
