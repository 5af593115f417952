"""Processes that share a PostgreSQL database but no home know of each other's lives."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from notebook_agents.store.heartbeats import Pace
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore

QUICK = Pace(beat_s=0.2, dead_after_s=2.0)
PATIENCE_S = 60
_OTHER = """
import sys
from pathlib import Path
from notebook_agents.store.heartbeats import Pace
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
store = SqlStore.open(sys.argv[1], Holders(Path(sys.argv[2])), Pace(beat_s=0.2, dead_after_s=2.0))
print(store.holder(), flush=True)
sys.stdin.read()
"""


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await is_so():
                return
            await asyncio.sleep(0.05)


@pytest.fixture
def url(own_schema_url: str) -> str:
    return own_schema_url


class Other:
    """Another process with a home of its own."""

    def __init__(self, url: str, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OTHER, url, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.name = self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def start(url: str) -> Iterator[Callable[[Path], Other]]:
    started: list[Other] = []

    def make(home: Path) -> Other:
        started.append(Other(url, home))
        return started[-1]

    yield make
    for other in started:
        other.kill()


async def test_a_killed_process_of_another_home_counts_as_dead_in_time(
    url: str, start: Callable[[Path], Other], tmp_path: Path
) -> None:
    store = SqlStore.open(url, Holders(tmp_path / "a"), QUICK)
    other = start(tmp_path / "b")
    assert await store.is_alive(other.name)
    other.kill()

    async def is_dead() -> bool:
        return not await store.is_alive(other.name)

    await until(is_dead)
    assert await store.is_alive(store.holder())
    await store.aclose()


async def test_a_process_that_ends_in_order_is_gone_at_once(url: str, tmp_path: Path) -> None:
    store = SqlStore.open(url, Holders(tmp_path / "a"))
    other = SqlStore.open(url, Holders(tmp_path / "b"))
    assert await store.is_alive(other.holder())
    await other.aclose()
    assert not await store.is_alive(other.holder())
    assert not await store.is_alive("")
    await store.aclose()


async def test_a_killed_process_of_the_same_home_is_known_to_be_dead_at_once(
    url: str, start: Callable[[Path], Other], tmp_path: Path
) -> None:
    other = start(tmp_path / "home")
    other.kill()
    store = SqlStore.open(url, Holders(tmp_path / "home"))
    assert not await store.is_alive(other.name)
    await store.aclose()


async def test_who_was_not_heard_itself_judges_nobody(
    url: str, start: Callable[[Path], Other], tmp_path: Path
) -> None:
    now = [1000.0]
    pace = Pace(beat_s=3600, dead_after_s=20, now=lambda: now[0])
    store = SqlStore.open(url, Holders(tmp_path / "a"), pace)
    other = start(tmp_path / "b")
    other.kill()
    admin = create_engine(url)
    with admin.begin() as connection:
        silent = "UPDATE heartbeats SET beat_at = now() - interval '1 hour' WHERE id = :id"
        connection.execute(text(silent), {"id": other.name})
    admin.dispose()
    assert await store.is_alive(other.name), "this process has only begun to be heard"
    now[0] += 30
    assert await store.is_alive(other.name), "this process was not heard for 30 seconds itself"
    await store.aclose()
