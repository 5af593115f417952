"""Databases in memory over the files of a log: one per owner, as long as the files are the same.

A database is locked before anybody's SQL comes near it: it reaches the owner's own Parquet files
and nothing else but a folder of its own, and no setting of it can be changed. So several questions
can share one. It answers out of memory; where that is not enough, another one may use the disk,
which would make it slower for every question.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import duckdb

from notebook_agents.analytics.alarms import later
from notebook_agents.analytics.log_tables import create_all, file_error
from notebook_agents.analytics.spilling import SpillFolders, free_bytes
from notebook_agents.core.errors import InvalidRequest

if TYPE_CHECKING:
    from fsspec.spec import AbstractFileSystem

    from notebook_agents.core.analytics import LogFiles, LogSnapshot

KEPT = 3
"""Databases that are kept; each has a copy of the lines of the log that are not compacted yet."""
KEPT_S = 30.0
"""Since the last question."""
MEMORY_MB = 500
"""Of one database: an event of the largest size that there can be, read whole, needs most of it."""
FIRST_SHARE = 0.8
"""Of that for one after which another may use the disk. Its process takes some 120 MB more: for
what it knows of files, and for answers."""
SPILL_BYTES = 8_000_000_000
SPILL_SHARE = 0.25
"""So much of a disk's free room a database takes at most: the log has to go on, too."""
TOO_MUCH_HOT = (
    "what is not compacted of the log yet needs more memory than a question may take;"
    " `jupyter agents events compact --idle=0` moves it into files that are read in parts"
)
LIMITS = (
    "SET GLOBAL threads = 2",
    "SET GLOBAL TimeZone = 'UTC'",
    "SET GLOBAL preserve_insertion_order = false",
    "SET GLOBAL parquet_metadata_cache = true",
)
LOCKS = (
    "SET GLOBAL secret_directory = 'none'",
    "SET GLOBAL extension_directory = 'none'",
    "SET GLOBAL python_enable_replacements = false",
    "SET GLOBAL allow_persistent_secrets = false",
    "SET GLOBAL autoinstall_known_extensions = false",
    "SET GLOBAL autoload_known_extensions = false",
    "SET GLOBAL allow_community_extensions = false",
    "SET GLOBAL errors_as_json = true",
    "SET GLOBAL enable_external_access = false",
    "SET GLOBAL lock_configuration = true",
)


class NeedsMemory(InvalidRequest):
    """A question needs more memory than it may take."""


def limit(
    connection: duckdb.DuckDBPyConnection, spill: str = "", memory_mb: float = MEMORY_MB
) -> None:
    """Bound what a database takes; it makes and removes the folder ``spill`` as it needs it."""
    room = min(SPILL_BYTES, int(free_bytes(spill) * SPILL_SHARE)) if spill else 0
    connection.execute("SET GLOBAL temp_directory = $folder", {"folder": spill})
    connection.execute("SET GLOBAL max_temp_directory_size = $room", {"room": f"{room}B"})
    connection.execute("SET GLOBAL memory_limit = $memory", {"memory": f"{memory_mb:.0f}MB"})
    for statement in LIMITS:
        connection.execute(statement)


def open_database(
    snapshot: LogSnapshot,
    owner_id: str | None,
    *,
    filesystem: AbstractFileSystem | None = None,
    spill: str = "",
    memory_mb: float = MEMORY_MB,
) -> duckdb.DuckDBPyConnection:
    """A database over these files that reaches nothing else; OSError where one has vanished.

    NeedsMemory where memory has no room for what is not compacted yet.
    ``filesystem`` knows the compacted ones, where they are not on disk under these names; ``spill``
    is a folder for what memory has no room for, which nothing else may lie in.
    """
    connection = duckdb.connect()
    try:
        if filesystem is not None:
            connection.register_filesystem(filesystem)
        limit(connection, spill, memory_mb)
        create_all(connection, snapshot, owner_id)
        # Before the lock; what is listed here stays readable after it.
        connection.execute("SET allowed_paths = $files", {"files": list(snapshot.cold)})
        for statement in LOCKS:
            connection.execute(statement)
    except duckdb.Error as error:
        connection.close()
        if (told := file_error(error)) is not None:
            raise told from error
        if isinstance(error, duckdb.OutOfMemoryException):
            raise NeedsMemory(TOO_MUCH_HOT, field="sql") from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


