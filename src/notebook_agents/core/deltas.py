"""Text of a model on its way to whoever watches: at once the first time, then in intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.events import TextDelta

if TYPE_CHECKING:
    from notebook_agents.core.models import GenerateText
    from notebook_agents.core.ports import Clock

DELTA_INTERVAL_S = 0.05
"""Deltas within this time travel together: at most 20 events a second and run."""


class Deltas:
    """Collects text so that it leaves at once the first time, then in intervals."""

    def __init__(self, step: int, clock: Clock) -> None:
        self.text = ""
        self._step = step
        self._clock = clock
        self._pending = ""
        self._n_tokens = 0
        self._next_at = -1.0

    def add(self, chunk: GenerateText) -> TextDelta | None:
        """Take a piece; returns what is to be shown now."""
        self.text += chunk.text
        self._pending += chunk.text
        self._n_tokens += chunk.n_tokens
        return self.flush() if self._clock.monotonic() >= self._next_at else None

    def flush(self) -> TextDelta | None:
        """What was held back, if anything."""
        if not self._pending:
            return None
        delta = TextDelta(step=self._step, text=self._pending, n_tokens=self._n_tokens)
        self._pending, self._n_tokens = "", 0
        self._next_at = self._clock.monotonic() + DELTA_INTERVAL_S
        return delta
