"""Rows of an answer as a Parquet file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from notebook_agents.analytics.parquet import as_parquet
from notebook_agents.core.analytics import Table


def read(content: bytes, tmp_path: Path) -> Any:
    file = tmp_path / "read.parquet"
    file.write_bytes(content)
    with duckdb.connect() as db:
        return db.execute("SELECT * FROM read_parquet($1)", [str(file)]).fetchall()


def test_values_come_back(tmp_path: Path) -> None:
    rows = (("a 'quoted' name", 1, 0.5, None), ("b\nline", 2, None, None))
    table = Table(columns=("model", "runs", "share", "cost_usd"), rows=rows)
    assert read(as_parquet(table), tmp_path) == list(rows)


def test_a_moment_stays_one(tmp_path: Path) -> None:
    at = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
    ((value,),) = read(as_parquet(Table(columns=("started",), rows=((at,),))), tmp_path)
    assert value.replace(tzinfo=UTC) == at


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    assert read(as_parquet(Table(columns=("n", "N"), rows=((1, 2),))), tmp_path) == [(1, 2)]


def test_no_rows_are_a_file_too(tmp_path: Path) -> None:
    assert read(as_parquet(Table(columns=('odd "name"',), rows=())), tmp_path) == []
