"""SQL over the event log, from any process, while others write.

DuckDB refuses a second process a file that one holds for writing, so nothing here ever opens a
DuckDB file: each query runs in memory over the log's own lines. A query in a user's name gets a
copy of that owner's events in a connection that can no longer reach any file; a condition in the
text of the query would not be a boundary.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from notebook_agents.analytics import apart
from notebook_agents.core.agents import AgentStatistics
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.ports import RunTotals, Table

VIEWS = (
    "v_runs",
    "v_tools",
    "v_run_timeline",
    "v_run_phases",
    "v_approvals",
    "v_model_calls",
    "v_cost",
    "v_models",
    "v_ttft_ts",
    "v_tokens_context",
    "v_agents_daily",
    "v_latency_ts",
    "v_throughput_ts",
    "v_errors",
    "v_failed_runs",
    "v_tool_sequences",
    "v_conversations",
    "v_users",
    "v_schedules",
    "v_security",
)
"""In the order in which they are made: what a view reads from stands before it."""
MAX_ROWS = 100_000
"""Rows that one query may return."""
QUERY_TIMEOUT_S = 60.0
"""After this a query is interrupted."""
TOTALS_AGE_S = 2.0
"""Totals this old are given again: health checks must not read the whole log each time."""
EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?!ANALY[SZ]E\b|\()", re.IGNORECASE)
_LOCK_DOWN = (
    "SET memory_limit = '1GB'",
    "SET threads = 2",
    "SET TimeZone = 'UTC'",
    "SET max_temp_directory_size = '0B'",
    "SET python_enable_replacements = false",
    "SET allow_persistent_secrets = false",
    "SET enable_external_access = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET lock_configuration = true",
)

T = TypeVar("T")


class EventAnalytics:
    """Answers the Analytics port over the event files of one folder."""

    def __init__(self, folder: Path, columns: dict[str, str]) -> None:
        """Read the streams in ``folder``; ``columns`` are the names and types of a line."""
        self._folder = folder
        self._columns = columns
        self._lock = threading.Lock()
        self._own: duckdb.DuckDBPyConnection | None = None
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="analytics")
        self._totals: tuple[float, tuple[datetime | None, str | None], RunTotals] | None = None

    async def query(self, sql: str, *, owner_id: str | None = None) -> Table:
        """Run one SELECT over ``events`` and the views.

        Raises InvalidRequest on the field ``sql`` for anything else or when it fails.
        """
        return await self._on_thread(lambda: self.table_of(sql, owner_id))

    async def query_apart(self, sql: str, *, owner_id: str) -> Table:
        """The same for SQL of a stranger: in a process of its own."""
        return await self._on_thread(lambda: apart.ask(self._folder, self._columns, sql, owner_id))

    async def agent_statistics(self, agent_id: str) -> AgentStatistics:
        """Figures over an agent's finished runs."""
        return (await self.agents_statistics([agent_id])).get(agent_id, AgentStatistics())

    async def agents_statistics(self, agent_ids: Sequence[str]) -> Mapping[str, AgentStatistics]:
        """Figures over the finished runs of several agents, by id, in one look at the log."""
        if not agent_ids:
            return {}
        rows = await self._on_thread(
            lambda: self._rows(
                """SELECT agent_id, count(*) FILTER (status <> 'running'),
                          count(*) FILTER (status = 'succeeded'),
                          coalesce(avg(duration_ms), 0),
                          coalesce(avg(duration_ms - coalesce(queue_ms, 0)), 0),
                          coalesce(sum(input_tokens + output_tokens)
                                   FILTER (status <> 'running'), 0),
                          max(started)
                   FROM v_runs WHERE list_contains($1, agent_id) GROUP BY agent_id""",
                list(agent_ids),
            )
        )
        return {
            id: AgentStatistics(
                n_runs=n_runs,
                n_succeeded=n_succeeded,
                mean_duration_ms=mean,
                mean_work_ms=mean_work,
                n_tokens=int(n_tokens),
                last_started=last_started.astimezone(UTC),
            )
            for id, n_runs, n_succeeded, mean, mean_work, n_tokens, last_started in rows
        }

    async def totals(
        self, *, since: datetime | None = None, owner_id: str | None = None
    ) -> RunTotals:
        """Figures over the runs finished since a moment, at most two seconds old."""
        asked = (since, owner_id)
        if self._totals and self._totals[1] == asked:
            made_at, _, totals = self._totals
            if time.monotonic() - made_at < TOTALS_AGE_S:
                return totals
        (row,) = await self._on_thread(
            lambda: self._rows(
                """SELECT count(*) FILTER (status <> 'running'),
                          count(*) FILTER (status = 'succeeded'),
                          coalesce(avg(duration_ms), 0),
                          coalesce(quantile_cont(duration_ms, 0.95), 0),
                          coalesce(quantile_cont(duration_ms, 0.99), 0),
                          coalesce(sum(input_tokens + output_tokens)
                                   FILTER (status <> 'running'), 0),
                          max(started),
                          sum(cost_usd)
                   FROM v_runs WHERE started >= $1 AND ($2 IS NULL OR user_id = $2)""",
                since or datetime(1970, 1, 1, tzinfo=UTC),
                owner_id,
            )
        )
        totals = RunTotals(
            n_runs=row[0],
            n_succeeded=row[1],
            mean_duration_ms=row[2],
            p95_duration_ms=row[3],
            p99_duration_ms=row[4],
            n_tokens=int(row[5]),
            last_started=None if row[6] is None else row[6].astimezone(UTC),
            cost_usd=row[7],
        )
        self._totals = (time.monotonic(), asked, totals)
        return totals

    async def aclose(self) -> None:
        """Finish what runs and close the connection."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        if self._own is not None:
            self._own.close()

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        self._ensure_a_file()
        with self._lock:
            if self._own is None:
                self._own = duckdb.connect()
                self._own.execute(f"CREATE VIEW events AS {self._source()}")
                _create_views(self._own)
            cursor = self._own.cursor()
        with cursor:
            rows: list[tuple[Any, ...]] = cursor.execute(sql, parameters).fetchall()
        return rows

    def table_of(self, sql: str, owner_id: str | None) -> Table:
        """The answer to one SELECT, in this thread."""
        self._ensure_a_file()
        with duckdb.connect() as connection:
            condition = "" if owner_id is None else " AND user_id = $1"
            connection.execute(
                f"CREATE TABLE events AS {self._source()}{condition}",
                [] if owner_id is None else [owner_id],
            )
            _create_views(connection)
            for statement in _LOCK_DOWN:
                connection.execute(statement)
            watchdog = threading.Timer(QUERY_TIMEOUT_S, connection.interrupt)
            watchdog.start()
            try:
                return _select(connection, sql)
            finally:
                watchdog.cancel()

    def _source(self) -> str:
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in self._columns.items())
        # What begins with an underscore is not about anybody's work, and much.
        files = str(self._folder / "[!_]*.jsonl").replace("'", "''")
        # A torn line becomes a row of NULLs; without ignore_errors it would fail the query.
        return (
            f"SELECT * FROM read_json('{files}', format = 'newline_delimited',"  # noqa: S608
            f" columns = {{{columns}}}, ignore_errors = true) WHERE id IS NOT NULL"
        )

    def _ensure_a_file(self) -> None:
        """Make sure that the pattern matches something, which DuckDB insists on."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / "system.jsonl").touch(mode=0o600)


