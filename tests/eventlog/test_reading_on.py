"""Reading on in streams: whole events, from where the last look ended, also while others write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from notebook_agents.core.events import AgentCreated, AgentDeleted, Event, EventBody, TextDelta
from notebook_agents.core.ports import EventLog
from notebook_agents.eventlog.reader import CHUNK_BYTES, read_chunk
from notebook_agents.eventlog.segments import stream_path
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing.store import MemoryEventLog

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TYPES = ("agent_created", "agent_deleted")


def event(body: EventBody, stream: str = "c") -> Event:
    return Event(id="e", ts=NOW, conversation_id=stream, user_id="ann", body=body)


@pytest.fixture(params=["memory", "files"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    opened = MemoryEventLog() if request.param == "memory" else JsonlEventLog(tmp_path)
    yield opened
    await opened.aclose()


async def read_all(log: EventLog, stream: str, position: int = 0) -> tuple[list[EventBody], int]:
    (end,) = await log.ends([stream])
    bodies: list[EventBody] = []
    while position < end.position:
        chunk = await log.read_on(end, position, TYPES)
        if chunk.position == position:
            break
        bodies += [e.body for e in chunk.events]
        position = chunk.position
    return bodies, position


async def test_only_what_is_new_and_wanted_is_read(log: EventLog) -> None:
    for name in "ab":
        log.append(event(AgentCreated(name=name)))
        log.append(event(TextDelta(step=1, text='"type":"agent_created"')))
    bodies, position = await read_all(log, "c")
    assert bodies == [AgentCreated(name="a"), AgentCreated(name="b")]
    assert await read_all(log, "c", position) == ([], position)
    log.append(event(AgentDeleted(name="a")))
    assert (await read_all(log, "c", position))[0] == [AgentDeleted(name="a")]


async def test_ends_are_of_all_streams_or_of_those_that_are_named(log: EventLog) -> None:
    for stream in ("one", "two"):
        log.append(event(AgentCreated(name="a"), stream))
    assert {end.stream for end in await log.ends()} == {"one", "two"}
    assert [end.stream for end in await log.ends(["two", "three"])] == ["two"]
    assert all(end.changed_at.tzinfo is not None for end in await log.ends())


async def test_nothing_beyond_the_end_is_read(log: EventLog) -> None:
    log.append(event(AgentCreated(name="a")))
    (end,) = await log.ends(["c"])
    log.append(event(AgentCreated(name="b")))
    chunk = await log.read_on(end, 0, TYPES)
    assert ([e.body for e in chunk.events], chunk.position) == (
        [AgentCreated(name="a")],
        end.position,
    )


async def test_streams_and_lines_longer_than_a_chunk_are_read_whole(tmp_path: Path) -> None:
    log = JsonlEventLog(tmp_path)
    names = ["x" * (CHUNK_BYTES * 5 // 2), "small", "y" * CHUNK_BYTES, "last"]
    for name in names:
        log.append(event(AgentCreated(name=name)))
    bodies, _ = await read_all(log, "c")
    assert bodies == [AgentCreated(name=name) for name in names]
    await log.aclose()


def test_a_line_that_is_not_whole_is_left_for_later(tmp_path: Path) -> None:
    log = JsonlEventLog(tmp_path)
    log.append(event(AgentCreated(name="a")))
    asyncio.run(log.aclose())
    path = stream_path(tmp_path, "c")
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"type":"agent_created"')
    events, position = read_chunk(path, (0, path.stat().st_size), TYPES)
    assert (len(events), position) == (1, whole)
    assert read_chunk(path, (whole, path.stat().st_size), TYPES) == ([], whole)
    with pytest.raises(FileNotFoundError):
        read_chunk(tmp_path / "missing.jsonl", (0, 10), TYPES)


def test_every_process_calls_the_log_the_same(tmp_path: Path) -> None:
    assert JsonlEventLog(tmp_path / "a").id == JsonlEventLog(tmp_path / "a").id
    assert JsonlEventLog(tmp_path / "a").id != JsonlEventLog(tmp_path / "b").id


async def test_the_end_says_when_the_stream_changed(tmp_path: Path) -> None:
    log = JsonlEventLog(tmp_path)
    log.append(event(AgentCreated(name="a")))
    (end,) = await log.ends()
    assert abs(end.changed_at - datetime.now(UTC)) < timedelta(minutes=5)
    await log.aclose()
