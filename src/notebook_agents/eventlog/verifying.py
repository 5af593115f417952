"""Whether the log is whole: read everything, change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from notebook_agents.core.analytics import LogSnapshot
from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.event_columns import LINE_COLUMNS
from notebook_agents.core.event_lines import longest_object_bytes
from notebook_agents.core.log_keeping import LogFault
from notebook_agents.eventlog.archive import Archive
from notebook_agents.eventlog.cold import again_if_gone, connect
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.manifest import ColdFile, read_manifest
from notebook_agents.eventlog.parquet import digest
from notebook_agents.eventlog.segments import Segment, all_segments, event_of
from notebook_agents.eventlog.staging import is_event_line

_MOST = 1000
"""Runs that are told of."""


def verify(home: Path, place: str) -> Iterator[LogFault]:
    """What is wrong."""
    archive = Archive(home, place)
    try:
        manifest = read_manifest(home)
    except StorageUnavailable as error:
        yield LogFault(kind="unreadable", file="manifest.json", detail=error.message)
        return
    with connect(archive, home / "events" / "tmp" / "verified") as connection:
        n_lost = 0
        for file in manifest.files:
            for fault in _file_faults(connection, archive, file):
                n_lost += fault.kind in ("missing_file", "wrong_checksum")
                yield fault
        for segment in sorted(all_segments(home), key=lambda s: (s.stream, s.base)):
            yield from _segment_faults(segment)
        if not n_lost:  # else every run that had events there has gaps, or nothing can be read
            yield from _run_faults(connection, EventFiles(home, place))


def _file_faults(
    connection: duckdb.DuckDBPyConnection, archive: Archive, file: ColdFile
) -> Iterator[LogFault]:
    try:
        content = archive.get(file.name)
    except FileNotFoundError:
        yield LogFault(kind="missing_file", file=file.name, detail="the manifest names it")
        return
    if digest(iter([content])) != file.sha256:
        yield LogFault(kind="wrong_checksum", file=file.name, detail="it is not what was written")
        return
    address = archive.address(file.name)
    sql = "SELECT count(*), count(*) FILTER (user_id = $owner) FROM read_parquet($file)"
    counts = connection.execute(sql, {"owner": file.owner_id, "file": address}).fetchall()[0]
    if counts != (file.n_events, file.n_events):
        detail = f"{counts[0]} events, {counts[1]} of its owner, and not {file.n_events}"
        yield LogFault(kind="wrong_count", file=file.name, detail=detail)


def _segment_faults(segment: Segment) -> Iterator[LogFault]:
    try:
        content = segment.path.read_bytes()
    except FileNotFoundError:  # compacted or removed since
        return
    *lines, rest = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line or event_of(line) is not None:
            continue
        is_torn = not is_event_line(line)
        yield LogFault(
            kind="torn_line" if is_torn else "foreign_line",
            file=segment.path.name,
            detail=f"line {number} is no event of this version",
        )
    if rest and segment.is_closed:
        detail = f"line {len(lines) + 1} has no end"
        yield LogFault(kind="torn_line", file=segment.path.name, detail=detail)


def _run_faults(connection: duckdb.DuckDBPyConnection, files: EventFiles) -> Iterator[LogFault]:
    def look() -> list[tuple[str, int, int, int]]:
        return _odd_runs(connection, files.snapshot())

    for run_id, n_events, n_numbers, n_expected in again_if_gone(look):
        if n_events > n_numbers:
            detail = f"{n_events - n_numbers} events have the number of another one"
            yield LogFault(kind="double", file=run_id, detail=detail)
        if n_expected > n_numbers:
            detail = f"{n_expected - n_numbers} events are missing between others"
            yield LogFault(kind="gap", file=run_id, detail=detail)


def _odd_runs(
    connection: duckdb.DuckDBPyConnection, snapshot: LogSnapshot
) -> list[tuple[str, int, int, int]]:
    sources: list[str] = []
    bound: dict[str, object] = {}
    if snapshot.hot:
        sources.append(
            "SELECT run_id, run_seq FROM read_json($hot, format = 'newline_delimited',"
            " columns = $columns, ignore_errors = true, maximum_object_size = $longest)"
            " WHERE id IS NOT NULL"
        )
        bound |= {
            "hot": list(snapshot.hot),
            "columns": {column.name: column.type for column in LINE_COLUMNS},
            "longest": longest_object_bytes(snapshot.hot),
        }
    if snapshot.cold:
        sources.append(
            "SELECT run_id, run_seq FROM read_parquet($cold)"
            " WHERE NOT list_contains($removed::VARCHAR[], stream)"
        )
        bound |= {"cold": list(snapshot.cold), "removed": list(snapshot.removed)}
    if not sources:
        return []
    # Number 0 is none: facts about a run have it, such as its undo or what was said of its answer.
    sql = f"""SELECT run_id, count(*), count(DISTINCT run_seq), max(run_seq) - min(run_seq) + 1
        FROM ({" UNION ALL ".join(sources)}) WHERE run_id <> '' AND run_seq <> 0
        GROUP BY run_id
        HAVING count(*) <> count(DISTINCT run_seq)
            OR max(run_seq) - min(run_seq) + 1 <> count(DISTINCT run_seq)
        ORDER BY run_id LIMIT {_MOST}"""  # noqa: S608 - texts of this file
    found: list[tuple[str, int, int, int]] = connection.execute(sql, bound).fetchall()
    return found
