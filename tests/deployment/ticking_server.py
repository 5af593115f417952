"""A server of a deployment whose clock runs fast: ticking_server.py FOLDER DATABASE_URL.

It says that it is there, and begins when the file ``begun`` tells when time began. The seconds of
its schedules come twenty times as quickly, sixty of them. What it executes ends at once.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from notebook_agents.core.core import Core
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import fake_core
from notebook_agents.testing.tasks import ScriptedRunner

BEGUN = "begun"
SPEED = 20
N_TICKS = 60
BASE = datetime(2026, 1, 1, tzinfo=UTC)


class FastClock:
    """Tells the same time in every process of a test."""

    def __init__(self, begun: float) -> None:
        self._begun = begun

    def now(self) -> datetime:
        return BASE + timedelta(seconds=(time.time() - self._begun) * SPEED)

    def monotonic(self) -> float:
        return time.monotonic() * SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


class Seconds:
    """Sixty ticks, one in each second."""

    def check(self, cron: str, timezone: str) -> None:
        """Everything is a second."""

    def ticks(self, cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
        for n in range(1, N_TICKS + 1):
            if (tick := BASE + timedelta(seconds=n)) > after:
                yield tick

    def local(self, moment: datetime, timezone: str) -> datetime:
        return moment


class NoWay:
    """Kernels that are not started need no way."""

    def open(self, owner_id: str) -> Mapping[str, str]:
        return {}

    def close(self, way: Mapping[str, str]) -> None:
        pass


def build(folder: Path, database_url: str, begun: float, *, is_server: bool) -> Core:
    """A core on the shared records."""
    return fake_core(
        home=folder / "work",
        store=SqlStore.open(database_url, Holders(folder / "holders")),
        event_log=JsonlEventLog(folder),
        clock=FastClock(begun),
        timetable=Seconds(),
        task_runner=ScriptedRunner(),
        is_server=is_server,
    )


def await_the_beginning(begun: Path) -> None:
    """Say that this is ready, and wait."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not begun.exists():
        time.sleep(0.02)


async def main(folder: str, database_url: str) -> None:
    begun = Path(folder, BEGUN)
    core = build(Path(folder), database_url, float(begun.read_text()), is_server=True)
    core.executions.lead_kernels(NoWay())
    await core.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    await_the_beginning(Path(sys.argv[1], BEGUN))
    asyncio.run(main(*sys.argv[1:]))
