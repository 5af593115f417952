"""Closed segments become Parquet files, and nobody who reads sees a difference."""

from __future__ import annotations

import os
from asyncio import to_thread
from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from notebook_agents.core.errors import Conflict
from notebook_agents.core.event_columns import EVENT_COLUMNS
from notebook_agents.core.events import AgentCreated, Event, MachineSampled, TextDelta, ToolStarted
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.locks import only_keeper
from notebook_agents.eventlog.manifest import read_manifest
from notebook_agents.eventlog.segments import hot_folder, stream_path
from notebook_agents.eventlog.writer import JsonlEventLog

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WORDS = ("é\n✓", '"type":"run_queued","payload":', "\u0000", "x" * 3000, "", '{"id":', "😀")


def some_event(dice: Random, number: int, stream: str) -> Event:
    body: Any = dice.choice(
        (
            TextDelta(step=number, text=dice.choice(WORDS)),
            ToolStarted(
                call_id=str(number), name="t", arguments={"a": [1.5, None, dice.choice(WORDS)]}
            ),
            AgentCreated(name=dice.choice(WORDS)),
        )
    )
    return Event(
        id=f"{stream}-{number}",
        run_id=f"run-{stream}",
        run_seq=number,
        ts=NOW + timedelta(microseconds=number * 7),
        conversation_id=stream,
        user_id=dice.choice(("ann", "bob", 'o"\\d')),
        dialect="magic",
        body=body,
    )


def fill(log: JsonlEventLog, dice: Random, streams: Collection[str] = ("a", "b", "c")) -> None:
    for stream in streams:
        for number in range(1, dice.randint(20, 60)):
            log.append(some_event(dice, number, stream))


async def everything(log: JsonlEventLog) -> dict[str, Any]:
    """All that the port tells, but for the files."""
    ends = sorted(await log.ends(), key=lambda end: end.stream)
    told: dict[str, Any] = {"ends": [(end.stream, end.position) for end in ends]}
    for end in ends:
        told[end.stream] = await log.read(end.stream)
        told[f"{end.stream} of a run"] = await log.read(
            end.stream, run_id=f"run-{end.stream}", after=9
        )
        told[f"{end.stream} on"] = await read_on(log, end.stream, 0)
    summaries = await log.summaries([end.stream for end in ends])
    told["summaries"] = [asdict(summary) for summary in summaries]
    return told


async def read_on(log: JsonlEventLog, stream: str, position: int) -> list[Event]:
    (end,) = await log.ends([stream])
    found: list[Event] = []
    while position < end.position:
        chunk = await log.read_on(end, position, ("text_delta", "agent_created"))
        assert chunk.position > position
        found, position = found + list(chunk.events), chunk.position
    return found


def rows_in_sql(home: Path) -> list[str]:
    """The ids that SQL over the log sees, whatever files they are in."""
    snapshot = EventFiles(home).snapshot()
    found: list[str] = []
    for path in snapshot.hot:
        sql = """SELECT id FROM read_json(?, format = 'newline_delimited',
            columns = {'id': 'VARCHAR'}, ignore_errors = true) WHERE id IS NOT NULL"""
        found += [row[0] for row in duckdb.execute(sql, [path]).fetchall()]
    for path in snapshot.cold:
        rows = duckdb.execute("SELECT id, stream FROM read_parquet(?)", [path]).fetchall()
        found += [id for id, stream in rows if stream not in snapshot.removed]
    return sorted(found)


@pytest.mark.parametrize("seed", range(5))
async def test_reading_tells_the_same_before_and_after(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path, seed: int
) -> None:
    dice = Random(seed)  # noqa: S311 - repeatable
    fill(log, dice)
    before, rows = await everything(log), await to_thread(rows_in_sql, tmp_path)
    report = await to_thread(keeping.compact, 0)
    assert (report.n_segments, report.n_events, report.n_torn) == (3, len(rows), 0)
    assert await everything(log) == before
    assert await to_thread(rows_in_sql, tmp_path) == rows
    assert list(hot_folder(tmp_path).iterdir()) == []
    assert await to_thread(keeping.verify) == []


