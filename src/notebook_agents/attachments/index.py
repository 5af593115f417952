"""`VectorFiles`: the vectors of a file's passages in a Parquet file beside it, read by DuckDB.

DuckDB is in memory and only ever sees paths and values of ours, never SQL of anybody's.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from notebook_agents.attachments.files import on_thread
from notebook_agents.core.retrieval import FoundPassage, Passage

if TYPE_CHECKING:
    from notebook_agents.attachments.files import AttachmentFolder
    from notebook_agents.core.attachments import Attachment

AT_ONCE = 32
"""Rows of one statement: turning numbers of Python into a column holds up every other thread."""
_SETTINGS = ("SET memory_limit = '512MB'", "SET threads = 1", "SET max_temp_directory_size = '0B'")


class VectorFiles:
    """Answers the core's PassageIndex port."""

    def __init__(self, folder: AttachmentFolder) -> None:
        self._folder = folder

    async def count(self, attachment: Attachment, model: str) -> int | None:
        """How many passages of a file are there; None before they were kept."""
        path = self._path(attachment, model)
        return await on_thread(lambda: _count(path))

    async def keep(
        self,
        attachment: Attachment,
        model: str,
        passages: Sequence[Passage],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Keep all passages of a file, unless that was deleted meanwhile."""
        path = self._path(attachment, model)
        await on_thread(lambda: _write(path, list(zip(passages, vectors, strict=True))))

    async def nearest(
        self,
        attachments: Sequence[Attachment],
        model: str,
        vector: Sequence[float],
        limit: int,
    ) -> Sequence[FoundPassage]:
        """The nearest passages of these files, the nearest first."""
        paths = {str(self._path(file, model)): file.name for file in attachments}
        return await on_thread(lambda: _nearest(paths, list(vector), limit))

    def _path(self, attachment: Attachment, model: str) -> Path:
        digest = hashlib.sha256(model.encode()).hexdigest()[:16]
        return self._folder.folder_of(attachment) / f"passages-{digest}.parquet"


def _write(path: Path, rows: Sequence[tuple[Passage, Sequence[float]]]) -> None:
    if not path.parent.is_dir():
        return
    made = path.with_name(f"{uuid.uuid4().hex}.new")
    with _database() as connection:
        connection.execute("CREATE TABLE passages (place TEXT, text TEXT, vector FLOAT[])")
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            connection.execute(
                "INSERT INTO passages SELECT unnest(?), unnest(?), unnest(?)",
                [[p.place for p, _ in some], [p.text for p, _ in some], [list(v) for _, v in some]],
            )
        connection.execute(f"COPY passages TO '{_quoted(made)}' (FORMAT parquet)")
    made.replace(path)


def _count(path: Path) -> int | None:
    if not path.is_file():
        return None
    with _database() as connection:
        row = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone()
    return int(row[0]) if row else 0


def _nearest(paths: dict[str, str], vector: list[float], limit: int) -> list[FoundPassage]:
    there = [path for path in paths if Path(path).is_file()]
    if not there:
        return []
    with _database() as connection:
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT filename, place, text, list_cosine_similarity(vector, ?::FLOAT[]) AS similarity"
            " FROM read_parquet(?, filename = true)"
            " ORDER BY similarity DESC, filename, place LIMIT ?",
            [vector, there, limit],
        ).fetchall()
    return [FoundPassage(paths[path], Passage(place, text), s) for path, place, text, s in rows]


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(":memory:")
    try:
        for statement in _SETTINGS:
            connection.execute(statement)
        yield connection
    finally:
        connection.close()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
