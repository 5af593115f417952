"""Reading streams, wherever their parts are: in Parquet files, then in segments."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from notebook_agents.core.events import Event
from notebook_agents.core.ports import StreamChunk, StreamEnd
from notebook_agents.eventlog.archive import Archive
from notebook_agents.eventlog.cold import CHUNK_EVENTS, ColdReader, Wanted, again_if_gone
from notebook_agents.eventlog.compacted import Compacted, CompactedStreams
from notebook_agents.eventlog.manifest import ColdFile, read_manifest
from notebook_agents.eventlog.reader import read_chunk, read_segment
from notebook_agents.eventlog.segments import all_segments, segments_of, stream_path

FEW = 50
"""So many streams are looked at one by one; for more the folder is listed."""


class Streams:
    """The streams of a home; used on threads."""

    def __init__(self, home: Path, archive: Archive) -> None:
        self._home = home
        self._cold = ColdReader(home, archive)
        self._compacted = CompactedStreams(home)

    def read(self, stream: str, run_id: str = "", after: int = 0) -> list[Event]:
        """The whole events of a stream, or of one run those numbered above ``after``."""
        stream_path(self._home, stream)  # refuses a name that is none
        return again_if_gone(lambda: self._read(stream, run_id, after))

    def _read(self, stream: str, run_id: str, after: int) -> list[Event]:
        known, segments = segments_of(self._home, stream)
        wanted = Wanted(
            stream=stream, after=known.start, until=known.end, run_id=run_id, run_after=after
        )
        events = [event for _, event in self._cold.read(known, wanted)]
        for segment in segments:
            events += read_segment(segment.path, run_id, after)
        return events

    def ends(self, names: Collection[str] | None = None) -> list[StreamEnd]:
        """How far the streams go, all or those of these that are there."""
        if names is not None and len(names) <= FEW:
            return [end for name in names for end in self._end(name)]
        ends: dict[str, tuple[int, float]] = {}
        # Segments first: one that goes meanwhile has left what is known of it behind.
        for segment in all_segments(self._home):
            if names is None or segment.stream in names:
                _farthest(ends, segment.stream, segment.end, segment.changed_at)
        for stream, known in self._compacted.all():
            is_wanted = names is None or stream in names
            if is_wanted and known.is_empty and ends.get(stream, (0, 0.0))[0] <= known.end:
                ends.pop(stream, None)  # removed, and not begun anew
            elif is_wanted:
                _farthest(ends, stream, known.end, known.changed_at)
        return [_stream_end(stream, *found) for stream, found in ends.items()]

    def _end(self, stream: str) -> list[StreamEnd]:
        known, segments = segments_of(self._home, stream)
        if not segments and known.is_empty:
            return []
        last = segments[-1] if segments else None
        changed_at = last.changed_at if last and (last.size or known.is_empty) else known.changed_at
        return [_stream_end(stream, last.end if last else known.end, changed_at)]

    def read_on(self, end: StreamEnd, position: int, types: Collection[str]) -> StreamChunk:
        """The events of these types from a byte on, and where to read on."""
        return again_if_gone(lambda: self._read_on(end, position, types))

    def _read_on(self, end: StreamEnd, position: int, types: Collection[str]) -> StreamChunk:
        known, segments = segments_of(self._home, end.stream)
        if position < known.start:
            position = min(known.start, end.position)
        if position < known.end:
            wanted = Wanted(
                stream=end.stream,
                after=position,
                until=min(known.end, end.position),
                types=tuple(types),
                limit=CHUNK_EVENTS,
            )
            found = self._cold.read(known, wanted)
            read_to = found[-1][0] if len(found) == CHUNK_EVENTS else wanted.until
            return StreamChunk(events=tuple(event for _, event in found), position=read_to)
        for segment in segments:
            last = min(segment.end, end.position)
            if position < last:
                span = (position - segment.base, last - segment.base)
                events, read_to = read_chunk(segment.path, span, types)
                if read_to == span[0] and segment.is_closed and last == segment.end:
                    position = segment.end  # its last line was torn; what follows is whole
                    continue
                return StreamChunk(events=tuple(events), position=segment.base + read_to)
        return StreamChunk(events=(), position=position if segments else end.position)

    def files(self, stream: str) -> list[str]:
        """The names of the files that a stream is kept in."""
        known, segments = segments_of(self._home, stream)
        cold = [
            file.name
            for file in read_manifest(self._home).files
            if not known.is_empty and file.owner_id in known.owners and _overlaps(file, known)
        ]
        return cold + [segment.path.name for segment in segments]

    def close(self) -> None:
        """Close what is open."""
        self._cold.close()


def _farthest(
    ends: dict[str, tuple[int, float]], stream: str, position: int, changed_at: float
) -> None:
    if ends.get(stream, (-1, 0.0))[0] < position:
        ends[stream] = (position, changed_at)


def _stream_end(stream: str, position: int, changed_at: float) -> StreamEnd:
    at = datetime.fromtimestamp(changed_at, UTC)
    return StreamEnd(stream=stream, position=position, changed_at=at)


def _overlaps(file: ColdFile, known: Compacted) -> bool:
    first, last = datetime.fromisoformat(known.first), datetime.fromisoformat(known.last)
    return file.first_at <= last and file.last_at >= first
