"""What a stream holds, counted without parsing its events, and only once.

A stream only grows, so what was counted before is kept and only the bytes after it are read. A
listing of many conversations costs a look at each file's size.
"""

from __future__ import annotations

import os
import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from notebook_agents.core.recordings import StreamSummary
from notebook_agents.eventlog.segments import stream_path

KEPT_COUNTS = 20_000
"""Streams whose counts are kept, a few hundred bytes each; the least recently used goes first."""
BEGINNING_BYTES = 64
"""A line has more, and begins with the id of its event."""
PART_BYTES = 1 << 20
"""How much is read at once."""
_HEAD = re.compile(rb'"ts":"([^"]+)".*?"type":"([a-z_]+)","payload":')
"""Time and type stand in a line before the payload, which alone holds words of others."""


@dataclass(slots=True)
class _Counts:
    """What is known of a stream so far."""

    beginning: bytes
    """The file's first bytes, with an id: a stream that was removed and begun anew has others."""
    position: int = 0
    types: Counter[str] = field(default_factory=Counter)
    first: bytes = b""
    last: bytes = b""


class Summaries:
    """Counts the streams of a home; used on threads."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._known: OrderedDict[str, _Counts] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, streams: Collection[str]) -> list[StreamSummary]:
        """The streams of these that have events, in the order given."""
        with self._lock:
            found = [(stream, self._count(stream)) for stream in streams]
        return [_summary(name, counts) for name, counts in found if counts and counts.first]

    def _count(self, stream: str) -> _Counts | None:
        try:
            with stream_path(self._home, stream).open("rb") as file:
                size, beginning = os.fstat(file.fileno()).st_size, file.read(BEGINNING_BYTES)
                counts = self._known.pop(stream, None)
                if counts is None or counts.beginning != beginning or counts.position > size:
                    counts = _Counts(beginning=beginning)
                file.seek(counts.position)
                rest = b""
                while part := file.read(PART_BYTES):
                    rest = _add(counts, rest + part)
        except FileNotFoundError:
            self._known.pop(stream, None)
            return None
        self._known[stream] = counts
        while len(self._known) > KEPT_COUNTS:
            self._known.popitem(last=False)
        return counts


def _add(counts: _Counts, content: bytes) -> bytes:
    """Count the whole lines; returns what follows them."""
    end = content.rfind(b"\n") + 1
    for line in content[:end].split(b"\n"):
        head = _HEAD.search(line)
        if head is None:  # torn or foreign
            continue
        counts.types[head[2].decode()] += 1
        counts.first, counts.last = counts.first or head[1], head[1]
    counts.position += end
    return content[end:]


def _summary(stream: str, counts: _Counts) -> StreamSummary:
    return StreamSummary(
        stream=stream,
        first_at=datetime.fromisoformat(counts.first.decode()),
        last_at=datetime.fromisoformat(counts.last.decode()),
        types=dict(counts.types),
    )
