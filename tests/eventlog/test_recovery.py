"""What a killed keeper left, and what others did meanwhile, is set right by the next one."""

from __future__ import annotations

import fcntl
import shutil
from asyncio import to_thread
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from notebook_agents.core.events import Event, TextDelta
from notebook_agents.eventlog.archive import Archive
from notebook_agents.eventlog.commits import Change
from notebook_agents.eventlog.compaction import open_tools
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.manifest import read_manifest
from notebook_agents.eventlog.segments import hot_folder, stream_path
from notebook_agents.eventlog.writer import JsonlEventLog

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LONG = 17 << 20
"""Longer than DuckDB reads of itself."""


def said(id: str, *, stream: str = "a", owner: str = "ann", text: str = "x") -> Event:
    body = TextDelta(step=1, text=text)
    return Event(id=id, ts=NOW, conversation_id=stream, user_id=owner, body=body)


def take_files_and_die(home: Path, owner_id: str) -> None:
    """Whoever forgets an owner is killed after the events went, before streams are counted."""
    tools = open_tools(home, Archive(home))
    with closing(tools.connection):
        tools.commits.will_recount({"a", "shared"})
        mine = read_manifest(home).of(owner_id)
        tools.commits.make(Change(drop=frozenset(file.name for file in mine)))


async def test_counts_that_a_kill_left_wrong_are_made_right(
    log: JsonlEventLog, tmp_path: Path
) -> None:
    keeping = EventLogKeeping(tmp_path)
    for event in (said("1"), said("2", stream="shared"), said("3", stream="shared", owner="bob")):
        log.append(event)
    await to_thread(keeping.compact, 0)
    await to_thread(take_files_and_die, tmp_path, "ann")
    await to_thread(keeping.compact, 0)
    (summary,) = await log.summaries(["a", "shared"])
    assert (summary.stream, summary.types) == ("shared", {"text_delta": 1})
    assert [end.stream for end in await log.ends()] == ["shared"]
    kept = [path for path in (tmp_path / "events").rglob("*") if path.is_file()]
    assert not [path for path in kept if b'"ann"' in path.read_bytes()]
    assert not (tmp_path / "events" / "recounting.json").exists()


async def test_what_is_written_while_an_owner_is_forgotten_goes_too(
    log: JsonlEventLog, tmp_path: Path
) -> None:
    log.append(said("1"))
    log.append(said("2", stream="z", owner="bob"))
    path = stream_path(tmp_path, "z")
    with path.open("rb") as busy:
        fcntl.flock(busy, fcntl.LOCK_SH)  # who closes segments gets no farther than here
        with ThreadPoolExecutor(1) as thread:
            forgotten = thread.submit(EventLogKeeping(tmp_path).forget, "ann")
            await to_thread(wait_until_closed, stream_path(tmp_path, "a"))
            log.append(said("3"))
            fcntl.flock(busy, fcntl.LOCK_UN)
            assert await to_thread(forgotten.result) == 2
    assert await log.read("a") == []
    assert [event.id for event in await log.read("z")] == ["2"]


def wait_until_closed(path: Path) -> None:
    """Until who forgets has closed a segment and waits for the next."""
    while path.stat().st_mode & 0o200:
        pass


async def test_compacted_events_are_there_also_without_a_folder_of_segments(
    log: JsonlEventLog, tmp_path: Path
) -> None:
    log.append(said("1"))
    keeping = EventLogKeeping(tmp_path)
    await to_thread(keeping.compact, 0)
    await to_thread(shutil.rmtree, hot_folder(tmp_path))
    assert len((await to_thread(EventFiles(tmp_path).snapshot)).cold) == 1
    assert (await to_thread(keeping.sizes)).n_cold_events == 1
    assert await to_thread(keeping.verify) == []
    assert [event.id for event in await log.read("a")] == ["1"]
    assert [end.stream for end in await log.ends()] == ["a"]


async def test_a_line_longer_than_the_database_takes_is_no_fault(
    log: JsonlEventLog, tmp_path: Path
) -> None:
    log.append(said("1"))
    log.append(said("2", text="x" * LONG))
    assert await to_thread(EventLogKeeping(tmp_path).verify) == []
    assert [event.id for event in await log.read("a")] == ["1", "2"]
