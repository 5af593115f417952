"""From closed segments to Parquet files, one or more for each owner.

A crash at any point leaves every event where readers find it once: what is written is unknown
until the manifest names it, and what it replaces is left out from that moment on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

import duckdb

from notebook_agents.core.log_keeping import CompactionReport
from notebook_agents.eventlog.archive import Archive
from notebook_agents.eventlog.cold import connect
from notebook_agents.eventlog.commits import Change, Commits
from notebook_agents.eventlog.manifest import ColdFile, read_manifest
from notebook_agents.eventlog.parquet import ParquetWriter, Rows
from notebook_agents.eventlog.rewriting import Rewriter, recover, resolve_removed
from notebook_agents.eventlog.sealing import closed_segments
from notebook_agents.eventlog.segments import Segment
from notebook_agents.eventlog.staging import LONG_FILE_BYTES, FileKey, keep_torn, stage

BATCH_BYTES = 96 << 20
BATCH_SEGMENTS = 5000
"""Segments are taken together up to these bounds, which memory and the manifest set."""
MERGED_AT = 8
"""So many files of about one size and one owner become one."""
LEVELS = (20_000, 160_000, 1_280_000)
"""Events up to which a file belongs to a level; larger files are left as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a compaction works with."""

    home: Path
    archive: Archive
    connection: duckdb.DuckDBPyConnection
    commits: Commits
    writer: ParquetWriter

    @property
    def rewriter(self) -> Rewriter:
        """Takes rows out of files."""
        return Rewriter(self.connection, self.writer, self.commits)


def open_tools(home: Path, archive: Archive) -> Tools:
    """A database in memory that may spill into the home, and a writer on it."""
    folder = home / "events" / "tmp"
    connection = connect(archive, folder / "spilled")
    return Tools(
        home=home,
        archive=archive,
        connection=connection,
        commits=Commits(home, archive),
        writer=ParquetWriter(connection, archive, folder),
    )


def compact(tools: Tools, idle_s: float) -> CompactionReport:
    """One compaction; whoever calls is the only keeper."""
    began = time.monotonic()
    recover(tools.rewriter, tools.home)
    # In this order: a segment of a stream that was removed and begun anew is here only after the
    # manifest says so, and while it says so nobody sees rows of that stream.
    closed = closed_segments(tools.home, idle_s)
    report = resolve_removed(tools.rewriter, tools.home)
    for segments in _batches(closed):
        report = add(report, _compact_batch(tools, segments))
    for files in _to_be_merged(read_manifest(tools.home).files):
        with suppress(duckdb.OutOfMemoryException):  # they stay as they are, which is no harm
            report = add(report, _merge(tools, files))
    return replace(report, duration_ms=(time.monotonic() - began) * 1000)


def add(one: CompactionReport, other: CompactionReport) -> CompactionReport:
    """Both together."""
    names = [field.name for field in fields(CompactionReport)]
    return CompactionReport(**{name: getattr(one, name) + getattr(other, name) for name in names})


def _compact_batch(tools: Tools, segments: list[Segment]) -> CompactionReport:
    segments = [segment for segment in segments if segment.path.exists()]  # others were removed
    files: list[ColdFile] = []
    n_events = n_torn = 0
    try:
        for staged in stage(tools.connection, segments, tools.home / "events" / "tmp"):
            keep_torn(tools.home / "events" / "torn", staged.torn)
            files += filter(None, (_write(tools.writer, key) for key in staged.files))
            n_events, n_torn = n_events + staged.n_events, n_torn + len(staged.torn)
    except FileNotFoundError:
        for file in files:
            tools.archive.delete(file.name)  # what was removed is in none
        if all(segment.path.exists() for segment in segments):
            raise  # what is not there is the archive, now and at the next try
        return _compact_batch(tools, segments)
    covers = frozenset(segment.path.name for segment in segments)
    tools.commits.make(Change(add=tuple(files), covers=covers))
    tools.commits.finish(segments)
    return CompactionReport(
        n_segments=len(segments),
        n_events=n_events,
        n_torn=n_torn,
        n_files=len(files),
        bytes_before=sum(segment.size for segment in segments),
        bytes_after=sum(file.n_bytes for file in files),
    )


def _write(writer: ParquetWriter, key: FileKey) -> ColdFile | None:
    rows = Rows(
        source="rows WHERE user_id = $owner AND part = $part",
        bound={"owner": key.owner_id, "part": key.part},
    )
    return writer.write(rows, key.owner_id, is_long=key.part > 0)


def _batches(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    """In order: a stream's later segments never come before its earlier ones."""
    batch: list[Segment] = []
    n_bytes = 0
    for segment in segments:
        if batch and (n_bytes + segment.size > BATCH_BYTES or len(batch) >= BATCH_SEGMENTS):
            yield batch
            batch, n_bytes = [], 0
        batch.append(segment)
        n_bytes += segment.size
    if batch:
        yield batch


def _to_be_merged(files: Iterable[ColdFile]) -> Iterator[list[ColdFile]]:
    alike: dict[tuple[str, int, bool], list[ColdFile]] = {}
    for file in sorted(files, key=lambda file: file.long_bytes):
        level = sum(file.n_events > bound for bound in LEVELS)
        if level < len(LEVELS):
            alike.setdefault((file.owner_id, level, file.long_bytes > 0), []).append(file)
    for group in alike.values():
        while group and sum(file.long_bytes for file in group) > LONG_FILE_BYTES:
            group.pop()  # the smallest go together
        if len(group) >= MERGED_AT:
            yield group


def _merge(tools: Tools, files: list[ColdFile]) -> CompactionReport:
    rows = Rows(source=tools.writer.source(files), bound={})
    is_long = files[0].long_bytes > 0
    merged = tools.writer.write(rows, files[0].owner_id, is_long=is_long)
    if merged is None:
        return CompactionReport()
    tools.commits.make(Change(add=(merged,), drop=frozenset(file.name for file in files)))
    return CompactionReport(
        n_files=1,
        n_merged=len(files),
        bytes_before=sum(file.n_bytes for file in files),
        bytes_after=merged.n_bytes,
    )
