"""What a stream holds, counted without parsing its events, and only once.

A segment only grows, so what was counted before is kept and only the bytes after it are read; of
what was compacted a small file tells. A listing of many conversations costs a look at the size of
each.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Collection
from datetime import datetime
from functools import partial
from pathlib import Path

from notebook_agents.core.recordings import StreamSummary
from notebook_agents.eventlog.cold import again_if_gone
from notebook_agents.eventlog.counting import PART_BYTES, Counts
from notebook_agents.eventlog.segments import segments_of

KEPT_COUNTS = 20_000
"""Segments whose counts are kept, a few hundred bytes each; the least recently used goes first."""
BEGINNING_BYTES = 64
"""A line has more, and begins with the id of its event."""


class Summaries:
    """Counts the streams of a home; used on threads."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._known: OrderedDict[Path, tuple[bytes, Counts]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, streams: Collection[str]) -> list[StreamSummary]:
        """The streams of these that have events, in the order given."""
        with self._lock:
            found = [again_if_gone(partial(self._summary, stream)) for stream in streams]
        return [summary for summary in found if summary is not None]

    def _summary(self, stream: str) -> StreamSummary | None:
        compacted, segments = segments_of(self._home, stream)
        types, first, last = Counter(compacted.types), compacted.first, compacted.last
        for segment in segments:
            counts = self._count(segment.path)
            types += counts.types
            first, last = first or counts.first.decode(), counts.last.decode() or last
        if not first:
            return None
        return StreamSummary(
            stream=stream,
            first_at=datetime.fromisoformat(first),
            last_at=datetime.fromisoformat(last),
            types=dict(types),
        )

    def _count(self, path: Path) -> Counts:
        with path.open("rb") as file:
            size, beginning = os.fstat(file.fileno()).st_size, file.read(BEGINNING_BYTES)
            known, counts = self._known.pop(path, (b"", Counts()))
            if known != beginning or counts.position > size:
                counts = Counts()
            file.seek(counts.position)
            rest = b""
            while part := file.read(PART_BYTES):
                rest = counts.add(rest + part)
        self._known[path] = (beginning, counts)
        while len(self._known) > KEPT_COUNTS:
            self._known.popitem(last=False)
        return counts
