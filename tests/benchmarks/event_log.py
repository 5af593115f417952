"""What recording costs: appending, several writers, a run of an agent, compacting, reading back.

    python tests/benchmarks/event_log.py [--events N] [--rounds N] [--runs N]

The ways take turns in one run, so that other work on the machine changes the ratios little; the
rates are of this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.events import Event, TextDelta, ToolFinished
from notebook_agents.core.messages import user_message
from notebook_agents.core.ports import EventLog
from notebook_agents.core.runs import StartRun
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.segments import event_of, line_of
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import MemoryEventLog, ScriptedEngine, fake_core

BEGAN = datetime(2026, 11, 21, tzinfo=UTC)
ANN = Actor(user_id="ann", username="ann")
LEAST_PER_S, MOST_PERCENT = 50_000, 3.0
_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from event_log import append_many
sys.stdin.readline()
append_many(Path(sys.argv[1]), sys.argv[2], int(sys.argv[4]))
"""


def an_event(run_id: str, number: int) -> Event:
    """About 300 bytes: three quarters are parts of answers, as in a log of work."""
    body: TextDelta | ToolFinished = TextDelta(step=number % 5, text="some words of an answer ")
    if number % 4 == 0:
        body = ToolFinished(call_id=str(number), name="python_executor", status="succeeded",
                            duration_ms=12.5)  # fmt: skip
    return Event(
        id=f"0199a5c0-7d1e-7000-8000-{number:012d}",
        run_id=run_id,
        run_seq=number,
        ts=BEGAN + timedelta(milliseconds=number),
        conversation_id=f"conversation-{number // 2000 % 50}",
        agent_id="0199a5c0-7d1e-7000-8000-00000000000a",
        user_id="ann",
        dialect="magic",
        body=body,
    )


def append_many(home: Path, run_id: str, n_events: int) -> float:
    """Seconds that appending takes, the events being there."""
    events = [an_event(run_id, number) for number in range(1, n_events + 1)]
    log = JsonlEventLog(home)
    began = time.perf_counter()
    for event in events:
        log.append(event)
    seconds = time.perf_counter() - began
    asyncio.run(log.aclose())
    return seconds


def measure_appending(n_events: int, rounds: int) -> None:
    """One process."""
    rates, bare = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            rates.append(n_events / append_many(Path(folder), "run", n_events))
            bare.append(n_events / _write_bare(Path(folder) / "bare", n_events))
    line = len(line_of(an_event("run", 1)))
    verdict = "kept" if median(rates) >= LEAST_PER_S else "BROKEN"
    say(f"\nappending, one process, {line} bytes an event, median of {rounds}")
    say(f"  event log                          {median(rates):9,.0f} events/s")
    ratio = median(bare) / median(rates)
    say(f"  one bare write of a line that is there {median(bare):5,.0f} /s   x {ratio:.1f}")
    say(f"  limit {LEAST_PER_S:,} events/s: {verdict}")


def _write_bare(path: Path, n_events: int) -> float:
    line = line_of(an_event("run", 1))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    began = time.perf_counter()
    for _ in range(n_events):
        os.write(descriptor, line)
    seconds = time.perf_counter() - began
    os.close(descriptor)
    return seconds


def measure_writers(n_events: int) -> None:
    """Four processes, all into the same streams."""
    with tempfile.TemporaryDirectory() as folder:
        here = str(Path(__file__).parent)
        words = [sys.executable, "-c", _WRITER, folder]
        writers = [
            subprocess.Popen([*words, name, here, str(n_events)], stdin=subprocess.PIPE)
            for name in "pqrs"
        ]
        began = time.perf_counter()
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write(b"go\n")
            writer.stdin.flush()
        for writer in writers:
            writer.communicate()
        seconds = time.perf_counter() - began
        faults = EventLogKeeping(Path(folder)).verify()
    say("\nfour processes into the same streams, starts and making the events included")
    say(f"  together                           {4 * n_events / seconds:9,.0f} events/s")
    say(f"  torn, lost or doubled: {len(faults)}")


class ListedEventLog(MemoryEventLog):
    """Events in a list for each stream, so that reading one costs what it has."""

    def __init__(self) -> None:
        super().__init__()
        self._streams: defaultdict[str, list[Event]] = defaultdict(list)

    def append(self, event: Event) -> int:
        self._streams[event.stream].append(event)
        return 0

    async def read(self, stream: str, *, run_id: str = "", after: int = 0) -> list[Event]:
        events = self._streams[stream]
        return [e for e in events if not run_id or (e.run_id == run_id and e.run_seq > after)]


