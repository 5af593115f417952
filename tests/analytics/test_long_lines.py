"""Lines of unusual length that are not compacted yet are read in the memory that a query has."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.analytics.databases import open_database
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.event_lines import LONGEST_BYTES
from notebook_agents.core.events import Event, ToolFinished
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.segments import stream_path
from notebook_agents.eventlog.writer import JsonlEventLog

MIB = 1 << 20
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SUMS = (
    "SELECT count(*)::INT, sum(length(payload ->> 'content'))::BIGINT, sum(content_bytes)::BIGINT"
    " FROM events"
)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[JsonlEventLog]:
    opened = JsonlEventLog(tmp_path)
    yield opened
    await opened.aclose()


def event(number: int, n_chars: int, stream: str = "c") -> Event:
    return Event(
        id=f"{number}",
        run_id="r",
        run_seq=number,
        ts=NOW,
        conversation_id=stream,
        user_id=("ann", "bob")[number % 2],
        body=ToolFinished(
            call_id="1", name="t", status="succeeded", content=f"{number:08}\n\n" * (n_chars // 10)
        ),
    )


def asked(home: Path, sql: str, owner_id: str | None = None) -> list[tuple[Any, ...]]:
    with open_database(EventFiles(home).snapshot(), owner_id) as connection:
        found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return found


@pytest.mark.parametrize(("n", "n_chars"), [(100, MIB), (5, 17 * MIB)], ids=["figures", "huge"])
async def test_long_lines_are_read_before_they_are_compacted(
    log: JsonlEventLog, tmp_path: Path, n: int, n_chars: int
) -> None:
    for number in range(n):
        log.append(event(number, n_chars))
    n_bytes = n * (n_chars // 10 * 10)
    assert await to_thread(asked, tmp_path, SUMS) == [(n, n_bytes, n_bytes)]


async def test_lines_are_the_same_beside_long_ones_and_their_owners_only(
    log: JsonlEventLog, tmp_path: Path
) -> None:
    sizes = {1: 10, 2: 40_000, 3: 100_000, 4: 100_000, 5: 10}
    for number, n_chars in sizes.items():
        log.append(event(number, n_chars))
    with stream_path(tmp_path, "c").open("ab") as file:
        file.write(b'{"id":"torn","run_\n\xff\xfe\n\n{"id":"%b\n[1]\n' % (b"x" * 100_000))
    log.append(event(6, 10))
    sql = "SELECT id, user_id, length(payload ->> 'content') FROM events ORDER BY id"
    all_rows = await to_thread(asked, tmp_path, sql)
    assert [(row[0], row[2]) for row in all_rows] == [
        *((f"{number}", n_chars) for number, n_chars in sizes.items()),
        ("6", 10),
    ]
    for owner in ("ann", "bob"):
        mine = [row for row in all_rows if row[1] == owner]
        assert await to_thread(asked, tmp_path, sql, owner) == mine
    whole = "SELECT * FROM events WHERE id IN ('1', '6') ORDER BY id"
    beside = await to_thread(asked, tmp_path, whole)
    other = JsonlEventLog(tmp_path / "other")
    for number in (1, 6):
        other.append(event(number, 10))
    assert await to_thread(asked, tmp_path / "other", whole) == beside
    await other.aclose()


async def test_what_memory_has_no_room_for_is_told_with_what_helps(
    log: JsonlEventLog, tmp_path: Path
) -> None:
    log.append(event(1, LONGEST_BYTES * 10 // 12 - MIB))
    with pytest.raises(InvalidRequest, match="question may take; `jupyter agents events compact"):
        await to_thread(asked, tmp_path, SUMS)
    await to_thread(EventLogKeeping(tmp_path).compact, 0)
    ((n, n_chars, n_bytes),) = await to_thread(asked, tmp_path, SUMS)
    assert (n, n_chars) == (1, n_bytes)


@pytest.mark.parametrize("user", [b"", b'"user_id":null,'])
async def test_a_line_of_nobody_is_not_shown_to_an_owner_beside_long_ones(
    log: JsonlEventLog, tmp_path: Path, user: bytes
) -> None:
    log.append(event(2, 100_000))
    for size in (10, 100_000):
        line = b'{"id":"nobody-%d",%b"type":"a","payload":{"text":"%b"}}\n'
        with stream_path(tmp_path, "c").open("ab") as file:
            file.write(line % (size, user, b"x" * size))
    assert await to_thread(asked, tmp_path, "SELECT id FROM events", "ann") == [("2",)]
