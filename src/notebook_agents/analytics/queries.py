"""SQL over the event log, from any process, while others write.

DuckDB refuses a second process a file that one holds for writing, so nothing here ever opens a
DuckDB file: a database is in memory, over the log's own files. A question in a user's name is asked
of one that holds that owner's lines and reaches that owner's Parquet files and no others; a
condition in the text of the query would not be a boundary.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from notebook_agents.analytics import apart
from notebook_agents.analytics.activity import ACTIVITY_SQL, activity_of
from notebook_agents.analytics.activity_sums import ActivitySums
from notebook_agents.analytics.asking import MAX_ROWS, Asking, select
from notebook_agents.analytics.catalogue import catalogue
from notebook_agents.analytics.databases import MEMORY_MB, Databases, NeedsMemory
from notebook_agents.analytics.log_version import log_version
from notebook_agents.analytics.parquet import as_parquet
from notebook_agents.analytics.run_figures import (
    STATISTICS_SQL,
    TOTALS_SQL,
    statistics_of,
    totals_of,
)
from notebook_agents.analytics.spilling import SpillFolders
from notebook_agents.core.agents import AgentStatistics
from notebook_agents.core.analytics import RunTotals, Table
from notebook_agents.core.errors import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_agents.core.activity import Activity
    from notebook_agents.core.analytics import LogFiles, ViewInfo

__all__ = ["MAX_ROWS", "EventAnalytics"]

TOTALS_AGE_S = 2.0
"""Totals this old are given again: health checks must not read the whole log each time."""
KEPT_TOTALS = 64
TRIES = 5
"""Of a question whose files vanish while they are read."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


