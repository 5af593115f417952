"""What recording costs a run that a program asks a server for, with a model that takes no time.

    python tests/benchmarks/recording.py [--blocks N] [--folder PATH]

One server answers ten runs at a time, each ten in a conversation of their own: it keeps the events
of every other conversation in a list, of the rest in files. What is compared is the time of the
processor that they took; in one process, because two of the same kind differ by several percent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import psutil
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import AsyncHTTPClient

from notebook_agents.core.clock import SystemClock
from notebook_agents.core.events import Event
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import ScriptedEngine, fake_core
from notebook_agents_server.testing import Client, serving

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.event_log import MOST_PERCENT, ListedEventLog, say
from tests.deployment.conftest import Process, answers, free_port

RUNS_PER_BLOCK = 10
WARM_UP_BLOCKS = 10
WORDS = "one two three four five six seven eight nine ten " * 2
"""The model says what it is told, a word at a time."""


class AlternatingEventLog(ListedEventLog):
    """Every other conversation in files; what belongs to none goes where the last one went."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._files = JsonlEventLog(home)
        self._filed: dict[str, bool] = {}
        self._is_filed = False

    def append(self, event: Event) -> int:
        if event.conversation_id:
            self._is_filed = self._filed.setdefault(event.stream, len(self._filed) % 2 == 1)
        return self._files.append(event) if self._is_filed else super().append(event)

    async def sync(self, stream: str) -> None:
        if self._filed.get(stream):
            await self._files.sync(stream)

    async def read(self, stream: str, *, run_id: str = "", after: int = 0) -> list[Event]:
        if self._filed.get(stream):
            return await self._files.read(stream, run_id=run_id, after=after)
        return await super().read(stream, run_id=run_id, after=after)


def serve(home: Path, port: int) -> None:
    """The server, with its records in SQLite."""
    core = fake_core(
        engine=ScriptedEngine(),
        home=home / "work",
        store=SqlStore.open(f"sqlite:///{home}/records.db", Holders(home / "holders")),
        event_log=AlternatingEventLog(home),
        clock=SystemClock(),
    )
    words = [f"--port={port}", "--no-browser", "--allow-root", "--IdentityProvider.token=sesame"]
    ServerApp.launch_instance(words, config=serving(core, home))


@dataclass(frozen=True, slots=True)
class Asked:
    """A server, and a program that talks to it."""

    process: psutil.Process
    client: Client
    home: Path

    async def block(self) -> tuple[bool, float]:
        """Whether a block's events went into files, and its milliseconds for each run."""
        files, before = self._n_files(), self._busy_s()
        session = {"model_name": "other/model", "persona_name": "default"}
        made = await self.client.post("/initialize", session)
        assert made.status in {200, 201}, made.body
        message = {"ui_session_id": made.json["ui_session_id"], "message": WORDS}
        for _ in range(RUNS_PER_BLOCK):
            said = await self.client.post("/chat", message)
            assert b"interaction_end" in said.body, said.body
        took = (self._busy_s() - before) * 1000 / RUNS_PER_BLOCK
        return self._n_files() > files, took

    def _n_files(self) -> int:
        return sum(1 for _ in (self.home / "events").rglob("*.jsonl"))

    def _busy_s(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system


async def compare(n_blocks: int, home: Path) -> None:
    """Start the server, let the two kinds take turns, and say what the runs took."""
    http, port = AsyncHTTPClient(force_instance=True), free_port()
    command = [sys.executable, __file__, "--serve", "--port", str(port), "--folder", str(home)]
    server = Process(command, home)
    taken: dict[bool, list[float]] = {False: [], True: []}
    try:
        server.start()
        url = f"http://127.0.0.1:{port}"
        await answers(url, server, "/notebook-agents/tektra/v1/health")
        assert server.process is not None
        client = Client(http, url, "/notebook-agents/agent_c/api/v1").holding("sesame")
        asked = Asked(psutil.Process(server.process.pid), client, home)
        for number in range(-WARM_UP_BLOCKS, 2 * n_blocks):
            is_filed, busy_ms = await asked.block()
            if number >= 0:
                taken[is_filed].append(busy_ms)
    finally:
        http.close()
        server.stop()
    report(taken[False], taken[True])


def report(listed: list[float], filed: list[float]) -> None:
    """The means, and whether the limit is kept.

    Means, because the system counts a process's time in ticks of 10 ms, which only they level out.
    """
    more = [after - before for before, after in zip(listed, filed, strict=True)]
    percent = mean(more) / mean(listed) * 100
    unsure = 1.96 * stdev(more) / len(more) ** 0.5 / mean(listed) * 100
    is_sure = abs(percent - MOST_PERCENT) > unsure
    verdict = ("kept" if percent <= MOST_PERCENT else "BROKEN") + ("" if is_sure else ", perhaps")
    say(f"\na run asked for over HTTP, mean of {len(listed)} times {RUNS_PER_BLOCK}")
    say(f"  events in a list                   {mean(listed):9.2f} ms of the server's processor")
    say(f"  events in files                    {mean(filed):9.2f} ms of the server's processor")
    say(f"  {mean(more):+.2f} ms, {percent:+.1f} % (95 %: ± {unsure:.1f}); "
        f"limit {MOST_PERCENT:g} %: {verdict}")  # fmt: skip


def main() -> int:
    """Measure, or be the server."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=100, help="blocks of ten runs each (100)")
    parser.add_argument("--folder", type=Path, help="where files are kept (a temporary folder)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.folder, asked.port)
        return 0
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Linux {os.uname().release}")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        asyncio.run(compare(asked.blocks, Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
