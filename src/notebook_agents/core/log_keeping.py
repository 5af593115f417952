"""What keeps the event log small, whole and no longer than it may be kept.

Everything here blocks and may take minutes, so it is called on threads or from a command line. It
is safe while servers, notebooks and tasks write and read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

IDLE_S = 3600.0
"""A segment that nobody wrote to for so long is closed and compacted."""

FaultKind: TypeAlias = Literal[
    "torn_line", "foreign_line", "missing_file", "wrong_checksum", "wrong_count", "gap", "double",
    "unreadable",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionReport:
    """What a compaction did."""

    n_segments: int = 0
    """Segments that were closed and are in Parquet files now."""
    n_events: int = 0
    """Events that they held."""
    n_torn: int = 0
    """Lines that are no event; their bytes are kept in the folder ``torn``."""
    n_files: int = 0
    """Parquet files that were written, merged ones too."""
    n_merged: int = 0
    """Parquet files that went into larger ones."""
    n_removed: int = 0
    """Events of removed streams that are gone for good now."""
    bytes_before: int = 0
    """Of the segments and Parquet files that went."""
    bytes_after: int = 0
    """Of the Parquet files that came."""
    duration_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFault:
    """One thing that is wrong with the log."""

    kind: FaultKind
    file: str
    """The file's name, or the id of a run whose events have a gap or doubles."""
    detail: str
    """What is wrong, for people; without anything that an event says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerSize:
    """What the Parquet files hold of one owner."""

    owner_id: str
    n_events: int
    n_bytes: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSizes:
    """How much the log holds."""

    n_hot_files: int = 0
    hot_bytes: int = 0
    n_cold_files: int = 0
    cold_bytes: int = 0
    n_cold_events: int = 0
    n_torn_files: int = 0
    torn_bytes: int = 0
    owners: tuple[OwnerSize, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune:
    """Which events are old enough to go."""

    before: datetime
    keep: frozenset[str] = frozenset()
    """Types that stay whatever their age."""
    only: frozenset[str] = frozenset()
    """Types that may go; empty for all. These go one by one, else runs go as a whole."""
    owner_id: str | None = None
    """Whose events; None for everybody's."""
    spare: frozenset[str] = frozenset()
    """Streams that are left alone."""


class LogKeeping(Protocol):
    """Keeps an event log; one process at a time does, others get a Conflict."""

    def compact(self, idle_s: float = IDLE_S) -> CompactionReport:
        """Close segments that are idle, large or old, and move their events into Parquet files.

        0 closes all. Small Parquet files of an owner are merged, removed streams are rewritten
        away. Conflict while another process compacts, or where the system cannot lock files.
        """
        ...

    def verify(self) -> Sequence[LogFault]:
        """Read everything and tell what is wrong; changes nothing."""
        ...

    def prune(self, wish: Prune) -> int:
        """Remove events for good that are in Parquet files and old; returns how many.

        A run goes as a whole, once its last event is old enough. What is not compacted yet stays.
        """
        ...

    def forget(self, owner_id: str) -> int:
        """Remove every event of an owner for good; returns how many."""
        ...

    def sizes(self) -> LogSizes:
        """How much there is."""
        ...


class KeptApart(LogKeeping, Protocol):
    """A keeping that works beside this process and can be ended at any point."""

    def stop(self) -> None:
        """End what works at once, and start nothing any more; waiting calls get a Conflict."""
        ...
