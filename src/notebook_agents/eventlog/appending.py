"""Which segment of a stream is appended to: found, opened, and looked at before each write."""

from __future__ import annotations

import os
from pathlib import Path

from notebook_agents.eventlog.compacted import read_compacted
from notebook_agents.eventlog.locks import lock_together, unlock
from notebook_agents.eventlog.segments import is_open, stream_path

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


def append_line(descriptor: int, line: bytes) -> int | None:
    """Write a line with one write; returns its bytes, None when the segment is closed or gone.

    While the lock is held nobody closes the segment, so that what is written is there for whoever
    compacts it.
    """
    lock_together(descriptor)
    try:
        return os.write(descriptor, line) if is_open(os.fstat(descriptor)) else None
    finally:
        unlock(descriptor)


def open_segment(home: Path, stream: str) -> int:
    """A descriptor of the segment that a stream goes on in; it is made when it is not there."""
    base = 0
    while True:
        base = max(base, read_compacted(home, stream).end)
        path = stream_path(home, stream, base)
        descriptor, found = _opened(path)
        if found is None:
            continue
        if is_open(found):
            # Compacted while it was opened: then a new file has a name that nobody looks at.
            if read_compacted(home, stream).end <= base:
                _end_torn_line(descriptor, found.st_size)
                return descriptor
            if not found.st_size:
                path.unlink(missing_ok=True)
        else:
            base += found.st_size
        if descriptor >= 0:
            os.close(descriptor)


def _opened(path: Path) -> tuple[int, os.stat_result | None]:
    """A descriptor, or -1 where a closed segment is not to be had for writing, or just went."""
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
    except PermissionError:
        try:
            found = path.stat()
        except FileNotFoundError:
            return -1, None
        if is_open(found):
            raise
        return -1, found
    return descriptor, os.fstat(descriptor)


def _end_torn_line(descriptor: int, size: int) -> None:
    """After a power cut the last line may be torn: end it, so that it cannot spoil the next."""
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        append_line(descriptor, b"\n")
