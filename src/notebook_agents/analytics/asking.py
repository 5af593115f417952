"""One SELECT: what is let through, how its values are bound, how long it may take, what it says."""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

import duckdb

from notebook_agents.analytics.alarms import later
from notebook_agents.analytics.databases import NeedsMemory
from notebook_agents.analytics.log_tables import LESS, file_error
from notebook_agents.core.analytics import Table
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.sql_text import EXPLAIN
from notebook_agents.core.sql_trees import TREE_SQL, what_writes

MAX_ROWS = 100_000
"""Rows that one query may return."""
MAX_ANSWER_MB = 200
"""Texts and lists of one answer, which the database's limit does not count."""
PART_ROWS = 500
"""Rows that are taken over before the size of the answer is looked at again."""
LIST_ITEM_BYTES = 32
"""Of a number or a moment in a list, as Python keeps it."""
QUERY_TIMEOUT_S = 60.0
"""After this a query is interrupted."""
AGAIN_S = 0.1
"""An interrupt that comes before the query has begun is lost, so it is said again."""
TOO_MUCH = f"the query needs more memory than it may take; {LESS}"
TOO_MUCH_SPILLED = f"the query needs more room on the disk than it may take; {LESS}"
ONLY = "the log is read-only; give exactly one SELECT statement"
PIVOT = (
    "PIVOT would first make a type of the values it finds, and the log is read-only; name them: "
    "PIVOT v_runs ON status IN ('succeeded', 'failed') USING count(*)"
)
_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*(\w*)", re.DOTALL)


class Asking:
    """A question that can be broken off from another thread, and is when it takes too long."""

    def __init__(self, timeout_s: float = QUERY_TIMEOUT_S) -> None:
        """It may take ``timeout_s`` from its first beginning, however often it is begun anew."""
        self._timeout_s = timeout_s
        self._ends_at = math.inf
        self._watchdog: threading.Timer | None = None
        self._stop: Callable[[], object] | None = None
        self._is_stopped = self._is_late = False
        self._is_done = True
        self._lock = threading.Lock()

    def begin(self, stop: Callable[[], object]) -> None:
        """From now on ``stop`` is what breaks it off; InvalidRequest where it was before."""
        with self._lock:
            self._stop, self._is_done = stop, False
            now = time.monotonic()
            self._ends_at = min(self._ends_at, now + self._timeout_s)
            self._watchdog = later(max(0.0, self._ends_at - now), self._stop_late)
        if self._is_stopped:
            raise self.broken_off()

    def end(self) -> None:
        """Nothing is left to be broken off."""
        with self._lock:
            self._is_done, self._stop = True, None
            if self._watchdog is not None:
                self._watchdog.cancel()

    def stop(self) -> None:
        """Break it off, now or once it begins."""
        with self._lock:
            self._is_stopped = True
            if self._stop is not None:
                self._stop()
            if self._is_done:
                return
        later(AGAIN_S, self.stop)

    def broken_off(self) -> InvalidRequest:
        """What is said of it then."""
        told = too_long(self._timeout_s) if self._is_late else "the query was broken off"
        return InvalidRequest(told, field="sql")

    def _stop_late(self) -> None:
        self._is_late = True
        self.stop()


def select(
    cursor: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Mapping[str, Any],
    asking: Asking | None = None,
) -> Table:
    """The answer of a locked database to one SELECT.

    NeedsMemory where it has not enough; else InvalidRequest on the field ``sql``, with ``position``
    where the database tells it, or on ``parameters``; OSError where a file of the log vanished.
    """
    asking = asking or Asking()
    try:
        asking.begin(cursor.interrupt)
        return _answer(cursor, sql, parameters)
    except duckdb.Error as error:
        if (told := file_error(error)) is not None:
            raise told from error
        if isinstance(error, duckdb.InterruptException):
            raise asking.broken_off() from error
        raise _refusal(error) from error
    finally:
        asking.end()


def _answer(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any]) -> Table:
    _check_parameters(_checked(cursor, sql), parameters)
    # Whatever a SELECT holds, WITH a AS (DELETE …) say, writes nothing.
    cursor.execute("BEGIN TRANSACTION READ ONLY")
    try:
        done = cursor.execute(sql, dict(parameters) or None)
        rows = tuple(_rows(done))
        told = done.description or []
        return Table(
            columns=tuple(column[0] for column in told),
            rows=rows,
            types=tuple(str(column[1]) for column in told),
        )
    finally:
        with suppress(duckdb.Error):
            cursor.execute("ROLLBACK")


