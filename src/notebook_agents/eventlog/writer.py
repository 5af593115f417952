"""Appending events: one unbuffered write per line, so a kill of the process loses nothing.

Only a power cut can lose what is written but not synced; ``sync`` is called at the end of a run
and before tools with side effects. Several processes may append to one stream: a line is one
``write`` on a descriptor opened for appending, which the system never interleaves.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.event_lines import LONGEST_BYTES
from notebook_agents.core.events import Event
from notebook_agents.core.ports import StreamChunk, StreamEnd
from notebook_agents.core.recordings import StreamSummary
from notebook_agents.eventlog.appending import append_line, open_segment
from notebook_agents.eventlog.archive import Archive
from notebook_agents.eventlog.removal import remove_stream
from notebook_agents.eventlog.segments import hot_folder, line_of, read_log_id
from notebook_agents.eventlog.streams import Streams
from notebook_agents.eventlog.summaries import Summaries

OPEN_STREAMS = 64
"""Descriptors kept open; the stream least recently written to is closed first."""

T = TypeVar("T")


class JsonlEventLog:
    """Answers the EventLog port with files below a home folder."""

    def __init__(self, home: Path, archive: str = "") -> None:
        """``archive`` is where compacted events lie, as `eventlog.archive` reads it."""
        hot_folder(home).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._home = home
        self.id = read_log_id(home)
        self._open: OrderedDict[str, int] = OrderedDict()
        self._unsynced: set[str] = set()
        self._streams = Streams(home, Archive(home, archive))
        self._summaries = Summaries(home)

    def append(self, event: Event) -> int:
        """Keep the event, in so many bytes; then a kill of the process cannot lose it.

        Raises StorageUnavailable when it cannot be kept: the disk is full, the event too large.
        """
        line, stream = line_of(event), event.stream
        if len(line) > LONGEST_BYTES:
            raise StorageUnavailable(
                f"an event of type {event.type!r} has {len(line)} bytes, at most {LONGEST_BYTES}"
                " are kept; give or ask for less at once"
            )
        try:
            while (written := append_line(self._descriptor(stream), line)) is None:
                os.close(self._open.pop(stream))  # removed or closed: it goes on elsewhere
        except OSError as error:
            raise StorageUnavailable(f"the event cannot be kept: {error.strerror}") from None
        self._unsynced.add(stream)
        if written != len(line):
            # Opened again, the file gets an end for the torn line.
            os.close(self._open.pop(stream))
            raise StorageUnavailable("the event cannot be kept: the disk is full")
        return len(line)

    async def sync(self, stream: str) -> None:
        """Force what was appended since the last time to the disk."""
        if stream in self._open and stream in self._unsynced:
            self._unsynced.discard(stream)
            duplicate = os.dup(self._open[stream])  # the original may be closed meanwhile
            await _on_thread(lambda: _sync_and_close(duplicate))

    async def read(self, stream: str, *, run_id: str = "", after: int = 0) -> list[Event]:
        """The events of a stream, of one run those numbered above ``after``."""
        return await _on_thread(lambda: self._streams.read(stream, run_id, after))

    async def ends(self, streams: Collection[str] | None = None) -> list[StreamEnd]:
        """How far the streams go, in bytes."""
        return await _on_thread(lambda: self._streams.ends(streams))

    async def read_on(self, end: StreamEnd, position: int, types: Collection[str]) -> StreamChunk:
        """The events of these types from a byte on."""
        return await _on_thread(lambda: self._streams.read_on(end, position, types))

    async def summaries(self, streams: Collection[str]) -> list[StreamSummary]:
        """What these streams hold; those without events are left out."""
        return await _on_thread(lambda: self._summaries.of(streams))

    async def files(self, stream: str) -> list[str]:
        """The names of the stream's files."""
        return await _on_thread(lambda: self._streams.files(stream))

    async def remove(self, stream: str) -> None:
        """Remove the stream; who has it open in another process notices."""
        if stream in self._open:
            os.close(self._open.pop(stream))
        await _on_thread(lambda: remove_stream(self._home, stream))

    async def aclose(self) -> None:
        """Close all files."""
        while self._open:
            os.close(self._open.popitem()[1])
        self._streams.close()

    def _descriptor(self, stream: str) -> int:
        if stream in self._open:
            self._open.move_to_end(stream)
            return self._open[stream]
        while len(self._open) >= OPEN_STREAMS:
            evicted, descriptor = self._open.popitem(last=False)
            self._unsynced.discard(evicted)
            os.close(descriptor)
        self._open[stream] = open_segment(self._home, stream)
        return self._open[stream]


async def _on_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)


_force = getattr(os, "fdatasync", os.fsync)
"""The times of a file may be lost in a power cut, its bytes and its size are not."""


def _sync_and_close(descriptor: int) -> None:
    try:
        _force(descriptor)
    finally:
        os.close(descriptor)