@dataclass(frozen=True, slots=True)
class _Agent:
    """An agent whose model answers at once; its records are in SQLite, as in a server."""

    core: Core
    wish: StartRun

    @classmethod
    async def start(cls, log: EventLog, home: Path, n_runs: int) -> _Agent:
        answer = "one two three four five six seven eight nine ten " * 2
        home.mkdir()
        core = fake_core(
            engine=ScriptedEngine(*[answer] * n_runs),
            home=home / "work",
            store=SqlStore.open(f"sqlite:///{home}/records.db", Holders(home / "holders")),
            event_log=log,
            clock=SystemClock(),
        )
        await core.start()
        agent = await core.agents.create(ANN, CreateAgent(name="a"))
        return cls(core, StartRun(agent_id=agent.id, message=user_message("hi")))

    async def run(self, conversation_id: str = "") -> tuple[float, float, str]:
        """Milliseconds of the processor, all threads together, and in all; the conversation."""
        began, busy = time.perf_counter(), time.process_time()
        wish = replace(self.wish, conversation_id=conversation_id)
        run = await self.core.runs.wait(ANN, (await self.core.runs.start(ANN, wish)).id)
        busy_s, seconds = time.process_time() - busy, time.perf_counter() - began
        return busy_s * 1000, seconds * 1000, run.conversation_id


async def _compare_recording(n_runs: int, home: Path, *, goes_on: bool) -> None:
    """The same runs with events in a list and in files, in turns, one run at a time.

    What is compared is the processor's time, because others who work on the machine change it less
    than the time on the wall. A conversation that goes on begins anew after ten runs.
    """
    logs: list[EventLog] = [ListedEventLog(), JsonlEventLog(home)]
    agents = [await _Agent.start(log, home / str(n), n_runs + 20) for n, log in enumerate(logs)]
    taken: list[list[tuple[float, float]]] = [[], []]
    places = ["", ""]
    for number in range(n_runs + 20):
        for way in (0, 1) if number % 2 else (1, 0):
            place = places[way] if goes_on and number % 10 else ""
            busy, wall, places[way] = await agents[way].run(place)
            if number >= 20:  # the first ones warm up
                taken[way].append((busy, wall))
    for agent in agents:
        await agent.core.aclose()
    (listed, listed_wall), (filed, filed_wall) = (
        [median(column) for column in zip(*times, strict=True)] for times in taken
    )
    percent = (filed / listed - 1) * 100
    say(
        f"  events in a list                   {listed:9.2f} ms of the processor, {listed_wall:.2f}"
    )
    say(f"  events in files                    {filed:9.2f} ms of the processor, {filed_wall:.2f}")
    verdict = "kept" if percent <= MOST_PERCENT else "BROKEN"
    say(f"  {filed - listed:+.2f} ms, {percent:+.1f} %; limit {MOST_PERCENT:g} %: {verdict}")


def measure_recording(n_runs: int) -> None:
    """What an agent's run costs more because it is recorded."""
    for title, goes_on in (("begins a conversation", False), ("goes on with one", True)):
        say(f"\na run that {title}, with a model that takes no time, median of {n_runs}; in all")
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(_compare_recording(n_runs, Path(folder), goes_on=goes_on))


def measure_compacting(n_events: int) -> None:
    """From lines to Parquet, and a stream read back from each."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        append_many(home, "run", n_events)
        hot, hot_s = asyncio.run(_read_back(home))
        keeping = EventLogKeeping(home)
        before = keeping.sizes().hot_bytes
        began = time.perf_counter()
        keeping.compact(0)
        seconds, after = time.perf_counter() - began, keeping.sizes().cold_bytes
        cold, cold_s = asyncio.run(_read_back(home))
        assert hot == cold
    say(f"\ncompacting {n_events:,} events of one owner in 50 streams")
    say(f"  lines to Parquet                   {n_events / seconds:9,.0f} events/s")
    say(f"  {before / 1e6:.0f} MB to {after / 1e6:.1f} MB            x {before / after:.1f}")
    say(f"reading one stream of {len(hot):,} events whole")
    say(f"  from its segment                   {hot_s * 1000:9.1f} ms")
    say(f"  from Parquet                       {cold_s * 1000:9.1f} ms   x {cold_s / hot_s:.2f}")


async def _read_back(home: Path) -> tuple[list[Event], float]:
    log = JsonlEventLog(home)
    await log.read("conversation-6")
    began = time.perf_counter()
    events = await log.read("conversation-7")
    seconds = time.perf_counter() - began
    await log.aclose()
    return events, seconds


def measure_lines(n_events: int) -> None:
    """Making a line of an event, and an event of a line."""
    event = an_event("run", 1)
    line = line_of(event)
    for title, work in (
        ("a line of an event", lambda: line_of(event)),
        ("an event of a line", lambda: event_of(line)),
    ):
        began = time.perf_counter()
        for _ in range(n_events):
            work()
        say(f"  {title:34} {(time.perf_counter() - began) / n_events * 1e6:9.1f} us")


def say(line: str) -> None:
    """Show a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure one thing after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=100_000, help="events to append (100,000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of appending (3)")
    parser.add_argument("--runs", type=int, default=400, help="runs of each way (400)")
    asked = parser.parse_args()
    say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Linux {os.uname().release}")
    say("\nwithout any file")
    measure_lines(asked.events // 10)
    measure_appending(asked.events, asked.rounds)
    measure_writers(asked.events // 4)
    measure_recording(asked.runs)
    measure_compacting(asked.events * 5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
