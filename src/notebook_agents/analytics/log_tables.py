"""The table ``events``: lines of the log that are read at once, and Parquet files that are not.

What is still appended to is copied into memory, an owner's only where one is given. What was
compacted stays where it is and is read by each query, so much of it as the query needs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from notebook_agents.analytics.catalogue import create_nothing, create_views
from notebook_agents.analytics.long_lines import fill_by_line, has_long_lines
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.event_columns import LINE_COLUMNS, with_taken
from notebook_agents.core.event_files import SCHEMAS_SQL, files_sql, quoted

if TYPE_CHECKING:
    from notebook_agents.core.analytics import LogSnapshot

VANISHED = ".parquet/**/*.parquet"
"""In the words about a compacted file that is gone: it might be a folder."""
LESS = "read fewer days or columns, or aggregate before you join and sort"
"""What helps a query that needs too much."""
NO_ROOM = (
    "the query needs more room than memory has, and the disk is full or cannot be written; " + LESS
)
_UNWRITTEN = re.compile(r"Could not write|Failed to create directory|No space left")
_RAISED = re.compile(r"^Traceback \(most .*?^(\w[\w.]*)(?::|$)", re.MULTILINE | re.DOTALL)
"""What Python raised while it read a file for the database."""
PART_BYTES = 1 << 20
"""How much of a segment is looked at at once."""
_COLUMNS = {column.name: column.type for column in LINE_COLUMNS}
# A torn line becomes a row of NULLs; without ignore_errors it would fail the query.
_LINES = (
    "SELECT * FROM read_json($files, format = 'newline_delimited', columns = $columns,"
    " ignore_errors = true) WHERE id IS NOT NULL AND ($owner IS NULL OR user_id = $owner)"
)


def file_error(error: duckdb.Error) -> FileNotFoundError | InvalidRequest | None:
    """Why a query failed for a file: one went, is refused, or cannot be written."""
    if isinstance(error, duckdb.IOException) and _UNWRITTEN.search(str(error)):
        return InvalidRequest(NO_ROOM, field="sql")
    raised = _RAISED.search(str(error))
    kind = raised[1].rpartition(".")[2] if raised else ""
    is_gone = isinstance(error, duckdb.IOException) or VANISHED in str(error)
    if kind == "FileNotFoundError" or (not kind and is_gone):
        return FileNotFoundError(str(error))
    if kind:  # its words may tell of the machine, or of credentials
        return InvalidRequest(
            f"the archive of the event log cannot be read: {kind}; look at the setting"
            " events_archive and the credentials in the environment",
            field="sql",
        )
    return None


def create_events(
    connection: duckdb.DuckDBPyConnection, snapshot: LogSnapshot, owner_id: str | None
) -> None:
    """``events`` with the columns of `core.event_columns`, of everybody or of one owner."""
    create_nothing(connection)
    connection.execute("CREATE VIEW events AS FROM parts.hot")
    complete_events(connection, snapshot, owner_id)


def create_all(
    connection: duckdb.DuckDBPyConnection, snapshot: LogSnapshot, owner_id: str | None
) -> None:
    """``events`` and every view over them."""
    create_nothing(connection)
    connection.execute("CREATE VIEW events AS FROM parts.hot")
    create_views(connection)  # before the files are named: each view would look at them
    complete_events(connection, snapshot, owner_id)


def complete_events(
    connection: duckdb.DuckDBPyConnection, snapshot: LogSnapshot, owner_id: str | None
) -> None:
    """Fill ``parts.hot``, and put the files beside it."""
    sql = fill_hot(connection, snapshot.hot, owner_id)
    if snapshot.cold:
        sql += f" UNION ALL {compacted_sql(connection, snapshot.cold, snapshot.removed)}"
    connection.execute(f"CREATE OR REPLACE VIEW events AS {sql}")


def compacted_sql(
    connection: duckdb.DuckDBPyConnection, files: tuple[str, ...], removed: tuple[str, ...]
) -> str:
    """A SELECT of the rows of compacted files without those of streams that were removed."""
    _register(connection, files)
    found = connection.execute(SCHEMAS_SQL, {"files": list(files)}).fetchall()
    gone = ", ".join(quoted(stream) for stream in removed)
    return files_sql(found, f" WHERE stream NOT IN ({gone})" if gone else "")


def fill_hot(
    connection: duckdb.DuckDBPyConnection, files: tuple[str, ...], owner_id: str | None
) -> str:
    """Put the lines of segments into ``parts.hot``, an owner's only where one is given.

    Returns the SQL that reads them, as long lines lie in tables of their own.
    """
    paths = [Path(file) for file in files]
    if owner_id is not None:
        paths = [path for path in paths if _may_name(path, owner_id)]
    long = [path for path in paths if has_long_lines(path)]
    if usual := [str(path) for path in paths if path not in long]:  # a list of none is an error
        connection.execute(
            f"INSERT INTO parts.hot {with_taken(_LINES)}",
            {"files": usual, "columns": _COLUMNS, "owner": owner_id},
        )
    tables = ["parts.hot", *fill_by_line(connection, long, owner_id)]
    return " UNION ALL ".join(f"FROM {table}" for table in tables)


def _may_name(path: Path, owner_id: str) -> bool:
    """Whether a segment may hold events of an owner: a look at its bytes, not at its lines."""
    wanted = json.dumps(owner_id, ensure_ascii=False).encode(errors="replace")
    rest = b""
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            if wanted in (seen := rest + part):
                return True
            rest = seen[-len(wanted) :]
    return False


def _register(connection: duckdb.DuckDBPyConnection, files: tuple[str, ...]) -> None:
    """Let the database read from wherever the files are, if that is not a folder."""
    for protocol in {file.split("://", 1)[0] for file in files if "://" in file}:
        if not connection.filesystem_is_registered(protocol):
            import fsspec

            connection.register_filesystem(fsspec.filesystem(protocol))
