"""Reading one stream back out of Parquet files."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.events import Event
from notebook_agents.eventlog.archive import Archive
from notebook_agents.eventlog.compacted import Compacted
from notebook_agents.eventlog.manifest import moment, read_manifest
from notebook_agents.eventlog.segments import event_of

CHUNK_EVENTS = 2000
"""How many events are read at once."""
FETCHED = 100
"""Rows that come out of the database at once; sorted, all of them would have to be in it."""
TRIES = 20
"""Files go when they are merged; who reads looks again for where the events are now."""
_FIELDS = ("id", "run_id", "run_seq", "ts", "conversation_id", "agent_id", "user_id", "dialect")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which of a stream's compacted events."""

    stream: str
    after: int
    """The byte after which their lines end."""
    until: int
    run_id: str = ""
    run_after: int = 0
    types: tuple[str, ...] | None = None
    limit: int | None = None


class ColdReader:
    """Reads streams out of the Parquet files of a log; used on threads."""

    def __init__(self, home: Path, archive: Archive) -> None:
        self._home, self._archive = home, archive
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def read(self, known: Compacted, wanted: Wanted) -> list[tuple[int, Event]]:
        """The events in order, each with the byte at which its line ends.

        duckdb.IOException when a file went meanwhile, because it was merged into another.
        """
        if known.is_empty or wanted.until <= wanted.after:
            return []
        found = [(row[-1], _event(row)) for row in self._rows(known, wanted)]
        return [(position, event) for position, event in found if event is not None]

    def close(self) -> None:
        """Give the memory back."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _rows(self, known: Compacted, wanted: Wanted) -> list[tuple[Any, ...]]:
        there = [f for f in read_manifest(self._home).files if f.owner_id in known.owners]
        if not there:
            return []
        files = [self._archive.address(file.name) for file in there]
        cursor = self._cursor()
        wanted = _limited(cursor, files, wanted)
        conditions, bound = _conditions(wanted)
        names = ", ".join("epoch_us(ts)" if name == "ts" else name for name in _FIELDS)
        sql = (
            f"SELECT {names}, type, payload::VARCHAR, position FROM read_parquet($files)"  # noqa: S608 - names of columns
            f" WHERE {' AND '.join(conditions)}"
        )
        cursor.execute(sql, {**bound, "files": files})
        found: list[tuple[Any, ...]] = []
        while rows := cursor.fetchmany(FETCHED):
            found += rows
        return sorted(found, key=itemgetter(-1))

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._connection is None:
                self._connection = connect(self._archive)
            return self._connection.cursor()


def connect(archive: Archive, temporary: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A database in memory that may read the log's files."""
    connection = duckdb.connect()
    archive.prepare(connection)
    connection.execute("SET memory_limit = '512MB'")
    connection.execute("SET threads = 2")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET temp_directory = ?", [str(temporary) if temporary else ""])
    return connection


def again_if_gone(look: Callable[[], T]) -> T:
    """What ``look`` finds; it looks anew when a file went that it had just heard of."""
    last: Exception | None = None
    for _ in range(TRIES):
        try:
            return look()
        except (FileNotFoundError, duckdb.IOException) as error:
            last = error
    raise StorageUnavailable(
        "files of the event log are missing; `jupyter agents events verify` says which"
    ) from last


def _limited(cursor: duckdb.DuckDBPyConnection, files: list[str], wanted: Wanted) -> Wanted:
    """The same up to the last place within its limit: places are few bytes, and sorted as such."""
    if wanted.limit is None:
        return wanted
    conditions, bound = _conditions(wanted)
    sql = (
        "SELECT max(position) FROM (SELECT position FROM read_parquet($files)"  # noqa: S608 - our own
        f" WHERE {' AND '.join(conditions)} ORDER BY position LIMIT {wanted.limit:d})"
    )
    last = cursor.execute(sql, {**bound, "files": files}).fetchall()[0][0]
    return wanted if last is None else replace(wanted, until=last)


def _conditions(wanted: Wanted) -> tuple[list[str], dict[str, Any]]:
    conditions = ["stream = $stream", "position > $after", "position <= $until"]
    bound: dict[str, Any] = {
        "stream": wanted.stream,
        "after": wanted.after,
        "until": wanted.until,
    }
    if wanted.types is not None:
        conditions.append("type IN (SELECT unnest($types::VARCHAR[]))")
        bound["types"] = list(wanted.types)
    if wanted.run_id:
        conditions += ["run_id = $run_id", "run_seq > $run_after"]
        bound |= {"run_id": wanted.run_id, "run_after": wanted.run_after}
    return conditions, bound


def _event(row: tuple[Any, ...]) -> Event | None:
    *values, kind, payload, _position = row
    fields = dict(zip(_FIELDS, values, strict=True))
    fields["ts"] = moment(fields["ts"]).isoformat()
    head = json.dumps({**fields, "type": kind}, ensure_ascii=False)
    return event_of(f'{head[:-1]}, "payload": {payload}}}'.encode())
