"""Events that are far longer than usual: none is lost, and none keeps the others from Parquet."""

from __future__ import annotations

from asyncio import to_thread
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.analytics.databases import open_database
from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.event_lines import LONGEST_BYTES
from notebook_agents.core.events import Event, ToolFinished
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.manifest import read_manifest
from notebook_agents.eventlog.segments import line_of, stream_path
from notebook_agents.eventlog.staging import LONG_FILE_BYTES
from notebook_agents.eventlog.writer import JsonlEventLog

MIB = 1 << 20
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def event(number: int, n_chars: int) -> Event:
    content = f"{number:07} é\n" * (n_chars // 10)
    return Event(
        id=f"{number}",
        run_id="r",
        run_seq=number,
        ts=NOW,
        conversation_id="c",
        user_id=("ann", "bob")[number % 2],
        body=ToolFinished(call_id="1", name="t", status="succeeded", content=content),
    )


def in_sql(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """What a question in the memory of one finds in the compacted log."""
    snapshot = EventFiles(home).snapshot()
    assert not snapshot.hot
    with open_database(snapshot, None) as connection:
        found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return found


async def test_lines_beyond_every_usual_bound_are_compacted(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    events = [event(1, 100), *(event(n, 17 * MIB) for n in range(2, 7)), event(7, 100)]
    for each in events:
        log.append(each)
    report = await to_thread(keeping.compact, 0)
    assert (report.n_events, report.n_torn) == (7, 0)
    assert await log.read("c") == events
    sums = "SELECT count(*), sum(length(payload ->> 'content')) FROM events"
    n_chars = sum(len(each.body.content) for each in events if isinstance(each.body, ToolFinished))
    assert await to_thread(in_sql, tmp_path, sums) == [(7, n_chars)]
    assert await to_thread(keeping.verify) == []


async def test_long_events_lie_apart_and_few_at_a_time(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    for number in range(2, 82, 2):
        log.append(event(number, MIB))
        log.append(event(number + 100, 10))
    await to_thread(keeping.compact, 0)
    files = (await to_thread(read_manifest, tmp_path)).files
    assert {file.owner_id for file in files} == {"ann"}
    assert sum(file.n_events for file in files if not file.long_bytes) == 40
    assert max(file.long_bytes for file in files) < LONG_FILE_BYTES + 2 * MIB
    assert sum(file.n_events for file in files if file.long_bytes) == 40
    assert len(await log.read("c")) == 80


async def test_files_with_a_few_long_events_are_merged(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    for number in range(2, 24, 2):
        log.append(event(number, 20_000))
        log.append(event(number + 100, 10))
        await to_thread(keeping.compact, 0)
    files = (await to_thread(read_manifest, tmp_path)).files
    assert max(len([f for f in files if bool(f.long_bytes) is is_long]) for is_long in (0, 1)) < 8
    assert len(await log.read("c")) == 22


async def test_the_longest_event_is_kept_and_a_longer_one_refused(
    log: JsonlEventLog, keeping: EventLogKeeping
) -> None:
    longest = event(1, LONGEST_BYTES * 10 // 12 - MIB)
    assert LONGEST_BYTES - 2 * MIB < len(line_of(longest)) < LONGEST_BYTES
    log.append(longest)
    with pytest.raises(
        StorageUnavailable, match=r"'tool_finished' has \d+ bytes, at most 67108864"
    ):
        log.append(event(2, LONGEST_BYTES))
    report = await to_thread(keeping.compact, 0)
    assert (report.n_events, report.n_torn) == (1, 0)
    assert [end.position for end in await log.ends()] == [len(line_of(longest))]


async def test_a_line_that_nothing_can_take_keeps_no_other_from_compaction(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    log.append(event(1, 10))
    too_long = line_of(event(2, LONGEST_BYTES))
    with stream_path(tmp_path, "c").open("ab") as file:
        file.write(too_long)
    log.append(event(3, 10))
    report = await to_thread(keeping.compact, 0)
    assert (report.n_events, report.n_torn) == (2, 1)
    assert [each.run_seq for each in await log.read("c")] == [1, 3]
    (kept,) = (tmp_path / "events" / "torn").iterdir()
    assert kept.read_bytes() == too_long.removesuffix(b"\n")
