"""Time: aware UTC for facts, a monotonic clock for durations."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notebook_agents.core.ports import Clock


class SystemClock:
    """The machine's clock; answers the Clock port."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let time pass while others work."""
        await asyncio.sleep(seconds)


class SteadyClock:
    """Moments as if nobody had set the machine's clock since this was made."""

    def __init__(self, clock: Clock, since: datetime) -> None:
        """No moment is before ``since``."""
        self._clock = clock
        self._since = since
        self._began, self._seconds = clock.now(), clock.monotonic()

    def now(self) -> datetime:
        """The moment."""
        elapsed = timedelta(seconds=self._clock.monotonic() - self._seconds)
        return max(self._began + elapsed, self._since)
