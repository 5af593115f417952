"""Removing a stream for good, while others may write to it, read it or compact it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from notebook_agents.eventlog.compacted import Compacted, compacted_folder, write_compacted
from notebook_agents.eventlog.durable import sync_folder
from notebook_agents.eventlog.locks import lock_alone, short_lock
from notebook_agents.eventlog.manifest import swap
from notebook_agents.eventlog.segments import Segment, is_open, segments_of, stream_path


def remove_stream(home: Path, stream: str) -> None:
    """Remove what a stream has; a later event begins it anew, at a byte never used before.

    What is in Parquet files is named in the manifest as removed, so that no reader sees it, and is
    written away by the next compaction.
    """
    stream_path(home, stream)  # refuses a name that is none
    with short_lock(home):
        descriptor = -1
        while descriptor < 0:
            known, segments = segments_of(home, stream)
            if not segments:
                break
            descriptor = _held(segments[-1])
        try:
            if segments or not known.is_empty:
                _remove(home, stream, segments, known)
        finally:
            if descriptor >= 0:
                os.close(descriptor)


def _held(last: Segment) -> int:
    """The descriptor of a stream's last segment, which nobody can append to now; -1 to look again.

    A closed one is held as it is: nobody appends to it.
    """
    try:
        descriptor = os.open(last.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return -1
    lock_alone(descriptor)
    if os.fstat(descriptor).st_nlink and is_open(os.fstat(descriptor)) is not last.is_closed:
        return descriptor
    os.close(descriptor)
    return -1


def _remove(home: Path, stream: str, segments: list[Segment], known: Compacted) -> None:
    end = known.end
    for segment in segments:
        end = max(end, segment.base + segment.path.stat().st_size)
    if not known.is_empty or any(segment.is_closed for segment in segments):
        swap(home, lambda now: replace(now, removed={**now.removed, stream: end}))
    write_compacted(home, stream, Compacted(start=end, end=end))
    sync_folder(compacted_folder(home))
    for segment in segments:
        segment.path.unlink(missing_ok=True)