def view_sql(name: str) -> str:
    """The definition of a view, for people to read and change."""
    return resources.files("notebook_agents.analytics").joinpath(f"views/{name}.sql").read_text()


def _create_views(connection: duckdb.DuckDBPyConnection) -> None:
    for name in VIEWS:
        connection.execute(view_sql(name))


def _check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    kinds = [statement.type for statement in statements]
    explained = EXPLAIN.match(sql)
    if kinds == [duckdb.StatementType.EXPLAIN] and explained is not None:
        _check(connection, sql[explained.end() :])  # with ANALYZE it would run
    elif kinds != [duckdb.StatementType.SELECT]:
        raise InvalidRequest("give exactly one SELECT statement", field="sql")


def _select(connection: duckdb.DuckDBPyConnection, sql: str) -> Table:
    try:
        _check(connection, sql)
        cursor = connection.execute(sql)
        rows = cursor.fetchmany(MAX_ROWS + 1)
        names = tuple(column[0] for column in cursor.description or ())
    except duckdb.Error as error:
        raise InvalidRequest(str(error).split("\n\n", 1)[0], field="sql") from error
    if len(rows) > MAX_ROWS:
        # A cut result would make every figure computed from it wrong.
        raise InvalidRequest(
            f"the query has more than {MAX_ROWS} rows; aggregate them or add a LIMIT", field="sql"
        )
    return Table(columns=names, rows=tuple(tuple(row) for row in rows))
