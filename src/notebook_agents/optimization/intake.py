"""Uploads become tables: every cell is checked, and the first wrong one is named with its remedy.

All formats arrive here as a CSV file of texts. The database reads it with all columns as text, the
checks are queries, and what is kept has exactly the documented columns, typed, and the number of
the row in the upload.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.workloads import KeptTable
from notebook_agents.optimization.columns import (
    COLUMNS,
    MAX_TEXT_CHARS,
    SQL_TYPES,
    TEXT_PATTERN,
    Column,
    column_of,
)
from notebook_agents.optimization.database import Database, Leash, database, unreadable

MAX_ROWS = 2_000_000
MAX_COLUMNS = 100
MAX_SHOWN = 40
"""Characters of a wrong value that an error shows."""
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_LINE = re.compile(r"CSV Error on Line: (\d+)")
_COUNTS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")


def take_in(source: Path, target: Path, leash: Leash) -> KeptTable:
    """Check a CSV file and write the table it holds as Parquet of our own."""
    with database() as connection:
        leash.hold(connection)
        kept = load(connection, source)
        path = str(target).replace("'", "''")
        connection.execute(f"COPY workload TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
        return kept


def load(connection: Database, source: Path) -> KeptTable:
    """Make the table ``workload`` out of a CSV file; its columns are the documented ones."""
    headers = _read(connection, source)
    known, ignored = _understood(headers)
    n_rows = _count(connection)
    for column, position in known.items():
        _check(connection, column, f"c{position}", headers[position])
    _keep(connection, known)
    _check_times(connection)
    return KeptTable(
        n_rows=n_rows,
        columns=tuple(column.name for column in known),
        ignored_columns=tuple(ignored),
    )


def _read(connection: Database, source: Path) -> list[str]:
    """Load all cells as text into ``raw(c0, c1, …)``; returns the headers."""
    path = str(source).replace("'", "''")
    options = (
        "delim = ',', quote = '\"', escape = '\"', auto_detect = false, header = {header},"
        " strict_mode = true, max_line_size = 1048576, columns = {columns}"
    )
    try:
        headers = _headers(source)
        columns = ", ".join(f"'c{n}': 'VARCHAR'" for n in range(len(headers)))
        shown = options.format(header="true", columns=f"{{{columns}}}")
        connection.execute(
            f"CREATE TABLE raw AS SELECT * FROM read_csv('{path}', {shown}) LIMIT {MAX_ROWS + 1}"  # noqa: S608
        )
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise unreadable(_csv_problem(str(error))) from None
    return headers


def _headers(source: Path) -> list[str]:
    """The first line, read by the same parser as the rest."""
    with source.open("rb") as file:
        line = file.readline(65_536)
    if not line.strip():
        raise unreadable("the table is empty; the first line must name the columns")
    if line.startswith(_UTF_16_MARKS) or _is_ascii_in_pairs(line):
        raise unreadable("the file is UTF-16 text; save it as UTF-8")
    if b"\0" in line:
        raise unreadable("this is not text; say what it is with ?format=parquet")
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise unreadable("the first line is not UTF-8 text; save the file as UTF-8") from None
    if text.count('"') % 2:
        raise unreadable("the first line has an open quote; names of columns have no line breaks")
    headers = [cell.strip() for cell in next(csv.reader([text]))]
    if len(headers) > MAX_COLUMNS:
        raise unreadable(f"the table has {len(headers)} columns, at most {MAX_COLUMNS} are read")
    return headers


def _is_ascii_in_pairs(line: bytes) -> bool:
    """Whether every second byte is zero and no other: UTF-16 without a mark."""
    return any(not any(line[n:-1:2]) and all(line[1 - n : -1 : 2]) for n in (0, 1) if line[:-1])


def _understood(headers: Sequence[str]) -> tuple[dict[Column, int], list[str]]:
    known: dict[str, int] = {}
    ignored = []
    for position, header in enumerate(headers):
        column = column_of(header)
        if column is None:
            ignored.append(header[:MAX_SHOWN])
        elif column.name in known:
            raise InvalidRequest(
                f"the columns {headers[known[column.name]]!r} and {header!r} both mean"
                f" {column.name!r}; remove one of them",
                field=column.name,
            )
        else:
            known[column.name] = position
    for column in COLUMNS:
        if column.is_required and column.name not in known:
            also = " or ".join(map(repr, (column.name, *column.aliases)))
            raise InvalidRequest(
                f"the column {column.name!r} ({column.unit}) is missing; name it {also}",
                field=column.name,
            )
    return {column: known[column.name] for column in COLUMNS if column.name in known}, ignored


def _count(connection: Database) -> int:
    n_rows = _one(connection, "SELECT count(*) FROM raw")
    if n_rows == 0:
        raise unreadable("the table has no rows below its first line")
    if n_rows > MAX_ROWS:
        raise unreadable(f"a workload has at most {MAX_ROWS} rows; send fewer")
    return n_rows


def _check(connection: Database, column: Column, cell: str, header: str) -> None:
    """Raise InvalidRequest for the first cell that the column cannot hold."""
    text = f"trim({cell})"
    wrong = f"{text} <> '' AND NOT coalesce({_holds(column, text)}, false)"
    if column.is_required:
        wrong = f"coalesce({text}, '') = '' OR ({wrong})"
    found = connection.execute(
        f"SELECT rowid + 1, {cell} FROM raw WHERE {wrong} ORDER BY rowid LIMIT 1"  # noqa: S608
    ).fetchone()
    if found is None:
        return
    row, value = found
    shown = "is empty" if not (value or "").strip() else f"holds {str(value)[:MAX_SHOWN]!r}"
    raise InvalidRequest(
        f"row {row}, column {header!r} {shown}; {_wanted(column)}", field=column.name
    )


def _holds(column: Column, text: str) -> str:
    """The SQL condition that a text can be a value of the column."""
    if column.kind == "text":
        pattern = TEXT_PATTERN.replace("'", "''")
        is_short = f"length({text}) <= {MAX_TEXT_CHARS}"
        return f"{is_short} AND regexp_full_match({text}, '{pattern}')"
    if column.kind == "word":
        words = (*column.words, *column.word_aliases)
        return f"lower({text}) IN ({', '.join(f'{chr(39)}{word}{chr(39)}' for word in words)})"
    value = _value(column, text)
    if column.kind == "time":
        return f"{value} BETWEEN '1990-01-01' AND '2200-01-01'"
    if column.kind == "flag":
        return f"{value} IS NOT NULL"
    conditions = [f"isfinite({value})"]
    if column.kind == "integer":
        conditions.append(f"{value} = trunc({value})")
    if column.low is not None:
        conditions.append(f"{value} {'>' if column.is_above else '>='} {column.low}")
    if column.high is not None:
        conditions.append(f"{value} <= {column.high}")
    return " AND ".join(conditions)


def _value(column: Column, text: str) -> str:
    """The SQL expression of a typed value; NULL where the text is none."""
    if column.kind in {"number", "integer"}:
        return f"TRY_CAST({text} AS DOUBLE)"
    if column.kind == "time":
        return f"TRY_CAST({text} AS TIMESTAMPTZ)::TIMESTAMP"
    if column.kind == "flag":
        return (
            f"CASE WHEN lower({text}) IN ('true', 'yes', '1') THEN true"
            f" WHEN lower({text}) IN ('false', 'no', '0') THEN false END"
        )
    if column.kind == "word":
        cases = " ".join(
            f"WHEN '{alias}' THEN '{word}'" for alias, word in column.word_aliases.items()
        )
        return f"CASE lower({text}) {cases} ELSE lower({text}) END" if cases else f"lower({text})"
    return text


def _wanted(column: Column) -> str:
    if column.kind == "word":
        return f"use one of {', '.join(column.words)}"
    if column.kind == "flag":
        return "use true or false"
    if column.kind == "time":
        return "use a time such as 2026-03-01T08:00:00Z"
    if column.kind == "text":
        what = f"up to {MAX_TEXT_CHARS} letters, digits and signs"
        return f"use {what} that begin with a letter or digit"
    what = "a whole number" if column.kind == "integer" else "a number"
    low = f"{'above' if column.is_above else 'of at least'} {column.low:g}"
    return f"use {what} {low} and at most {column.high:g} ({column.unit})"


def _keep(connection: Database, known: Mapping[Column, int]) -> None:
    shown = ["CAST(rowid + 1 AS BIGINT) AS row_number"]
    for column in COLUMNS:
        value = "NULL"
        if column in known:
            text = f"trim(c{known[column]})"
            value = f"CASE WHEN {text} <> '' THEN {_value(column, text)} END"
        shown.append(f"CAST({value} AS {SQL_TYPES[column.kind]}) AS {column.name}")
    connection.execute(
        f"CREATE TABLE workload AS SELECT {', '.join(shown)} FROM raw ORDER BY rowid"  # noqa: S608
    )
    connection.execute("DROP TABLE raw")


def _check_times(connection: Database) -> None:
    found = connection.execute(
        "SELECT row_number FROM workload WHERE deadline_at < started_at ORDER BY 1 LIMIT 1"
    ).fetchone()
    if found is not None:
        raise InvalidRequest(
            f"row {found[0]}, column 'deadline_at' is before 'started_at'; correct one of them",
            field="deadline_at",
        )


def _csv_problem(text: str) -> str:
    line, counts = _LINE.search(text), _COUNTS.search(text)
    if line and counts:
        return (
            f"line {line[1]} has {counts[2]} cells, the first line names {counts[1]} columns;"
            ' put cells that contain commas in "quotes"'
        )
    if line:
        return f"line {line[1]} is not valid CSV: quotes must be closed and the text UTF-8"
    return "this is not CSV text with commas between the cells"


def _one(connection: Database, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])