def _rows(done: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """All of them, or none: a cut result would make every figure computed from it wrong."""
    rows, n_bytes = list[tuple[Any, ...]](), 0
    while part := done.fetchmany(PART_ROWS):
        rows += part
        n_bytes += _size(chain.from_iterable(part))
        if len(rows) > MAX_ROWS:
            raise InvalidRequest(
                f"the query has more than {MAX_ROWS} rows; aggregate them or add a LIMIT",
                field="sql",
            )
        if n_bytes > MAX_ANSWER_MB * 1_000_000:
            raise InvalidRequest(
                f"the answer is larger than {MAX_ANSWER_MB} MB; ask for fewer columns or rows",
                field="sql",
            )
    return rows


def _size(values: Iterable[Any]) -> int:
    """Bytes of the texts and lists among values; all else is small and bounded by the rows."""
    size = 0
    for value in values:
        if isinstance(value, (str, bytes)):
            size += len(value)
        elif isinstance(value, (list, tuple)):
            size += LIST_ITEM_BYTES * len(value) + _size(value)
        elif isinstance(value, dict):
            size += LIST_ITEM_BYTES * len(value) + _size(chain(value, value.values()))
    return size


def _checked(cursor: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    if any("\ud800" <= sign <= "\udfff" for sign in sql):
        raise InvalidRequest(
            "the query holds half of a surrogate pair, which is no character", field="sql"
        )
    statements = cursor.extract_statements(sql)
    kinds = [statement.type for statement in statements]
    explained = EXPLAIN.match(sql)
    if kinds == [duckdb.StatementType.EXPLAIN] and explained is not None:
        _checked(cursor, sql[explained.end() :])  # with ANALYZE it would run
    elif kinds != [duckdb.StatementType.SELECT]:
        raise InvalidRequest(_not_one_select(sql, statements), field="sql")
    elif word := what_writes(cursor.execute(TREE_SQL, {"sql": sql}).fetchall()[0][0]):
        raise InvalidRequest(f"{word} is refused: {ONLY}", field="sql")
    return statements[0]


def _not_one_select(sql: str, statements: Sequence[duckdb.Statement]) -> str:
    """Why something is not answered."""
    if len(statements) != 1:
        return f"these are {len(statements)} statements; give exactly one SELECT statement"
    kind = statements[0].type
    if kind == duckdb.StatementType.MULTI:
        return PIVOT
    if kind == duckdb.StatementType.EXPLAIN:
        return f"EXPLAIN with ANALYZE or options is refused: {ONLY}"
    found = _FIRST_WORD.match(sql)
    word = found[1].upper() if found else ""
    if word in ("", "WITH", "FROM", "EXPLAIN"):  # what it does stands behind
        word = kind.name
    return f"{word} is refused: {ONLY}"


def _check_parameters(statement: duckdb.Statement, parameters: Mapping[str, Any]) -> None:
    named = set(statement.named_parameters)
    for name in sorted(named - set(parameters)):
        raise InvalidRequest(
            f"the query names ${name}, for which there is no value; give one as {name!r}",
            field="parameters",
        )
    for name in sorted(set(parameters) - named):
        raise InvalidRequest(
            f"the query does not name ${name}; leave the parameter out", field="parameters"
        )


def too_long(timeout_s: float) -> str:
    """What is said of a query that was ended for its time."""
    return f"the query ran longer than {timeout_s:g} seconds; {LESS}"


def _refusal(error: duckdb.Error) -> InvalidRequest:
    """What the database says, in its words, and where in the text; limits in ours."""
    if isinstance(error, duckdb.OutOfMemoryException):
        is_disk = "'max_temp_directory_size' setting" in str(error)
        return NeedsMemory(TOO_MUCH_SPILLED if is_disk else TOO_MUCH, field="sql")
    if isinstance(error, duckdb.TransactionException):
        return InvalidRequest(f"a part of the query would write: {ONLY}", field="sql")
    kind, _, told = str(error).partition(": ")
    try:
        found = json.loads(told)
    except ValueError:
        return InvalidRequest(str(error).split("\n\n", 1)[0], field="sql")
    message = str(found.get("exception_message", "")).split("\n\n", 1)[0]
    place = str(found.get("position", ""))
    position = int(place) if place.isdigit() else None
    return InvalidRequest(f"{kind}: {message}", field="sql", position=position)
