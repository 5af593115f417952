"""What recording costs a run that a program asks a server for, with a model that takes no time.

    python tests/benchmarks/recording.py [--blocks N] [--folder PATH]

Two servers take turns, ten runs at a time in a conversation of their own: one keeps events in a
list, the other in files. What is compared is the time of the processor that each server took.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import AsyncHTTPClient

from notebook_agents.core.clock import SystemClock
from notebook_agents.core.ports import EventLog
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import ScriptedEngine, fake_core
from notebook_agents_server.testing import Client, serving

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.event_log import MOST_PERCENT, ListedEventLog, say
from tests.deployment.conftest import Process, answers, free_port

RUNS_PER_BLOCK = 10
WARM_UP_BLOCKS = 3
WORDS = "one two three four five six seven eight nine ten " * 2
"""The model says what it is told, a word at a time."""


def serve(way: str, home: Path, port: int) -> None:
    """One of the servers, with its records in SQLite."""
    log: EventLog = JsonlEventLog(home) if way == "files" else ListedEventLog()
    core = fake_core(
        engine=ScriptedEngine(),
        home=home / "work",
        store=SqlStore.open(f"sqlite:///{home}/records.db", Holders(home / "holders")),
        event_log=log,
        clock=SystemClock(),
    )
    words = [f"--port={port}", "--no-browser", "--allow-root", "--IdentityProvider.token=sesame"]
    ServerApp.launch_instance(words, config=serving(core, home))


@dataclass(frozen=True, slots=True)
class Asked:
    """A server, and a program that talks to it."""

    process: psutil.Process
    client: Client

    async def block(self) -> float:
        """Milliseconds of the processor for each run of a block."""
        before = self._busy_s()
        session = {"model_name": "other/model", "persona_name": "default"}
        made = await self.client.post("/initialize", session)
        assert made.status in {200, 201}, made.body
        message = {"ui_session_id": made.json["ui_session_id"], "message": WORDS}
        for _ in range(RUNS_PER_BLOCK):
            said = await self.client.post("/chat", message)
            assert b"interaction_end" in said.body, said.body
        return (self._busy_s() - before) * 1000 / RUNS_PER_BLOCK

    def _busy_s(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system


async def compare(n_blocks: int, folder: Path) -> None:
    """Start both, let them take turns, and say what the runs took."""
    ways = ("list", "files")
    asked: dict[str, Asked] = {}
    taken: dict[str, list[float]] = {way: [] for way in ways}
    servers: list[Process] = []
    http = AsyncHTTPClient(force_instance=True)
    try:
        for way in ways:
            port = free_port()
            command = [sys.executable, __file__, "--serve", way, "--port", str(port)]
            (folder / way).mkdir()
            servers.append(Process([*command, "--folder", str(folder / way)], folder / way))
            servers[-1].start()
            url = f"http://127.0.0.1:{port}"
            await answers(url, servers[-1], "/notebook-agents/tektra/v1/health")
            client = Client(http, url, "/notebook-agents/agent_c/api/v1").holding("sesame")
            started = servers[-1].process
            assert started is not None
            asked[way] = Asked(psutil.Process(started.pid), client)
        for number in range(-WARM_UP_BLOCKS, n_blocks):
            for way in ways if number % 2 else ways[::-1]:
                busy = await asked[way].block()
                if number >= 0:
                    taken[way].append(busy)
    finally:
        http.close()
        for server in servers:
            server.stop()
    report(taken["list"], taken["files"])


def report(listed: list[float], filed: list[float]) -> None:
    """The medians, and whether the limit is kept."""
    say(f"\na run asked for over HTTP, median of {len(listed)} times {RUNS_PER_BLOCK}")
    say(f"  events in a list                   {median(listed):9.2f} ms of the server's processor")
    say(f"  events in files                    {median(filed):9.2f} ms of the server's processor")
    more = median(after - before for before, after in zip(listed, filed, strict=True))
    percent = more / median(listed) * 100
    verdict = "kept" if percent <= MOST_PERCENT else "BROKEN"
    say(f"  {more:+.2f} ms, {percent:+.1f} %; limit {MOST_PERCENT:g} %: {verdict}")


def main() -> int:
    """Measure, or be one of the servers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=40, help="blocks of ten runs each (40)")
    parser.add_argument("--folder", type=Path, help="where files are kept (a temporary folder)")
    parser.add_argument("--serve", choices=("list", "files"), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.folder, asked.port)
        return 0
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Linux {os.uname().release}")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        asyncio.run(compare(asked.blocks, Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