class EventAnalytics:
    """Answers the Analytics port over the files of an event log."""

    def __init__(
        self, files: LogFiles, spill: Path | None = None, memory_mb: float = MEMORY_MB
    ) -> None:
        """Read whatever ``files`` names at the time of a question.

        A question may take ``memory_mb`` (megabytes). What that has no room for goes below the
        folder ``spill``, where there is one. For questions of strangers there is neither.
        """
        self._files = files
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="analytics")
        self._answering: set[Future[Any]] = set()
        self._databases = Databases(files, SpillFolders(spill) if spill else None, memory_mb)
        self._sums = ActivitySums(files, lambda: activity_of(self.table_of(ACTIVITY_SQL, None)))
        self._totals: dict[tuple[datetime | None, str | None], tuple[float, RunTotals]] = {}

    async def query(
        self,
        sql: str,
        *,
        owner_id: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Table:
        """Run one SELECT over ``events`` and the views.

        Raises InvalidRequest on the field ``sql`` for anything else or when it fails. Cancelling
        this interrupts the query.
        """
        return await self._asked(lambda asking: self.table_of(sql, owner_id, parameters, asking))

    async def query_apart(
        self, sql: str, *, owner_id: str, parameters: Mapping[str, Any] | None = None
    ) -> Table:
        """The same for SQL of a stranger: in a process of its own."""
        return await self._asked(
            lambda asking: _again(
                lambda: apart.ask(
                    apart.Question(
                        snapshot=self._files.snapshot(owner_id),
                        sql=sql,
                        owner_id=owner_id,
                        parameters=dict(parameters or {}),
                    ),
                    asking,
                )
            )
        )

    def open_ahead(self, owner_id: str | None) -> None:
        """Begin to open the database that a question will be asked of."""
        with suppress(RuntimeError):  # after the end
            opening = self._begun(lambda: _again(lambda: self._databases.cursor(owner_id).close()))
            opening.add_done_callback(_noticed)

    def catalogue(self) -> tuple[ViewInfo, ...]:
        """``events`` and every view, without a look at the log."""
        return catalogue()

    async def agent_statistics(self, agent_id: str) -> AgentStatistics:
        """Figures over an agent's finished runs."""
        return (await self.agents_statistics([agent_id])).get(agent_id, AgentStatistics())

    async def agents_statistics(self, agent_ids: Sequence[str]) -> Mapping[str, AgentStatistics]:
        """Figures over the finished runs of several agents, by id, in one look at the log."""
        if not agent_ids:
            return {}
        table = await self.query(STATISTICS_SQL, parameters={"agent_ids": list(agent_ids)})
        return {row[0]: statistics_of(row) for row in table.rows}

    async def totals(
        self, *, since: datetime | None = None, owner_id: str | None = None
    ) -> RunTotals:
        """Figures over the runs finished since a moment, at most two seconds old."""
        asked = (since, owner_id)
        made_at, totals = self._totals.get(asked, (-TOTALS_AGE_S, RunTotals()))
        if time.monotonic() - made_at < TOTALS_AGE_S:
            return totals
        table = await self.query(
            TOTALS_SQL, parameters={"since": since or BEGINNING, "owner": owner_id}
        )
        totals = totals_of(table.rows[0])
        while len(self._totals) >= KEPT_TOTALS:
            self._totals.pop(next(iter(self._totals)))
        self._totals[asked] = (time.monotonic(), totals)
        return totals

    async def version(self) -> str:
        """A short text that is another once anything of a run was recorded."""
        return await self._on_thread(lambda: log_version(self._files.snapshot()))

    async def parquet(self, table: Table) -> bytes:
        """The rows of an answer as a Parquet file."""
        return await self._on_thread(lambda: as_parquet(table))

    async def activity(self) -> Activity:
        """Sums over the whole log."""
        return await self._on_thread(lambda: _again(self._sums.activity))

    async def at_rest(self) -> None:
        """Return once no thread answers a question, also one that nobody awaits any more."""
        while answering := [asyncio.wrap_future(future) for future in tuple(self._answering)]:
            for future in answering:
                future.add_done_callback(_noticed)
            await asyncio.wait(answering)

    async def aclose(self) -> None:
        """Finish what runs and let the databases go."""
        self._sums.close()
        await asyncio.get_running_loop().run_in_executor(None, self._let_go)

    def _let_go(self) -> None:
        self._threads.shutdown()
        self._databases.close()

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._begun(work))

    def _begun(self, work: Callable[[], T]) -> Future[T]:
        answering = self._threads.submit(work)
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)
        return answering

    async def _asked(self, work: Callable[[Asking], T]) -> T:
        """The same for what can be broken off."""
        asking = Asking()
        try:
            return await self._on_thread(lambda: work(asking))
        except asyncio.CancelledError:
            asking.stop()
            raise

    def table_of(
        self,
        sql: str,
        owner_id: str | None,
        parameters: Mapping[str, Any] | None = None,
        asking: Asking | None = None,
    ) -> Table:
        """The answer to one SELECT, in this thread."""
        asking = asking or Asking()

        def look(*, spills: bool) -> Table:
            try:
                # Closed, or an error that somebody keeps would keep what its question took.
                with closing(self._databases.cursor(owner_id, spills=spills)) as cursor:
                    return select(cursor, sql, parameters or {}, asking)
            except OSError:
                self._databases.forget(owner_id)
                raise

        try:
            return _again(lambda: look(spills=False))
        except NeedsMemory:
            if not self._databases.can_spill:
                raise
        # Not before here is what the first one holds let go.
        return _again(lambda: look(spills=True))


def _noticed(answered: asyncio.Future[Any] | Future[Any]) -> None:
    """Take note of an error, which is for who asked."""
    if not answered.cancelled():
        answered.exception()


def _again(look: Callable[[], T]) -> T:
    """Look, and look anew where a compaction took a file away meanwhile."""
    for _ in range(TRIES - 1):
        try:
            return look()
        except FileNotFoundError:
            continue
    try:
        return look()
    except FileNotFoundError as error:
        raise InvalidRequest(
            "the files of the log change faster than they are read; ask again", field="sql"
        ) from error
