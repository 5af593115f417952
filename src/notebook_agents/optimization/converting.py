"""Runs inside a tool kernel: a stranger's Parquet file becomes a CSV file of texts.

The parser of Parquet is a large program in C++, so it meets strangers' files only where it can do
no harm. What the file claims about its size is looked at before anything is unpacked.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from notebook_agents.optimization.database import Database, database, first_line, lock

SOURCE_NAME, TARGET_NAME = "upload.parquet", "upload.csv"
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_CSV_BYTES = 200 * 1024 * 1024


def parquet_to_csv(root: str, memory_mb: int, max_rows: int, max_columns: int) -> dict[str, str]:
    """Write ``upload.csv`` beside ``upload.parquet``; the answer says what is wrong, if anything.

    Keys of the answer: ``error`` for a file that cannot be used, ``limit`` for one too large.
    """
    folder = Path(root).resolve()
    with database(memory_mb) as connection:
        connection.execute(f"SET allowed_directories = ['{_quoted(folder)}']")
        lock(connection)
        try:
            if refusal := _refusal(connection, folder, max_rows, max_columns):
                return {"limit": refusal}
            _write(connection, folder)
        except duckdb.OutOfMemoryException:
            return {"limit": f"unpacking it needs more than {memory_mb} MB"}
        except duckdb.Error as error:
            return {"error": first_line(error).replace(str(folder), "")}
    if (folder / TARGET_NAME).stat().st_size > MAX_CSV_BYTES:
        return {"limit": f"as text it has more than {MAX_CSV_BYTES >> 20} MiB"}
    return {}


def _refusal(connection: Database, folder: Path, max_rows: int, max_columns: int) -> str:
    """What the file's own figures say against unpacking it."""
    source = _quoted(folder / SOURCE_NAME)
    n_rows = _number(
        connection,
        f"SELECT sum(num_rows) FROM parquet_file_metadata('{source}')",  # noqa: S608
    )
    n_bytes = _number(
        connection,
        f"SELECT sum(total_uncompressed_size) FROM parquet_metadata('{source}')",  # noqa: S608
    )
    n_columns = _number(
        connection,
        f"SELECT count(*) FROM parquet_schema('{source}') WHERE num_children IS NULL",  # noqa: S608
    )
    if n_rows > max_rows:
        return f"it has {n_rows} rows, at most {max_rows} are read"
    if n_columns > max_columns:
        return f"it has {n_columns} columns, at most {max_columns} are read"
    if n_bytes > MAX_UNPACKED_BYTES:
        return f"unpacked it has {n_bytes >> 20} MiB, at most {MAX_UNPACKED_BYTES >> 20} are read"
    return ""


def _write(connection: Database, folder: Path) -> None:
    """All cells as text: times with their zone, everything else as the database writes it."""
    source, target = _quoted(folder / SOURCE_NAME), _quoted(folder / TARGET_NAME)
    connection.execute(
        f"COPY (SELECT * FROM read_parquet('{source}')) TO '{target}'"  # noqa: S608
        " (FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"')"
    )


def _number(connection: Database, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0] or 0) if row else 0


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
