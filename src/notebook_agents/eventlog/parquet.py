"""Parquet files of events: written sorted, by owner, and checked.

Sorted by type and time, so that a question about some types reads only their row groups; within
them by stream and position, so that a conversation's rows lie together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.core.event_columns import EVENT_COLUMNS, SCHEMA_VERSION
from notebook_agents.core.event_files import SCHEMAS_SQL, files_sql, quoted
from notebook_agents.core.ids import new_id
from notebook_agents.eventlog.archive import PARQUET, Archive
from notebook_agents.eventlog.durable import sync_file
from notebook_agents.eventlog.manifest import ColdFile, moment

if TYPE_CHECKING:
    import duckdb

ROW_GROUP = 16_384
"""Rows. A question about a rare type reads whole groups: in larger ones it reads its neighbours."""
ROW_GROUP_BYTES = "64MB"
"""Of rows that are longer than usual there are fewer in a group, which memory has to hold whole."""
COLUMNS = ", ".join(f'"{column.name}"' for column in EVENT_COLUMNS) + ", stream, position"
_OPTIONS = (
    f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP},"
    f" ROW_GROUP_SIZE_BYTES '{ROW_GROUP_BYTES}',"
    f" KV_METADATA {{schema_version: '{SCHEMA_VERSION}'}}"
)
_PART = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Which rows become a file, as the source of a SELECT with its parameters."""

    source: str
    """SQL of this room, without anything that came from elsewhere."""
    bound: Mapping[str, Any]


class ParquetWriter:
    """Writes rows of a connection into the archive."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, archive: Archive, folder: Path
    ) -> None:
        """Files are made in ``folder`` and then given to the archive."""
        self._connection, self._archive, self._folder = connection, archive, folder

    def address(self, file: ColdFile) -> str:
        """What a file is read by."""
        return self._archive.address(file.name)

    def source(self, files: Iterable[ColdFile]) -> str:
        """What their rows are selected from, with all columns, whatever version wrote them."""
        bound = {"files": [self.address(file) for file in files]}
        found = self._connection.execute(SCHEMAS_SQL, bound).fetchall()
        return f"({files_sql(found, more=('stream', 'position'))})"

    def write(self, rows: Rows, owner_id: str, *, is_long: bool = False) -> ColdFile | None:
        """A new file of one owner's rows, of which those of usual length lie apart from long ones.

        None when there are none. Nobody knows of it yet.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{hashlib.sha256(owner_id.encode()).hexdigest()[:16]}-{new_id()}{PARQUET}"
        draft = self._folder / name
        self._connection.execute(
            f"COPY (SELECT {COLUMNS} FROM {rows.source} ORDER BY type, ts, stream, position)"  # noqa: S608
            f" TO {quoted(str(draft))} ({_OPTIONS})",
            dict(rows.bound) or None,
        )
        n_long = "sum(strlen(payload))" if is_long else "0"
        n, first, last, long_bytes = self._connection.execute(
            "SELECT count(*), epoch_us(min(ts)), epoch_us(max(ts)),"  # noqa: S608 - our own
            f" {n_long} FROM read_parquet(?)",
            [str(draft)],
        ).fetchall()[0]
        if not n:
            draft.unlink()
            return None
        sync_file(draft)
        file = ColdFile(
            name=name,
            owner_id=owner_id,
            n_events=n,
            n_bytes=draft.stat().st_size,
            sha256=digest(_parts(draft)),
            first_at=moment(first),
            last_at=moment(last),
            long_bytes=int(long_bytes),
        )
        self._archive.put(draft, name)
        return file


def digest(parts: Iterator[bytes]) -> str:
    """SHA-256 of a content in parts, hex."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(_PART):
            yield part
