"""Closing segments, so that they can be compacted."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from notebook_agents.eventlog.counting import first_time
from notebook_agents.eventlog.locks import lock_alone, unlock
from notebook_agents.eventlog.segments import Segment, all_segments, is_open

LARGE_BYTES = 16 << 20
"""A segment as large as this is closed, however busy: what is not compacted SQL has in memory."""
OLD_S = 86_400.0
"""So is one whose first event is older than this."""
FEW_BYTES = 1 << 20
"""What is idle waits while it is less than this altogether: files of a few events help nobody."""
CLOSED_MODE = 0o400


def closed_segments(home: Path, idle_s: float) -> list[Segment]:
    """Close what is idle, large or old; returns these and what was closed before, in order.

    What is idle waits for more where it is little, unless any of it will do: ``idle_s`` 0.
    Streams that begin with an underscore are left: SQL does not look into them.
    """
    now = time.time()
    there = sorted(all_segments(home), key=lambda segment: (segment.stream, segment.base))
    found = [each for each in there if each.size and not each.stream.startswith("_")]
    due = [each for each in found if each.is_closed or now - each.changed_at >= idle_s]
    pressing = [each for each in found if each.is_closed or _is_pressing(each, now)]
    is_worth_it = pressing or not idle_s or sum(each.size for each in due) >= FEW_BYTES
    wanted = {each.path for each in (*pressing, *(due if is_worth_it else ()))}
    return [
        closed
        for segment in found
        if segment.path in wanted and (closed := _close(segment)) is not None
    ]


def _is_pressing(segment: Segment, now: float) -> bool:
    if segment.size >= LARGE_BYTES:
        return True
    with suppress(FileNotFoundError), segment.path.open("rb") as file:
        began = first_time(file.read(4096))
        return began is not None and now - began.timestamp() >= OLD_S
    return False


def _close(segment: Segment) -> Segment | None:
    """The segment with its size for good; None when it was removed."""
    try:
        descriptor = os.open(segment.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    try:
        lock_alone(descriptor)
        found = os.fstat(descriptor)
        if not found.st_nlink:
            return None
        if is_open(found):
            os.fchmod(descriptor, CLOSED_MODE)
            unlock(descriptor)
            os.fsync(descriptor)  # who wrote to it goes on elsewhere, and syncs that
        return Segment(
            stream=segment.stream,
            base=segment.base,
            size=found.st_size,
            changed_at=found.st_mtime,
            is_closed=True,
            path=segment.path,
        )
    finally:
        os.close(descriptor)
