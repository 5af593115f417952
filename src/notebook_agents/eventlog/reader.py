"""Reading events back from a stream's file, also while somebody appends to it."""

from __future__ import annotations

from pathlib import Path

from notebook_agents.core.events import Event
from notebook_agents.eventlog.segments import event_of


def read_events(path: Path, run_id: str = "", after: int = 0) -> list[Event]:
    """The whole events of a file in order; a torn last line is left for the next look.

    With ``run_id`` only that run's events numbered above ``after``. A missing file has no events.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    # Looking for the run's id in the raw line first avoids parsing lines of other runs.
    wanted = run_id.encode()
    events = [event_of(line) for line in content.split(b"\n")[:-1] if wanted in line]
    return [
        event
        for event in events
        if event is not None and (not run_id or (event.run_id == run_id and event.run_seq > after))
    ]