Whose = tuple[str | None, bool]
"""An owner, or everybody, and whether the database uses the disk."""


@dataclass(frozen=True, slots=True)
class _Kept:
    files: tuple[object, ...]
    connection: duckdb.DuckDBPyConnection
    used_at: float


class Databases:
    """Opens databases, and gives one again while its files are the same; called on threads."""

    def __init__(
        self, files: LogFiles, spills: SpillFolders | None = None, memory_mb: float = MEMORY_MB
    ) -> None:
        self._files = files
        self._memory_mb = memory_mb
        self._spills = spills
        self._kept: OrderedDict[Whose, _Kept] = OrderedDict()
        self._expiry: threading.Timer | None = None
        self._turns: WeakValueDictionary[Whose, threading.Lock] = WeakValueDictionary()
        self._lock = threading.Lock()

    @property
    def can_spill(self) -> bool:
        """Whether there are databases that use the disk."""
        return self._spills is not None

    def cursor(self, owner_id: str | None, *, spills: bool = False) -> duckdb.DuckDBPyConnection:
        """A connection of one's own to a database with what is in the log now.

        With ``spills`` to one that uses the disk where memory is not enough.
        """
        whose = (owner_id, spills)
        with self._lock:
            turn = self._turns.setdefault(whose, threading.Lock())
        with turn:  # the second of two finds what the first has opened
            snapshot = self._files.snapshot(owner_id)
            seen = files_seen(snapshot)
            with self._lock:
                kept = self._kept.pop(whose, None)
            connection = kept.connection if kept and kept.files == seen else None
            del kept  # or the old one would be in memory while the new one is opened
            if connection is None:
                connection = self._open(snapshot, whose)
            cursor = connection.cursor()
            self._keep(whose, _Kept(seen, connection, time.monotonic()))
        return cursor

    def _open(self, snapshot: LogSnapshot, whose: Whose) -> duckdb.DuckDBPyConnection:
        owner_id, spills = whose
        if self._spills is None:
            return open_database(snapshot, owner_id, memory_mb=self._memory_mb)
        self._spills.tidy()
        if spills:
            spill = self._spills.new()
            return open_database(snapshot, owner_id, spill=spill, memory_mb=self._memory_mb)
        return open_database(snapshot, owner_id, memory_mb=FIRST_SHARE * self._memory_mb)

    def forget(self, owner_id: str | None) -> None:
        """Open a new one the next time."""
        with self._lock:
            for spills in (False, True):
                self._kept.pop((owner_id, spills), None)

    def close(self) -> None:
        """Keep none."""
        with self._lock:
            self._kept.clear()
            if self._expiry is not None:
                self._expiry.cancel()
        if self._spills is not None:
            self._spills.remove()

    def _keep(self, whose: Whose, kept: _Kept) -> None:
        with self._lock:
            self._kept[whose] = kept
            self._kept.move_to_end(whose)
            # Not closed, only let go: another thread may still ask one of its cursors.
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            if self._expiry is None:
                self._expire_in(KEPT_S)

    def _expire_in(self, seconds: float) -> None:
        self._expiry = later(seconds, self._expire)

    def _expire(self) -> None:
        """Let go of what nobody has asked for a while."""
        with self._lock:
            self._expiry = None
            now = time.monotonic()
            for whose, kept in tuple(self._kept.items()):
                if now - kept.used_at >= KEPT_S:
                    del self._kept[whose]
            if self._kept:
                first = next(iter(self._kept.values()))
                self._expire_in(max(0.0, first.used_at + KEPT_S - now))


def files_seen(snapshot: LogSnapshot) -> tuple[object, ...]:
    """What is another once anything was appended, compacted or removed."""
    sizes: list[object] = []
    for path in snapshot.hot:
        with suppress(FileNotFoundError):
            found = Path(path).stat()
            sizes.append((path, found.st_ino, found.st_size, found.st_mtime_ns))
    return (tuple(sizes), snapshot.cold, snapshot.removed)
