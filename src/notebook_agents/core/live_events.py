"""The first events of the runs that this process works on.

Who follows a run mostly begins with it, and is given these instead of what was just written to the
log. A run has them from its first event until its work here ends, as long as they are few and
small.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notebook_agents.core.events import Event, RunFinished

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT_RUNS = 256
KEPT_EVENTS = 100
"""Of a run; one that has more is read from the log."""
KEPT_BYTES = 200_000
"""Of a run, as its lines in the log; so all that is kept has some 50 MB at most."""


@dataclass(slots=True)
class _Beginning:
    events: list[Event] = field(default_factory=list)
    n_bytes: int = 0


class LiveEvents:
    """Whole beginnings of runs, by their ids."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, _Beginning] = OrderedDict()

    def add(self, event: Event, n_bytes: int) -> None:
        """Remember an event that was kept in so many bytes, if nothing is missing before it."""
        id, seq = event.run_id, event.run_seq
        if seq == 1 and id:
            self._runs[id] = _Beginning()
        run = self._runs.get(id)
        if run is None or not seq:  # beside a run, not of it
            return
        run.n_bytes += n_bytes
        is_next = seq == len(run.events) + 1
        is_small = seq <= KEPT_EVENTS and run.n_bytes <= KEPT_BYTES
        if not is_next or not is_small or isinstance(event.body, RunFinished):
            del self._runs[id]
            return
        run.events.append(event)
        while len(self._runs) > KEPT_RUNS:
            self._runs.popitem(last=False)

    def of_run(self, id: str, after: int) -> Sequence[Event] | None:
        """All its events numbered above ``after``; None where the log has to be read."""
        run = self._runs.get(id)
        return None if run is None else run.events[max(after, 0) :]

    def forget(self, id: str) -> None:
        """This process works on the run no more."""
        self._runs.pop(id, None)
