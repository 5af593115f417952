"""What is known of a stream's part that lies in Parquet files.

One small file per such stream says up to which byte it was compacted and what it holds, so that
streams are listed, counted and appended to without a look into Parquet. It is written after the
manifest names the events and before their segments go: a reader takes what is up to ``end`` from
Parquet and the rest from segments, and has each event once at any moment.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from notebook_agents.eventlog.durable import write_whole

SUFFIX = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """A stream's bytes from ``start`` to ``end`` are in Parquet files, those before it gone."""

    start: int = 0
    end: int = 0
    changed_at: float = 0.0
    """When its last event was appended, seconds since 1970."""
    first: str = ""
    """The time of the first event, as it was written."""
    last: str = ""
    types: dict[str, int] = field(default_factory=dict)
    """How many events of each type."""
    owners: tuple[str, ...] = ()
    """Whose events they are."""

    @property
    def is_empty(self) -> bool:
        """Whether no event of the stream is in a Parquet file."""
        return not self.types

    def and_then(self, more: Compacted) -> Compacted:
        """With what follows."""
        return replace(
            more,
            start=self.start,
            first=self.first or more.first,
            last=more.last or self.last,
            types=dict(Counter(self.types) + Counter(more.types)),
            owners=tuple(sorted({*self.owners, *more.owners})),
        )


NOTHING = Compacted()


def compacted_folder(home: Path) -> Path:
    """Where the files are."""
    return home / "events" / "streams"


def read_compacted(home: Path, stream: str) -> Compacted:
    """What is known of a stream; nothing when it never was compacted or removed."""
    path = f"{home}/events/streams/{stream}{SUFFIX}"
    if not os.access(path, os.F_OK):  # most never were: cheaper than an exception
        return NOTHING
    fields = json.loads(Path(path).read_bytes())
    return Compacted(**fields | {"owners": tuple(fields["owners"])})


def write_compacted(home: Path, stream: str, known: Compacted) -> None:
    """Keep what is known of a stream; whoever calls holds the short lock."""
    content = json.dumps(asdict(known), separators=(",", ":")).encode()
    write_whole(compacted_folder(home) / f"{stream}{SUFFIX}", content)


class CompactedStreams:
    """Lists all of them, reading only files that changed."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._known: dict[str, tuple[tuple[int, int], Compacted]] = {}

    def all(self) -> Iterator[tuple[str, Compacted]]:
        """Each stream with what is known of it."""
        known, self._known = self._known, {}
        try:
            entries = os.scandir(compacted_folder(self._home))
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                if not entry.name.endswith(SUFFIX):
                    continue
                stream, found = entry.name.removesuffix(SUFFIX), entry.stat()
                mark = (found.st_ino, found.st_mtime_ns)
                kept = known.get(stream)
                if kept is None or kept[0] != mark:
                    kept = (mark, read_compacted(self._home, stream))
                self._known[stream] = kept
                yield stream, kept[1]
