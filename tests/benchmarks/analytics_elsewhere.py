"""The same events elsewhere: in SQLite in two ways, and in a CSV for pandas.

``log`` is what a log keeps in SQLite: the ten columns of a line, the payload as JSON, with indexes
on type and time, run and user; questions take the fields out of the payload. ``events`` is a table
tuned by hand to these questions: only the columns that they need, each of its own, with the same
indexes. Times are microseconds since 1970. The CSV holds the rows of ``events``.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb

from notebook_agents.analytics.databases import open_database
from notebook_agents.core.analytics import LogSnapshot
from notebook_agents.core.event_columns import LINE_COLUMNS

LINE = tuple(column.name for column in LINE_COLUMNS)
FIELDS = {
    "model": "payload ->> '$.model'",
    "status": "coalesce(payload ->> '$.status', payload ->> '$.state')",
    "tool_name": "payload ->> '$.name'",
    "duration_ms": "payload ->> '$.duration_ms'",
    "input_tokens": "payload ->> '$.usage.input_tokens'",
    "output_tokens": "payload ->> '$.usage.output_tokens'",
    "error_type": "coalesce(nullif(payload ->> '$.error_code', ''),"
    " nullif(payload ->> '$.error_type', ''))",
}
"""How SQLite takes a column out of a payload."""
TUNED = ("type", "ts", "run_id", "user_id", "agent_id", "dialect", *FIELDS)
PART = 50_000


def in_sqlite(whole: LogSnapshot, folder: Path) -> tuple[sqlite3.Connection, Path]:
    """A database with both tables, and the CSV; made once."""
    path, rows = folder / "events-2.sqlite", folder / "rows-2.csv"
    if not path.exists():
        draft = path.with_suffix(".tmp")
        draft.unlink(missing_ok=True)
        _fill(whole, sqlite3.connect(draft))
        _write_rows(whole, rows)
        draft.rename(path)
    return sqlite3.connect(path), rows


def told_of(table: str) -> str:
    """What a question reads from: a table, or the log with the fields of its payloads."""
    if table != "log":
        return table
    fields = ", ".join(f"{sql} AS {name}" for name, sql in FIELDS.items())
    return f"(SELECT *, {fields} FROM log)"


def _fill(whole: LogSnapshot, database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    names = dict.fromkeys((*LINE, *TUNED))
    taken = ", ".join(names).replace(" ts,", " epoch_us(ts) AS ts,")
    asked = open_database(whole, None).execute(f"SELECT {taken} FROM events")
    places = [list(names).index(name) for name in TUNED]
    for table, columns in (("log", LINE), ("events", TUNED)):
        database.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
    into_log, into_events = (
        f"INSERT INTO {table} VALUES ({', '.join('?' * n)})"
        for table, n in (("log", len(LINE)), ("events", len(TUNED)))
    )
    while part := asked.fetchmany(PART):
        database.executemany(into_log, [row[: len(LINE)] for row in part])
        database.executemany(into_events, [[row[place] for place in places] for row in part])
    for table in ("log", "events"):
        for name, on in {"kind": "type, ts", "run": "run_id", "owner": "user_id, type"}.items():
            database.execute(f"CREATE INDEX {table}_{name} ON {table} ({on})")
    database.execute("ANALYZE")
    database.commit()
    database.close()


def _write_rows(whole: LogSnapshot, path: Path) -> None:
    columns = ", ".join(TUNED).replace(" ts,", " epoch_us(ts) AS ts,")
    duckdb.execute(
        f"COPY (SELECT {columns} FROM read_parquet({list(whole.cold)!r})) TO '{path}' (HEADER)"
    )
