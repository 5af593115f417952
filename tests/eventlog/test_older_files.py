"""Parquet files of an earlier version, with fewer columns, are read, merged and rewritten."""

from __future__ import annotations

import hashlib
from asyncio import to_thread
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from notebook_agents.analytics.export import DuckExporter
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.event_columns import EVENT_COLUMNS, LINE_COLUMNS
from notebook_agents.core.events import Event, TextDelta, ToolFinished
from notebook_agents.core.exports import ExportWish, Redaction
from notebook_agents.core.log_keeping import Prune
from notebook_agents.eventlog.compaction import MERGED_AT
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.manifest import ColdFile, change_manifest, read_manifest
from notebook_agents.eventlog.writer import JsonlEventLog

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
QUESTION = "SELECT id, tool_name, duration_ms, cell_id, step FROM events ORDER BY id"
FIRST_VERSION = tuple(column.name for column in LINE_COLUMNS)
WITHOUT_ONE = tuple(column.name for column in EVENT_COLUMNS if column.name != "duration_ms")


def finished(number: int) -> Event:
    body = ToolFinished(call_id=f"{number}", name="t", status="succeeded", duration_ms=number)
    return event(number, body)


def event(number: int, body: TextDelta | ToolFinished) -> Event:
    at = NOW + timedelta(days=number)
    return Event(id=f"e{number:02}", ts=at, conversation_id="c", user_id="ann", body=body)


def grow_old(home: Path, file: ColdFile, columns: tuple[str, ...]) -> ColdFile:
    """The file as a version wrote it that had these columns only."""
    path = home / "events" / "cold" / file.name
    older = path.with_name(f"older-{file.name}")
    duckdb.execute(
        f"COPY (SELECT {', '.join(columns)}, stream, position"
        f" FROM read_parquet('{path}')) TO '{older}' (FORMAT parquet, COMPRESSION zstd)"
    )
    older.replace(path)
    content = path.read_bytes()
    return replace(file, sha256=hashlib.sha256(content).hexdigest(), n_bytes=len(content))


def make_older(home: Path, columns: tuple[str, ...]) -> None:
    """Every file that is there now becomes one of a version with these columns."""
    change_manifest(
        home,
        lambda now: replace(now, files=tuple(grow_old(home, f, columns) for f in now.files)),
    )


async def answer(home: Path) -> tuple[tuple[object, ...], ...]:
    analytics = EventAnalytics(EventFiles(home))
    try:
        rows = (await analytics.query(QUESTION, owner_id="ann")).rows
        assert (await analytics.query_apart(QUESTION, owner_id="ann")).rows == rows
        assert (await analytics.query("SELECT count(*) FROM v_tools")).rows
        return rows
    finally:
        await analytics.aclose()


@pytest.mark.parametrize("columns", [FIRST_VERSION, WITHOUT_ONE])
async def test_a_column_that_files_lack_is_taken_out_of_the_payload(
    log: JsonlEventLog, tmp_path: Path, columns: tuple[str, ...]
) -> None:
    keeping = EventLogKeeping(tmp_path)
    log.append(finished(1))
    await to_thread(keeping.compact, 0)
    await to_thread(make_older, tmp_path, columns)
    log.append(finished(2))
    await to_thread(keeping.compact, 0)
    log.append(finished(3))
    expected = tuple((f"e{n:02}", "t", float(n), None, None) for n in (1, 2, 3))
    assert await answer(tmp_path) == expected
    assert await to_thread(keeping.verify) == []
    assert [e.id for e in await log.read("c")] == ["e01", "e02", "e03"]
    exporter = DuckExporter(EventFiles(tmp_path), tmp_path / "key", Redaction())
    wish = ExportWish(to=tmp_path / "out.parquet", format="parquet", owner_id="ann")
    assert (await to_thread(exporter.export, wish)).n_rows == 3
    exported = duckdb.execute(f"SELECT duration_ms FROM '{wish.to}' ORDER BY id").fetchall()
    assert exported == [(1.0,), (2.0,), (3.0,)]


async def test_older_files_are_merged_and_pruned_into_files_of_today(
    log: JsonlEventLog, tmp_path: Path
) -> None:
    keeping = EventLogKeeping(tmp_path)
    for number in range(1, MERGED_AT):
        log.append(finished(number))
        await to_thread(keeping.compact, 0)
        if number == 3:
            await to_thread(make_older, tmp_path, FIRST_VERSION)
    log.append(event(MERGED_AT, TextDelta(step=4, text="x")))
    before = await answer(tmp_path)
    assert (await to_thread(keeping.compact, 0)).n_merged == MERGED_AT
    assert await answer(tmp_path) == before
    await to_thread(make_older, tmp_path, WITHOUT_ONE)
    assert await to_thread(keeping.prune, Prune(before=NOW + timedelta(days=3))) == 2
    assert await answer(tmp_path) == before[2:]
    assert await to_thread(keeping.verify) == []
    (file,) = (await to_thread(read_manifest, tmp_path)).files
    found = duckdb.execute(f"DESCRIBE FROM '{tmp_path}/events/cold/{file.name}'").fetchall()
    assert [row[0] for row in found][:-2] == [column.name for column in EVENT_COLUMNS]
