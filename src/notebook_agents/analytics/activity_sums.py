"""The sums for Prometheus, without reading again what cannot change.

A compacted file never changes, so what its runs sum up to is kept in memory, with the few rows of
runs that have no end there. A look then reads files that are new and what is not compacted yet.
Where events come to a run that was summed up already, or files or streams went away, everything is
read: what is told is always what the views over the whole log say.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeVar

import duckdb

from notebook_agents.analytics.activity import ACTIVITY_SQL, activity_of
from notebook_agents.analytics.asking import select
from notebook_agents.analytics.catalogue import create_nothing, create_views
from notebook_agents.analytics.databases import files_seen, limit
from notebook_agents.analytics.log_tables import compacted_sql, file_error, fill_hot
from notebook_agents.core.activity import Activity, Histogram

if TYPE_CHECKING:
    from notebook_agents.core.analytics import LogFiles, LogSnapshot

OF_RUNS = (
    "run_queued",
    "run_started",
    "model_started",
    "model_finished",
    "tool_finished",
    "run_finished",
)
"""Types whose events count together with the others of their run; all others count one by one."""
_OF_RUN = f"run_id <> '' AND type IN {OF_RUNS}"
_TABLES = """
CREATE VIEW events AS FROM parts.hot;
CREATE TABLE parts.ended (run UBIGINT);
CREATE TABLE parts.begun AS FROM parts.hot;
"""
_DIVIDE = f"""
CREATE TABLE parts.ended_now AS
    SELECT DISTINCT run_id FROM fresh WHERE type = 'run_finished' AND run_id <> '';
CREATE TABLE parts.begun_now AS
    SELECT * REPLACE (NULL::JSON AS payload) FROM fresh
    WHERE {_OF_RUN} AND run_id NOT IN (SELECT run_id FROM parts.ended_now);
CREATE OR REPLACE VIEW events AS
    SELECT * FROM fresh
    WHERE NOT ({_OF_RUN}) OR run_id IN (SELECT run_id FROM parts.ended_now);
"""  # noqa: S608 - of ours
_KEEP = """
CREATE OR REPLACE TABLE parts.begun AS FROM parts.begun_now;
INSERT INTO parts.ended SELECT hash(run_id) FROM parts.ended_now;
DROP TABLE parts.begun_now;
DROP TABLE parts.ended_now;
"""
_GOES_ON = f"""
SELECT count(*) FROM (SELECT DISTINCT hash(run_id) AS run FROM fresh WHERE {_OF_RUN})
SEMI JOIN parts.ended USING (run)
"""  # noqa: S608
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of compacted files."""

    connection: duckdb.DuckDBPyConnection
    files: frozenset[str] = frozenset()
    removed: tuple[str, ...] = ()
    sums: Activity = field(default_factory=Activity)
    day: date = date.min
    """Of which ``sums`` has the requests as today's."""


class ActivitySums:
    """Sums up a log; called on threads."""

    def __init__(self, files: LogFiles, read_all: Callable[[], Activity]) -> None:
        """``read_all`` asks the views over the whole log."""
        self._files = files
        self._read_all = read_all
        self._lock = threading.Lock()
        self._kept: _Kept | None = None
        self._reading: duckdb.DuckDBPyConnection | None = None
        self._told: tuple[object, Activity] | None = None

    def activity(self) -> Activity:
        """The sums over the whole log; FileNotFoundError where a file vanished meanwhile."""
        with self._lock:
            snapshot, today = self._files.snapshot(), datetime.now(UTC).date()
            seen = (files_seen(snapshot), today)
            if self._told is None or self._told[0] != seen:
                self._told = (seen, self._look(snapshot, today))
            return self._told[1]

    def close(self) -> None:
        """Break off what is read."""
        if (reading := self._reading) is not None:
            reading.interrupt()

    def _look(self, snapshot: LogSnapshot, today: date) -> Activity:
        try:
            kept, self._kept = self._kept, None  # half of what is new would be wrong
            kept = self._kept = self._taken_in(kept, snapshot, today)
            db = kept.connection
            db.execute("DELETE FROM parts.hot")
            hot = fill_hot(db, snapshot.hot, None)
            db.execute(f"CREATE OR REPLACE VIEW fresh AS {hot}")
            if _goes_on(db):
                return self._read_all()
            db.execute(f"CREATE OR REPLACE VIEW events AS {hot} UNION ALL FROM parts.begun")
            return _plus(_sums(db), _of_day(kept, today))
        except duckdb.Error as error:
            if (told := file_error(error)) is not None:
                raise told from error
            raise

    def _taken_in(self, kept: _Kept | None, snapshot: LogSnapshot, today: date) -> _Kept:
        """With compacted files that were not there before; all anew where others went away."""
        files = frozenset(snapshot.cold)
        if kept is None or kept.removed != snapshot.removed or not kept.files <= files:
            kept = self._nothing(snapshot.removed)
        if kept.files == files:
            return kept
        _show_files(kept, files - kept.files)
        if _goes_on(kept.connection):
            kept = self._nothing(snapshot.removed)
            _show_files(kept, files)
        kept.connection.execute(_DIVIDE)
        sums = _plus(_sums(kept.connection), _of_day(kept, today))
        kept.connection.execute(_KEEP)
        return replace(kept, files=files, sums=sums, day=today)

    def _nothing(self, removed: tuple[str, ...]) -> _Kept:
        self._reading = connection = duckdb.connect()
        limit(connection)
        create_nothing(connection)
        connection.execute(_TABLES)
        create_views(connection)
        return _Kept(connection, removed=removed)


def _show_files(kept: _Kept, files: frozenset[str]) -> None:
    """Let ``fresh`` be the rows of files, and those of runs whose end is still to come."""
    sql = compacted_sql(kept.connection, tuple(sorted(files)), kept.removed)
    kept.connection.execute(f"CREATE OR REPLACE VIEW fresh AS FROM parts.begun UNION ALL {sql}")


def _goes_on(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether there is something new of a run that was summed up."""
    found = connection.execute(_GOES_ON).fetchone()
    return bool(found and found[0])


def _sums(connection: duckdb.DuckDBPyConnection) -> Activity:
    return activity_of(select(connection, ACTIVITY_SQL, {}))


def _of_day(kept: _Kept, today: date) -> Activity:
    if kept.day == today:
        return kept.sums
    return replace(kept.sums, n_requests_today=0)


def _plus(one: Activity, other: Activity) -> Activity:
    return Activity(
        requests=_added(one.requests, other.requests),
        n_requests_today=one.n_requests_today + other.n_requests_today,
        runs=_added(one.runs, other.runs),
        run_times=_both(one.run_times, other.run_times),
        queue_times=_both(one.queue_times, other.queue_times),
        first_token_times=_both(one.first_token_times, other.first_token_times),
        tokens=_added(one.tokens, other.tokens),
        costs_usd=_added_usd(one.costs_usd, other.costs_usd),
        uncosted_calls=_added(one.uncosted_calls, other.uncosted_calls),
        tool_calls=_added(one.tool_calls, other.tool_calls),
        webhook_attempts=_added(one.webhook_attempts, other.webhook_attempts),
        streams=_added(one.streams, other.streams),
    )


def _both(one: Histogram, other: Histogram) -> Histogram:
    return Histogram(counts=_added(one.counts, other.counts), sum_s=one.sum_s + other.sum_s)


def _added(one: Mapping[K, int], other: Mapping[K, int]) -> dict[K, int]:
    found = Counter(dict(one))
    found.update(other)
    return dict(found)


def _added_usd(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {*one, *other}}
