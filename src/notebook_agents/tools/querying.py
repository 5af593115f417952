"""What `database_query` does inside the tool kernel: one SELECT of a locked-down DuckDB.

The order matters: settings first, then no access but to the files that the query names, then the
lock. The parser of the database decides what kind of statement it is, not a list of words.
"""

from __future__ import annotations

import contextlib
import math
import re
import threading
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import duckdb

from notebook_agents.core.sql_text import EXPLAIN
from notebook_agents.core.sql_trees import TREE_SQL, what_writes
from notebook_agents.tools.beneath import FileMissing
from notebook_agents.tools.reading import names_here
from notebook_agents.tools.sql_paths import Named, has_hidden_part, named

MAX_ROWS = 10_000
MAX_CHARS = 1024 * 1024
MAX_CELL_CHARS = 10_000
MAX_COLUMNS = 1_000
N_THREADS = 2
TIME_SHARE = 0.95
"""The database is asked to stop a little before the kernel is: then the kernel's variables live."""
ZONED = "WITH TIME ZONE"
DENIED_FILE = re.compile(r'Cannot access (?:file|directory) "([^"]*)"')
IN_A_FOLDER = "/**/*.csv"
"""What the database looks for where it takes a name for a folder's."""
MISSING_FILE = re.compile(r'No files found that match the pattern "([^"]*)"')
MISSING_TABLE = re.compile(r"Table with name (\S+) does not exist")
SETTINGS = (
    "SET memory_limit = '{memory_mb}MB'",
    f"SET threads = {N_THREADS}",
    "SET max_temp_directory_size = '0B'",
    "SET python_enable_replacements = false",
    "SET python_scan_all_frames = false",
    "SET allowed_paths = [{paths}]",
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
    files = named(root, query)
    with contextlib.chdir(root), connected(files.paths, memory_mb) as database:
        clock = threading.Timer(timeout_s * TIME_SHARE, database.interrupt)
        clock.start()
        try:
            _check(database, query)
            return _fetch(database, query)
        except duckdb.PermissionException as error:
            raise _refusal(error, files, root) from None
        except duckdb.OutOfMemoryException:
            raise MemoryError(f"the query needs more than {memory_mb} MB") from None
        except duckdb.InterruptException:
            raise TimeoutError(f"the query ran longer than {timeout_s:g} seconds") from None
        except duckdb.Error as error:
            raise _explained(error, root) from None
        finally:
            clock.cancel()


@contextlib.contextmanager
def connected(paths: Iterable[str], memory_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory that can read these files and nothing else."""
    quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    database = duckdb.connect(":memory:")
    try:
        for setting in SETTINGS:
            database.execute(setting.format(paths=quoted, memory_mb=memory_mb))
        yield database
    finally:
        database.close()


def _check(database: duckdb.DuckDBPyConnection, query: str) -> None:
    """Exactly one statement, and one that only reads."""
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
    elif word := what_writes(database.execute(TREE_SQL, {"sql": query}).fetchall()[0][0]):
        raise SqlDenied(f"{word} inside a SELECT is not run; use what only reads")


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
        return _within([_cell(item) for item in value[:MAX_CELL_CHARS]])
    if isinstance(value, dict):
        return _within({str(name): _cell(item) for name, item in value.items()})
    return _within(str(value))


def _within(value: Any) -> Any:
    """The value, as the beginning of its text when that is long."""
    text = value if isinstance(value, str) else str(value)
    if len(text) <= MAX_CELL_CHARS:
        return value
    return f"{text[:MAX_CELL_CHARS]}..."


def _refusal(error: duckdb.Error, files: Named, root: str) -> Exception:
    match = DENIED_FILE.search(str(error))
    if match is None:
        return SqlDenied(_message(error))
    path = match[1].removesuffix(IN_A_FOLDER)
    if path in files.missing:
        return _missing(path, root)
    if path in files.hidden or has_hidden_part(path):
        return SqlDenied(f"{path!r} leads to what is hidden; hidden files are not read")
    if path not in files.texts:
        return SqlDenied(f"{path!r} is put together by the query; write paths of files out")
    return SqlDenied(f"{path!r} is outside the working directory; use a relative path")


def _missing(path: str, root: str) -> FileMissing:
    there = names_here(root)
    return FileMissing(f"no file {path!r} in the working directory; files here: {there}")


def _explained(error: duckdb.Error, root: str) -> Exception:
    missing = MISSING_FILE.search(str(error))
    if missing is not None:
        return _missing(missing[1], root)
    table = MISSING_TABLE.search(str(error))
    if table is not None:
        return SqlFailed(f"there is no table {table[1]!r}; files here: {names_here(root)}")
    return SqlFailed(_message(error))


def _message(error: duckdb.Error) -> str:
    """What the database says, without the picture of the statement."""
    return " ".join(str(error).partition("\n\nLINE")[0].split())
