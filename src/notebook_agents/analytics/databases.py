"""Databases in memory over the files of a log: one per owner, as long as the files are the same.

A database is locked before anybody's SQL comes near it: it reaches the owner's own Parquet files
and nothing else, and no setting of it can be changed. So several questions can share one.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from notebook_agents.analytics.log_tables import create_all, file_error
from notebook_agents.core.errors import InvalidRequest

if TYPE_CHECKING:
    from fsspec.spec import AbstractFileSystem

    from notebook_agents.analytics.spilling import SpillFolders
    from notebook_agents.core.analytics import LogFiles, LogSnapshot

KEPT = 3
"""Databases that are kept; each has a copy of the lines of the log that are not compacted yet."""
KEPT_S = 30.0
MEMORY_LIMIT = "500MB"
"""Of a database with nothing but memory; the views of calls need most of it for millions."""
SPILLING_MEMORY_LIMIT = "375MB"
"""Of one that may put the rest on the disk: its process stays below 500 MB."""
SPILL_LIMIT = "8GB"
"""On the disk."""
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


def limit(connection: duckdb.DuckDBPyConnection, spill: str = "") -> None:
    """Bound what a database takes; it makes and removes the folder ``spill`` as it needs it."""
    memory, disk = (SPILLING_MEMORY_LIMIT, SPILL_LIMIT) if spill else (MEMORY_LIMIT, "0B")
    connection.execute("SET GLOBAL temp_directory = $folder", {"folder": spill})
    connection.execute("SET GLOBAL memory_limit = $memory", {"memory": memory})
    connection.execute("SET GLOBAL max_temp_directory_size = $disk", {"disk": disk})
    for statement in LIMITS:
        connection.execute(statement)


def open_database(
    snapshot: LogSnapshot,
    owner_id: str | None,
    *,
    filesystem: AbstractFileSystem | None = None,
    spill: str = "",
) -> duckdb.DuckDBPyConnection:
    """A database over these files that reaches nothing else; OSError where one has vanished.

    InvalidRequest where memory has no room for what is not compacted yet.
    ``filesystem`` knows the compacted ones, where they are not on disk under these names; ``spill``
    is a folder for what memory has no room for, which nothing else may lie in.
    """
    connection = duckdb.connect()
    try:
        if filesystem is not None:
            connection.register_filesystem(filesystem)
        limit(connection, spill)
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
            raise InvalidRequest(TOO_MUCH_HOT, field="sql") from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


@dataclass(frozen=True, slots=True)
class _Kept:
    files: tuple[object, ...]
    connection: duckdb.DuckDBPyConnection
    used_at: float


class Databases:
    """Opens databases, and gives one again while its files are the same; called on threads."""

    def __init__(self, files: LogFiles, spills: SpillFolders | None = None) -> None:
        self._files = files
        self._spills = spills
        self._kept: OrderedDict[str | None, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def cursor(self, owner_id: str | None) -> duckdb.DuckDBPyConnection:
        """A connection of one's own to a database with what is in the log now."""
        snapshot = self._files.snapshot(owner_id)
        seen = files_seen(snapshot)
        with self._lock:
            kept = self._kept.pop(owner_id, None)
        if kept is None or kept.files != seen:
            spill = self._spills.new() if self._spills else ""
            kept = _Kept(seen, open_database(snapshot, owner_id, spill=spill), 0.0)
        cursor = kept.connection.cursor()
        self._keep(owner_id, _Kept(seen, kept.connection, time.monotonic()))
        return cursor

    def forget(self, owner_id: str | None) -> None:
        """Open a new one the next time."""
        with self._lock:
            self._kept.pop(owner_id, None)

    def close(self) -> None:
        """Keep none."""
        with self._lock:
            self._kept.clear()
        if self._spills is not None:
            self._spills.remove()

    def _keep(self, owner_id: str | None, kept: _Kept) -> None:
        with self._lock:
            self._kept[owner_id] = kept
            self._kept.move_to_end(owner_id)
            first = next(iter(self._kept.values()))
            # Not closed, only let go: another thread may still ask one of its cursors.
            while len(self._kept) > KEPT or kept.used_at - first.used_at > KEPT_S:
                self._kept.popitem(last=False)
                first = next(iter(self._kept.values()))


def files_seen(snapshot: LogSnapshot) -> tuple[object, ...]:
    """What is another once anything was appended, compacted or removed."""
    sizes: list[object] = []
    for path in snapshot.hot:
        with suppress(FileNotFoundError):
            found = Path(path).stat()
            sizes.append((path, found.st_ino, found.st_size, found.st_mtime_ns))
    return (tuple(sizes), snapshot.cold, snapshot.removed)
