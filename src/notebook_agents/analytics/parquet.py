"""Rows of an answer as a Parquet file, for whoever keeps figures."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Table

WRITE = """COPY (SELECT * FROM read_json($rows, format = 'newline_delimited',
    sample_size = -1, maximum_object_size = 67108864))
    TO '{file}' (FORMAT parquet, COMPRESSION zstd)"""


def as_parquet(table: Table) -> bytes:
    """The rows as one file, compressed with zstd; types are those that the values have.

    Of columns with the same name the later ones get a number. Called on a thread.
    """
    names = _told_apart(table.columns)
    with tempfile.TemporaryDirectory(prefix="notebook-agents-") as folder, duckdb.connect() as db:
        file, rows = Path(folder) / "table.parquet", Path(folder) / "rows.jsonl"
        if table.rows:
            with rows.open("w", encoding="utf-8") as out:
                for row in table.rows:
                    out.write(json.dumps(dict(zip(names, row, strict=True)), default=str) + "\n")
            db.execute(WRITE.format(file=file), {"rows": str(rows)})
        else:
            columns = ", ".join(f"NULL::VARCHAR AS {_quoted(name)}" for name in names) or "1 AS one"
            db.execute(f"COPY (SELECT {columns} WHERE false) TO '{file}' (FORMAT parquet)")
        return file.read_bytes()


def _told_apart(columns: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for name in columns:
        number, told = 1, name
        while told.lower() in {each.lower() for each in names}:
            number += 1
            told = f"{name}_{number}"
        names.append(told)
    return names


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
