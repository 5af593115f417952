"""What `database_query` does inside the tool kernel: one SELECT of a locked-down DuckDB.

The order matters: settings first, then no access outside the working directory, then the lock. The
parser of the database decides what kind of statement it is, not a list of words.
"""

from __future__ import annotations

import contextlib
import math
import re
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from notebook_agents.tools.beneath import FileMissing
from notebook_agents.tools.reading import names_here

MAX_ROWS = 10_000
MAX_CHARS = 1024 * 1024
MAX_CELL_CHARS = 10_000
MAX_COLUMNS = 1_000
N_THREADS = 2
TIME_SHARE = 0.95
"""The database is asked to stop a little before the kernel is: then the kernel's variables live."""
ZONED = "WITH TIME ZONE"
EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?!ANALY[SZ]E\b|\()", re.IGNORECASE)
STRING = re.compile(r"['\"]((?:[^'\"]|'')*)['\"]")
DENIED_FILE = re.compile(r'Cannot access (?:file|directory) "([^"]*)"')
MISSING_FILE = re.compile(r'No files found that match the pattern "([^"]*)"')
MISSING_TABLE = re.compile(r"Table with name (\S+) does not exist")
SETTINGS = (
    "SET memory_limit = '{memory_mb}MB'",
    f"SET threads = {N_THREADS}",
    "SET max_temp_directory_size = '0B'",
    "SET python_enable_replacements = false",
    "SET python_scan_all_frames = false",
    "SET allowed_directories = ['{folder}']",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET allow_persistent_secrets = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


class SqlDenied(Exception):
    """The statement is of a kind that is not run, or reaches outside the working directory."""


class SqlFailed(Exception):
    """The database could not run the statement; the first line says why."""


def run_query(root: str, query: str, memory_mb: int, timeout_s: float) -> dict[str, Any]:
    """Run one SELECT whose relative file names mean files in ``root``."""
    with contextlib.chdir(root), connected(root, memory_mb) as database:
        clock = threading.Timer(timeout_s * TIME_SHARE, database.interrupt)
        clock.start()
        try:
            _check(database, query)
            return _fetch(database, query)
        except duckdb.PermissionException as error:
            raise SqlDenied(_denial(error)) from None
        except duckdb.OutOfMemoryException:
            raise MemoryError(f"the query needs more than {memory_mb} MB") from None
        except duckdb.InterruptException:
            raise TimeoutError(f"the query ran longer than {timeout_s:g} seconds") from None
        except duckdb.Error as error:
            raise _explained(error, root) from None
        finally:
            clock.cancel()


@contextlib.contextmanager
def connected(root: str, memory_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory that can read the folder and nothing else."""
    folder = str(Path(root).resolve()).replace("'", "''")
    database = duckdb.connect(":memory:")
    try:
        for setting in SETTINGS:
            database.execute(setting.format(folder=folder, memory_mb=memory_mb))
        yield database
    finally:
        database.close()


def _check(database: duckdb.DuckDBPyConnection, query: str) -> None:
    """Exactly one statement, and one that only reads."""
    if hidden := next(_hidden_parts(query), ""):
        raise SqlDenied(f"{hidden!r} is hidden; hidden files are not read")
    statements = database.extract_statements(query)
    if len(statements) != 1:
        raise SqlDenied(f"exactly one statement is run, got {len(statements)}")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        explained = EXPLAIN.match(query)
        if explained is None:
            raise SqlDenied("EXPLAIN ANALYZE runs the statement; use EXPLAIN")
        _check(database, query[explained.end() :])
    elif kind != duckdb.StatementType.SELECT:
        raise SqlDenied(f"{kind.name} statements are not run; use SELECT")


def _hidden_parts(query: str) -> Iterator[str]:
    """Parts of paths in the query's strings that begin with a dot; numbers such as .5 do not count.

    The database cannot be told to leave hidden files alone. At level medium the sandbox covers
    them; this is the clear message, and all there is at level low.
    """
    for text in STRING.findall(query):
        for part in re.split(r"[/\\\\]", text):
            if part.startswith(".") and part.strip(".") and not part[1:].isdigit():
                yield part


def _fetch(database: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    cursor = database.execute(query)
    described = cursor.description or []
    columns, kinds = [str(column[0]) for column in described], [str(c[1]) for c in described]
    if len(columns) > MAX_COLUMNS:
        raise SqlDenied(f"the result has {len(columns)} columns, at most {MAX_COLUMNS}")
    if any(ZONED in kind for kind in kinds):
        shown = ", ".join(map(_as_text, range(1, len(kinds) + 1), kinds))
        found = iter(database.cursor().sql(query).project(shown).limit(MAX_ROWS + 1).fetchall())
    else:
        found = iter(cursor.fetchone, None)
    rows: list[list[Any]] = []
    room = MAX_CHARS
    for row in found:
        if len(rows) == MAX_ROWS or room <= 0:
            return _result(columns, rows, is_cut=True)
        rows.append([_cell(value) for value in row])
        room -= sum(len(cell) if isinstance(cell, str) else 8 for cell in rows[-1])
    return _result(columns, rows, is_cut=False)


def _as_text(number: int, kind: str) -> str:
    """Times with a zone as text: as objects they need a package that may not be there."""
    return f"CAST(#{number} AS VARCHAR)" if ZONED in kind else f"#{number}"


def _result(columns: list[str], rows: list[list[Any]], *, is_cut: bool) -> dict[str, Any]:
    return {"columns": columns, "rows": rows, "row_count": len(rows), "truncated": is_cut}


def _cell(value: Any) -> Any:
    """A value that JSON can hold and a model can read."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return [_cell(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _cell(item) for name, item in value.items()}
    text = str(value)
    return text if len(text) <= MAX_CELL_CHARS else f"{text[:MAX_CELL_CHARS]}..."


def _denial(error: duckdb.Error) -> str:
    match = DENIED_FILE.search(str(error))
    if match is None:
        return _message(error)
    return f"{match[1]!r} is outside the working directory; use a relative path"


def _explained(error: duckdb.Error, root: str) -> Exception:
    missing = MISSING_FILE.search(str(error))
    if missing is not None:
        return FileMissing(
            f"no file {missing[1]!r} in the working directory; files here: {names_here(root)}"
        )
    table = MISSING_TABLE.search(str(error))
    if table is not None:
        return SqlFailed(f"there is no table {table[1]!r}; files here: {names_here(root)}")
    return SqlFailed(_message(error))


def _message(error: duckdb.Error) -> str:
    """What the database says, without the picture of the statement."""
    return " ".join(str(error).partition("\n\nLINE")[0].split())
