"""Parquet files written anew without some of their events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.core.log_keeping import CompactionReport, Prune
from notebook_agents.eventlog.commits import Change, Commits
from notebook_agents.eventlog.compacted import Compacted
from notebook_agents.eventlog.manifest import ColdFile, read_manifest
from notebook_agents.eventlog.parquet import ParquetWriter, Rows
from notebook_agents.eventlog.segments import all_segments

if TYPE_CHECKING:
    import duckdb

_IS_REMOVED = (
    "EXISTS (SELECT 1 FROM gone WHERE gone.stream = found.stream AND found.position <= gone.until)"
)
_IS_OLD = (
    "ts < $before AND NOT list_contains($keep::VARCHAR[], type)"
    " AND NOT list_contains($spare::VARCHAR[], stream)"
)
_IS_ONLY = " AND list_contains($only::VARCHAR[], type)"
_RUN_IS_OVER = (
    " AND (coalesce(run_id, '') = '' OR (NOT list_contains($hot::VARCHAR[], stream)"
    " AND run_id NOT IN (SELECT run_id FROM going_on)))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Which rows leave: a condition on ``found``, true or false of each row, and its parameters."""

    condition: str
    bound: Mapping[str, Any]


class Rewriter:
    """Takes rows out of Parquet files."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, writer: ParquetWriter, commits: Commits
    ) -> None:
        self.connection, self._writer, self.commits = connection, writer, commits

    def without(self, files: Iterable[ColdFile], leaving: Leaving) -> CompactionReport:
        """Write those of the files anew that hold such rows; the streams are not recounted."""
        n_removed = n_files = before = after = 0
        for file in files:
            n_leaving = self._count(file, leaving)
            if not n_leaving:
                continue
            rows = Rows(
                source=f"{self._writer.source([file])} AS found WHERE NOT ({leaving.condition})",
                bound=leaving.bound,
            )
            left = None
            if n_leaving < file.n_events:
                left = self._writer.write(rows, file.owner_id, is_long=file.long_bytes > 0)
            added = () if left is None else (left,)
            self.commits.make(Change(add=added, drop=frozenset({file.name})))
            n_removed, n_files, before = n_removed + n_leaving, n_files + 1, before + file.n_bytes
            after += 0 if left is None else left.n_bytes
        return CompactionReport(
            n_removed=n_removed, n_files=n_files, bytes_before=before, bytes_after=after
        )

    def streams(self, files: Iterable[ColdFile], leaving: Leaving) -> set[str]:
        """The streams that have such rows."""
        found: set[str] = set()
        for file in files:
            bound = {**leaving.bound, "files": [self._writer.address(file)]}
            sql = f"SELECT DISTINCT stream FROM read_parquet($files) AS found WHERE {leaving.condition}"  # noqa: S608, E501
            found |= {stream for (stream,) in self.connection.execute(sql, bound).fetchall()}
        return found

    def going_on(self, files: Iterable[ColdFile], since: datetime) -> None:
        """Make the table of the runs that have an event since then."""
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE going_on AS SELECT DISTINCT run_id"
            " FROM read_parquet($files) WHERE ts >= $since AND run_id <> ''",
            {"files": [self._writer.address(file) for file in files], "since": since},
        )

    def recount(self, home: Path, streams: set[str]) -> None:
        """Note what is left of these streams in all files."""
        addresses = [self._writer.address(file) for file in read_manifest(home).files]
        counted: dict[str, Compacted] = {}
        if addresses and streams:
            counted = {row[0]: _counted(row) for row in self._counts(addresses, streams)}
        self.commits.recount(counted, streams)

    def _counts(self, addresses: list[str], streams: set[str]) -> list[tuple[Any, ...]]:
        sql = """SELECT stream, json_group_object(kind, n), min_by(first_ts, first_byte),
                     max_by(last_ts, last_byte), list_sort(list_distinct(flatten(list(owners))))
                 FROM (SELECT stream, type AS kind, count(*) AS n,
                         list(DISTINCT user_id) AS owners,
                         min(position) AS first_byte, max(position) AS last_byte,
                         min_by(ts, position)::VARCHAR AS first_ts,
                         max_by(ts, position)::VARCHAR AS last_ts
                     FROM read_parquet($files) WHERE list_contains($streams::VARCHAR[], stream)
                     GROUP BY stream, type)
                 GROUP BY stream"""
        bound = {"files": addresses, "streams": sorted(streams)}
        found: list[tuple[Any, ...]] = self.connection.execute(sql, bound).fetchall()
        return found

    def _count(self, file: ColdFile, leaving: Leaving) -> int:
        bound = {**leaving.bound, "files": [self._writer.address(file)]}
        sql = f"SELECT count(*) FROM read_parquet($files) AS found WHERE {leaving.condition}"  # noqa: S608
        return int(self.connection.execute(sql, bound).fetchall()[0][0])


def recover(rewriter: Rewriter, home: Path) -> None:
    """Finish what a killed process left, and count the streams that it had no time for."""
    rewriter.commits.recover()
    if streams := rewriter.commits.not_recounted():
        rewriter.recount(home, streams)


def resolve_removed(rewriter: Rewriter, home: Path) -> CompactionReport:
    """Write removed streams out of the files they are in."""
    manifest = read_manifest(home)
    if not manifest.removed:
        return CompactionReport()
    rewriter.connection.execute("CREATE OR REPLACE TEMP TABLE gone (stream VARCHAR, until BIGINT)")
    rewriter.connection.executemany(
        "INSERT INTO gone VALUES (?, ?)", [list(item) for item in manifest.removed.items()]
    )
    report = rewriter.without(manifest.files, Leaving(condition=_IS_REMOVED, bound={}))
    rewriter.commits.make(Change(resolved=manifest.removed))
    return report


def prune(rewriter: Rewriter, home: Path, wish: Prune) -> int:
    """Take old events out of the files; returns how many."""
    manifest = read_manifest(home)
    files = [file for file in manifest.of(wish.owner_id) if file.first_at < wish.before]
    if not files:
        return 0
    leaving = _old(rewriter, home, wish)
    streams = rewriter.streams(files, leaving)
    if not streams:
        return 0
    rewriter.commits.will_recount(streams)
    report = rewriter.without(files, leaving)
    rewriter.recount(home, streams)
    return report.n_removed


def _old(rewriter: Rewriter, home: Path, wish: Prune) -> Leaving:
    bound: dict[str, Any] = {
        "before": wish.before,
        "keep": sorted(wish.keep),
        "spare": sorted(wish.spare),
    }
    if wish.only:
        return Leaving(condition=_IS_OLD + _IS_ONLY, bound={**bound, "only": sorted(wish.only)})
    rewriter.going_on(read_manifest(home).of(wish.owner_id), wish.before)
    hot = sorted({segment.stream for segment in all_segments(home) if segment.size})
    return Leaving(condition=_IS_OLD + _RUN_IS_OVER, bound={**bound, "hot": hot})


def _counted(row: tuple[Any, ...]) -> Compacted:
    _, types, first, last, owners = row
    return Compacted(types=json.loads(types), first=first, last=last, owners=tuple(owners))
