"""The first events of the runs that this process works on.

Who follows a run mostly begins with it, and is given these instead of what was just written to the
log. A run has them from its first event until its work here ends, as long as they are few.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from notebook_agents.core.events import Event, RunFinished

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT_RUNS = 256
KEPT_EVENTS = 100
"""Of a run; one that has more is read from the log."""


class LiveEvents:
    """Whole beginnings of runs, by their ids."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, list[Event]] = OrderedDict()

    def add(self, event: Event) -> None:
        """Remember an event that was kept, if nothing is missing before it."""
        id, seq = event.run_id, event.run_seq
        if seq == 1 and id:
            self._runs[id] = []
        events = self._runs.get(id)
        if events is None or not seq:  # beside a run, not of it
            return
        is_next = seq == len(events) + 1 <= KEPT_EVENTS
        if not is_next or isinstance(event.body, RunFinished):
            del self._runs[id]
            return
        events.append(event)
        while len(self._runs) > KEPT_RUNS:
            self._runs.popitem(last=False)

    def of_run(self, id: str, after: int) -> Sequence[Event] | None:
        """All its events numbered above ``after``; None where the log has to be read."""
        events = self._runs.get(id)
        return None if events is None else events[max(after, 0) :]

    def forget(self, id: str) -> None:
        """This process works on the run no more."""
        self._runs.pop(id, None)
