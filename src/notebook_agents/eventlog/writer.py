"""Appending events: one unbuffered write per line, so a kill of the process loses nothing.

Only a power cut can lose what is written but not synced; ``sync`` is called at the end of a run
and before tools with side effects. Several processes may append to one stream: a line is one
``write`` on a descriptor opened for appending, which the system never interleaves.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path

from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.events import Event
from notebook_agents.core.ports import StreamChunk, StreamEnd
from notebook_agents.core.recordings import StreamSummary
from notebook_agents.eventlog.reader import read_chunk, read_events
from notebook_agents.eventlog.segments import (
    hot_folder,
    line_of,
    list_streams,
    read_log_id,
    stream_path,
)
from notebook_agents.eventlog.summaries import Summaries

OPEN_STREAMS = 64
"""Descriptors kept open; the stream least recently written to is closed first."""


class JsonlEventLog:
    """Answers the EventLog port with files below a home folder."""

    def __init__(self, home: Path) -> None:
        hot_folder(home).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._home = home
        self.id = read_log_id(home)
        self._open: OrderedDict[str, int] = OrderedDict()
        self._summaries = Summaries(home)

    def append(self, event: Event) -> None:
        """Keep the event; once this returns a kill of the process cannot lose it.

        Raises StorageUnavailable when it cannot be kept, as on a full disk.
        """
        line = line_of(event)
        try:
            written = os.write(self._descriptor(event.stream), line)
        except OSError as error:
            raise StorageUnavailable(f"the event cannot be kept: {error.strerror}") from None
        if written != len(line):
            # Opened again, the file gets an end for the torn line.
            os.close(self._open.pop(event.stream))
            raise StorageUnavailable("the event cannot be kept: the disk is full")

    async def sync(self, stream: str) -> None:
        """Force what was appended to the disk."""
        if stream in self._open:
            duplicate = os.dup(self._open[stream])  # the original may be closed meanwhile
            await asyncio.get_running_loop().run_in_executor(None, _sync_and_close, duplicate)

    async def read(self, stream: str, *, run_id: str = "", after: int = 0) -> list[Event]:
        """The events of a stream, of one run those numbered above ``after``."""
        path = stream_path(self._home, stream)
        return await asyncio.get_running_loop().run_in_executor(
            None, read_events, path, run_id, after
        )

    async def ends(self, streams: Collection[str] | None = None) -> list[StreamEnd]:
        """The sizes of the streams."""
        return await asyncio.get_running_loop().run_in_executor(
            None, list_streams, self._home, streams
        )

    async def read_on(self, end: StreamEnd, position: int, types: Collection[str]) -> StreamChunk:
        """The events of these types from a byte on."""
        path, span = stream_path(self._home, end.stream), (position, end.position)
        events, position = await asyncio.get_running_loop().run_in_executor(
            None, read_chunk, path, span, types
        )
        return StreamChunk(events=tuple(events), position=position)

    async def summaries(self, streams: Collection[str]) -> list[StreamSummary]:
        """What these streams hold; those without events are left out."""
        return await asyncio.get_running_loop().run_in_executor(None, self._summaries.of, streams)

    async def files(self, stream: str) -> list[str]:
        """The name of the stream's file, if it is there."""
        found = await self.ends((stream,))
        return [stream_path(self._home, end.stream).name for end in found]

    async def remove(self, stream: str) -> None:
        """Remove the stream's file; who has it open in another process notices."""
        path = stream_path(self._home, stream)
        if stream in self._open:
            os.close(self._open.pop(stream))
        await asyncio.get_running_loop().run_in_executor(None, lambda: path.unlink(missing_ok=True))

    async def aclose(self) -> None:
        """Close all files."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _descriptor(self, stream: str) -> int:
        if stream in self._open and os.fstat(self._open[stream]).st_nlink == 0:
            os.close(self._open.pop(stream))  # another process removed the stream
        if stream in self._open:
            self._open.move_to_end(stream)
            return self._open[stream]
        while len(self._open) >= OPEN_STREAMS:
            os.close(self._open.popitem(last=False)[1])
        path = stream_path(self._home, stream)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _end_torn_line(descriptor)
        self._open[stream] = descriptor
        return descriptor


def _end_torn_line(descriptor: int) -> None:
    """After a power cut the last line may be torn: end it, so that it cannot spoil the next."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.write(descriptor, b"\n")


def _sync_and_close(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
