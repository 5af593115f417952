"""What is read out of the event log with SQL, and which of its files are read for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from notebook_agents.core.activity import Activity
    from notebook_agents.core.agents import AgentStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The result of a SQL query."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    types: tuple[str, ...] = ()
    """Of the columns, as DuckDB names them; empty where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewInfo:
    """Something that SQL can read from: ``events``, or a view over them."""

    name: str
    description: str
    """In one line."""
    columns: tuple[str, ...]
    types: tuple[str, ...]
    """Of the columns, as DuckDB names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTotals:
    """Figures over the runs of a period."""

    n_runs: int = 0
    n_succeeded: int = 0
    mean_duration_ms: float = 0.0
    p95_duration_ms: float = 0.0
    p99_duration_ms: float = 0.0
    n_tokens: int = 0
    cost_usd: float | None = None
    """None where no price is known of any of their models."""
    last_started: datetime | None = None
    """When the newest run began, whether it has ended or not."""


class Analytics(Protocol):
    """Reads the event log with SQL; every figure a dialect reports comes from here."""

    async def query(
        self,
        sql: str,
        *,
        owner_id: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Table:
        """Run one SELECT over the views; with ``owner_id`` only that owner's events are seen.

        ``$name`` in it stands for the parameter of that name; values are bound, never pasted.
        InvalidRequest on the field ``sql`` for anything but one SELECT and for what fails, with the
        place in the text as ``position`` where that is known; on ``parameters`` for a value that is
        missing or not named. Cancelling it ends the query.
        """
        ...

    async def query_apart(
        self, sql: str, *, owner_id: str, parameters: Mapping[str, Any] | None = None
    ) -> Table:
        """The same for SQL of a stranger, whose time and memory are nobody else's."""
        ...

    def open_ahead(self, owner_id: str | None) -> None:
        """Begin what a question over these events does first, for somebody who is about to ask.

        Returns at once; what goes wrong is told to whoever asks.
        """
        ...

    def catalogue(self) -> tuple[ViewInfo, ...]:
        """``events`` and every view, without a look at the log.

        The first call of a process reads the views' files: not on an event loop.
        """
        ...

    async def agent_statistics(self, agent_id: str) -> AgentStatistics:
        """Figures over an agent's runs."""
        ...

    async def agents_statistics(self, agent_ids: Sequence[str]) -> Mapping[str, AgentStatistics]:
        """The same of several agents, by id; those without runs are left out."""
        ...

    async def totals(
        self, *, since: datetime | None = None, owner_id: str | None = None
    ) -> RunTotals:
        """Figures over the runs since a moment, of everybody or of one owner."""
        ...

    async def version(self) -> str:
        """A short text that is another once anything of a run was recorded; cheap to ask for."""
        ...

    async def parquet(self, table: Table) -> bytes:
        """The rows of an answer as a Parquet file."""
        ...

    async def activity(self) -> Activity:
        """Sums over the whole log, for Prometheus and administrators."""
        ...

    async def at_rest(self) -> None:
        """Wait until no question is being answered: for who copies this process without threads."""
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSnapshot:
    """The files that together hold each event of a log once, at one moment."""

    hot: tuple[str, ...]
    """Segments of JSON lines that are or may be appended to; of many owners."""
    cold: tuple[str, ...] = ()
    """Parquet files with the columns of `core.event_columns`; paths, or addresses that fsspec
    understands. For one owner: with events of theirs and of nobody else."""
    removed: tuple[str, ...] = ()
    """Streams whose events in ``cold`` are removed: who reads leaves out those rows, whose column
    ``stream`` names one of these. It does not concern ``hot``."""


class LogFiles(Protocol):
    """Knows the files of a log; called on threads."""

    def snapshot(self, owner_id: str | None = None) -> LogSnapshot:
        """What is to be read now, of everybody or so much as one owner's events need.

        A file of it may vanish while it is read, when a compaction put its events elsewhere: who
        reads then asks again. Two snapshots never hold an event twice, nor lose one between them.
        """
        ...
