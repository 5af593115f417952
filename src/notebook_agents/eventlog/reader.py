"""Reading events back from a stream's file, also while somebody appends to it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from notebook_agents.core.events import Event
from notebook_agents.eventlog.segments import event_of

CHUNK_BYTES = 1 << 20
"""How much of a stream is read at once; a longer line is read whole."""


def read_events(path: Path, run_id: str = "", after: int = 0) -> list[Event]:
    """The whole events of a segment in order; a torn last line is left for the next look.

    With ``run_id`` only that run's events numbered above ``after``. A missing file has no events.
    """
    try:
        return read_segment(path, run_id, after)
    except FileNotFoundError:
        return []


def read_segment(path: Path, run_id: str = "", after: int = 0) -> list[Event]:
    """The same of a segment that should be there; FileNotFoundError when it went."""
    content = path.read_bytes()
    # Looking for the run's id in the raw line first avoids parsing lines of other runs.
    wanted = run_id.encode()
    events = [event_of(line) for line in content.split(b"\n")[:-1] if wanted in line]
    return [
        event
        for event in events
        if event is not None and (not run_id or (event.run_id == run_id and event.run_seq > after))
    ]


def read_chunk(
    path: Path, span: tuple[int, int], types: Collection[str]
) -> tuple[list[Event], int]:
    """The events of these types from the first byte of the span on, and the byte to read on at.

    Reads about 1 MiB of whole lines, never beyond the span; a line that is not whole yet is left
    for the next look. FileNotFoundError when the file is not there.
    """
    first, last = span
    lines, size = b"", CHUNK_BYTES
    with path.open("rb") as file:
        while not lines and first + size < last + CHUNK_BYTES:
            file.seek(first)
            content = file.read(min(size, last - first))
            lines, size = content[: content.rfind(b"\n") + 1], size + CHUNK_BYTES
    # Looking for the type in the raw line first avoids parsing the many others.
    marks = tuple(f'"type":"{name}"'.encode() for name in types)
    wanted = [line for line in lines.split(b"\n") if any(mark in line for mark in marks)]
    events = [event for line in wanted if (event := event_of(line)) is not None]
    return [event for event in events if event.type in types], first + len(lines)
