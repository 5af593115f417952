"""Lines that are far longer than usual, such as figures: read in parts that memory has room for.

DuckDB holds 2048 rows of a file or of a table at once, and 16 times a line's length to read it. So
long lines are given to it few at a time, and lie in tables of few rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from notebook_agents.core.event_columns import LINE_COLUMNS, with_taken

LONG_BYTES = 64 << 10
"""Lines of half of it may count as long; longer ones do."""
PART_BYTES = 8 << 20
"""Of lines that are given at once; a longer line is given by itself."""
HUGE_LINE_MEMORY = "1GB"
"""What the database may take while it reads one line that does not fit into its usual memory."""
READ_BYTES = 1 << 20
"""How much of a segment is looked at at once."""
_STRUCTURE = json.dumps({column.name: column.type for column in LINE_COLUMNS})
_ROWS = (
    f"SELECT unnest(from_json(line, '{_STRUCTURE}'))"  # noqa: S608 - columns of our own
    " FROM (SELECT unnest($lines::VARCHAR[]) AS line) WHERE json_valid(line)"
)


def has_long_lines(path: Path) -> bool:
    """Whether a segment has a long line: a look for a block without a line break."""
    size = LONG_BYTES // 2
    with path.open("rb") as file:
        while part := file.read(READ_BYTES):
            for first in range(0, len(part) - size + 1, size):
                if part.find(b"\n", first, first + size) < 0:
                    return True
    return False


def fill_by_line(
    connection: duckdb.DuckDBPyConnection, paths: list[Path], owner_id: str | None
) -> list[str]:
    """Put the usual lines into ``parts.hot``, the long ones into tables of which it gives names."""
    tables: list[str] = []
    connection.execute("DROP SCHEMA IF EXISTS long CASCADE; CREATE SCHEMA long")
    if not paths:
        return tables
    for path in paths:
        for lines in _parts(path, lambda line: len(line) <= LONG_BYTES):
            _add(connection, lines, "INSERT INTO parts.hot")
        for lines in _parts(path, lambda line: len(line) > LONG_BYTES):
            tables.append(f"long.part_{len(tables)}")
            _add(connection, lines, f"CREATE TABLE {tables[-1]} AS")
    for table in ("parts.hot", *tables):
        # Afterwards: as a condition of the SELECT it would need several times the memory.
        connection.execute(
            f"DELETE FROM {table} WHERE id IS NULL"  # noqa: S608 - our own
            " OR ($owner IS NOT NULL AND user_id IS DISTINCT FROM $owner)",
            {"owner": owner_id},
        )
    return tables


def _add(connection: duckdb.DuckDBPyConnection, lines: list[str], into: str) -> None:
    sql = f"{into} {with_taken(_ROWS)}"
    try:
        connection.execute(sql, {"lines": lines})
    except duckdb.OutOfMemoryException:
        if len(lines) > 1:
            raise
        with _more_memory(connection):
            connection.execute(sql, {"lines": lines})


@contextmanager
def _more_memory(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """For a line of many megabytes, while it is read: what it says is small beside that."""
    (usual,) = connection.execute("SELECT current_setting('memory_limit')").fetchall()[0]
    connection.execute(f"SET GLOBAL memory_limit = '{HUGE_LINE_MEMORY}'")
    try:
        yield
    finally:
        connection.execute(f"SET GLOBAL memory_limit = '{usual}'")


def _parts(path: Path, is_wanted: Callable[[bytes], bool]) -> Iterator[list[str]]:
    lines: list[str] = []
    n_bytes = 0
    with path.open("rb", buffering=READ_BYTES) as file:
        for line in filter(is_wanted, file):
            if lines and n_bytes + len(line) > PART_BYTES:
                yield lines
                lines, n_bytes = [], 0
            lines.append(line.decode(errors="replace"))
            n_bytes += len(line)
    if lines:
        yield lines