async def test_a_conversation_goes_on_after_its_compaction(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    dice = Random(1)  # noqa: S311 - repeatable
    appended: list[Event] = []
    other = JsonlEventLog(tmp_path)
    for round_ in range(12):
        for writer in (log, other):
            for _ in range(5):
                appended.append(some_event(dice, len(appended) + 1, "a"))
                writer.append(appended[-1])
        if round_ % 3:
            await to_thread(keeping.compact, 0)
        assert await log.read("a") == appended
        assert await to_thread(rows_in_sql, tmp_path) == sorted(event.id for event in appended)
    position = 0
    found: list[Event] = []
    (end,) = await other.ends(["a"])
    while position < end.position:
        chunk = await other.read_on(end, position, tuple({e.type for e in appended}))
        found, position = found + list(chunk.events), chunk.position
    assert found == appended
    assert await to_thread(keeping.verify) == []
    await other.aclose()


async def test_positions_kept_from_before_lead_on_after(
    log: JsonlEventLog, keeping: EventLogKeeping
) -> None:
    dice = Random(3)  # noqa: S311 - repeatable
    fill(log, dice, ["a"])
    (middle,) = await log.ends(["a"])
    await to_thread(keeping.compact, 0)
    fresh = Event(id="new", ts=NOW, conversation_id="a", user_id="ann", body=AgentCreated(name="n"))
    log.append(fresh)
    assert await read_on(log, "a", middle.position) == [fresh]
    await to_thread(keeping.compact, 0)
    assert await read_on(log, "a", middle.position) == [fresh]


async def test_a_removed_stream_is_gone_at_once_and_begins_anew(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    dice = Random(4)  # noqa: S311 - repeatable
    fill(log, dice, ["a", "b"])
    await to_thread(keeping.compact, 0)
    log.append(some_event(dice, 999, "a"))
    kept = await log.read("b")
    (end,) = await log.ends(["a"])
    await log.remove("a")
    assert [await log.read("a"), await log.summaries(["a"]), await log.files("a")] == [[], [], []]
    assert [e.stream for e in await log.ends()] == ["b"]
    assert await to_thread(rows_in_sql, tmp_path) == sorted(event.id for event in kept)
    anew = Event(id="new", ts=NOW, conversation_id="a", user_id="ann", body=AgentCreated(name="n"))
    log.append(anew)
    assert await log.read("a") == [anew]
    assert await read_on(log, "a", end.position) == [anew]
    await to_thread(keeping.compact, 0)
    assert (await to_thread(read_manifest, tmp_path)).removed == {}
    assert await log.read("a") == [anew]
    assert await to_thread(rows_in_sql, tmp_path) == sorted([*(event.id for event in kept), "new"])
    assert await to_thread(keeping.verify) == []


async def test_what_is_torn_or_foreign_is_kept_apart_and_spoils_nothing(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    dice = Random(5)  # noqa: S311 - repeatable
    log.append(some_event(dice, 1, "a"))
    with stream_path(tmp_path, "a").open("ab") as file:
        file.write(b'{"id":"torn","run_\n\xff\xfe\n{"id":"x"}\n[1]\n')
    log.append(some_event(dice, 2, "a"))
    with stream_path(tmp_path, "a").open("ab") as file:
        file.write(b'{"id":"half')
    assert len(await to_thread(keeping.verify)) == 4
    before = await log.read("a")
    report = await to_thread(keeping.compact, 0)
    assert (report.n_events, report.n_torn) == (2, 5)
    assert await log.read("a") == before
    kept = sorted(path.read_bytes() for path in (tmp_path / "events" / "torn").iterdir())
    assert kept == sorted(
        [b'{"id":"torn","run_', b"\xff\xfe", b'{"id":"x"}', b"[1]", b'{"id":"half']
    )
    assert await to_thread(keeping.verify) == []
    log.append(some_event(dice, 3, "a"))
    assert [event.run_seq for event in await log.read("a")] == [1, 2, 3]


async def test_only_what_is_idle_large_or_old_is_closed(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    for stream, ts in (("busy", now), ("old", now - timedelta(days=2)), ("idle", now)):
        body = AgentCreated(name="n")
        log.append(Event(id=stream, ts=ts, conversation_id=stream, user_id="ann", body=body))
    os.utime(stream_path(tmp_path, "idle"), (0, now.timestamp() - 4000))
    sample = MachineSampled(
        cpu_percent=1,
        memory_percent=1,
        disk_percent=1,
        network_kib_s=1,
        n_active_agents=1,
        health_score=1,
    )
    log.append(Event(id="m", ts=now - timedelta(days=2), body=sample))
    assert (await to_thread(keeping.compact, 3600)).n_segments == 2
    left = {path.name.partition(".")[0] for path in hot_folder(tmp_path).iterdir()}
    assert left == {"busy", f"_machine-{now - timedelta(days=2):%Y-%m-%d}"}


async def test_little_that_is_idle_waits_for_more_or_for_a_day(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    now = datetime.now(UTC)

    def write(stream: str, n_chars: int, ts: datetime = now) -> None:
        body = AgentCreated(name="x" * n_chars)
        log.append(Event(id=stream, ts=ts, conversation_id=stream, user_id="ann", body=body))
        os.utime(stream_path(tmp_path, stream), (0, now.timestamp() - 4000))

    write("a", 10)
    write("b", 600_000)
    assert (await to_thread(keeping.compact, 3600)).n_segments == 0
    write("c", 600_000)
    assert (await to_thread(keeping.compact, 3600)).n_segments == 3
    write("d", 10)
    assert (await to_thread(keeping.compact, 3600)).n_segments == 0
    write("e", 10, now - timedelta(days=2))
    assert (await to_thread(keeping.compact, 3600)).n_segments == 2
    write("f", 10)
    assert (await to_thread(keeping.compact, 0)).n_segments == 1


async def test_files_hold_one_owner_and_the_documented_columns(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    fill(log, Random(6))  # noqa: S311 - repeatable
    await to_thread(keeping.compact, 0)
    manifest = await to_thread(read_manifest, tmp_path)
    assert {file.owner_id for file in manifest.files} == {"ann", "bob", 'o"\\d'}
    for file in manifest.files:
        (path,) = (await to_thread(EventFiles(tmp_path).snapshot, file.owner_id)).cold
        found = duckdb.execute("SELECT * FROM read_parquet(?)", [path])
        names = [column[0] for column in found.description or ()]
        assert names == [column.name for column in EVENT_COLUMNS] + ["stream", "position"]
        order = [(row[8], row[3], row[-2], row[-1]) for row in found.fetchall()]
        assert order == sorted(order)


async def test_small_files_are_merged(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    for number in range(1, 20):
        body = AgentCreated(name="n")
        log.append(Event(id=f"{number}", ts=NOW, conversation_id="a", user_id="ann", body=body))
        await to_thread(keeping.compact, 0)
    assert len((await to_thread(read_manifest, tmp_path)).files) < 8
    cold = tmp_path / "events" / "cold"
    assert {p.name for p in cold.iterdir()} == {
        f.name for f in (await to_thread(read_manifest, tmp_path)).files
    }
    assert [event.id for event in await log.read("a")] == [f"{n}" for n in range(1, 20)]


def test_one_keeper_at_a_time(tmp_path: Path, keeping: EventLogKeeping) -> None:
    with only_keeper(tmp_path), pytest.raises(Conflict, match="another process"):
        keeping.compact()


async def test_a_log_without_events_is_compacted(tmp_path: Path, keeping: EventLogKeeping) -> None:
    assert (await to_thread(keeping.compact, 0)).n_events == 0
    assert await to_thread(keeping.verify) == []
    assert (await to_thread(keeping.sizes)).n_cold_events == 0
