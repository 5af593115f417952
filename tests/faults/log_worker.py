"""A process that writes events or compacts them until it is killed, and how a log is counted.

``python log_worker.py write HOME NAME`` says ``NAME@STREAM NUMBER`` after each event that it
appended.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from notebook_agents.core.errors import Conflict
from notebook_agents.core.events import Event, TextDelta
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.streams import Streams
from notebook_agents.eventlog.writer import JsonlEventLog

BEGAN = datetime(2026, 11, 21, tzinfo=UTC)
STREAMS = ("system", "one", "two")
AT_ONCE = 40
"""Events that a writer appends to each stream when it is told to."""
TRIES = 20


def event_of(name: str, number: int) -> Event:
    """The same for everybody; a writer has a run in each stream, and each stream all writers."""
    stream = name.partition("@")[2]
    return Event(
        id=f"{name}-{number}",
        run_id=name,
        run_seq=number,
        ts=BEGAN + timedelta(milliseconds=number),
        conversation_id="" if stream == "system" else stream,
        user_id=("ann", "bob")[number % 2],
        body=TextDelta(step=1, text="x" * (number * 37 % 900)),
    )


def write(home: Path, name: str) -> None:
    """Append a few events to each stream for each line that is read."""
    log = JsonlEventLog(home)
    for n_times, _ in enumerate(sys.stdin):
        for number in range(n_times * AT_ONCE + 1, (n_times + 1) * AT_ONCE + 1):
            for stream in STREAMS:
                log.append(event_of(f"{name}@{stream}", number))
                sys.stdout.write(f"{name}@{stream} {number}\n")
                sys.stdout.flush()


def compact(home: Path) -> None:
    """Compact for as long as this process lives, everything that is there."""
    while True:
        with suppress(Conflict):
            EventLogKeeping(home).compact(0)
        sys.stdout.write("compacted\n")
        sys.stdout.flush()


def numbers_in_sql(home: Path) -> dict[str, list[int]]:
    """The numbers of each writer's events as SQL finds them in the files of one moment."""
    for _ in range(TRIES):
        try:
            return _numbers(home)
        except duckdb.IOException:  # a file was compacted meanwhile
            continue
    return _numbers(home)


def _numbers(home: Path) -> dict[str, list[int]]:
    snapshot, found = EventFiles(home).snapshot(), defaultdict(list)
    rows: list[tuple[str, int]] = []
    if snapshot.hot:
        sql = """SELECT run_id, run_seq FROM read_json($files, format = 'newline_delimited',
            columns = {'run_id': 'VARCHAR', 'run_seq': 'BIGINT'}, ignore_errors = true)
            WHERE run_id IS NOT NULL"""
        rows += duckdb.connect().execute(sql, {"files": list(snapshot.hot)}).fetchall()
    if snapshot.cold:
        sql = "SELECT run_id, run_seq FROM read_parquet($files)"
        rows += duckdb.connect().execute(sql, {"files": list(snapshot.cold)}).fetchall()
    for name, number in rows:
        found[name].append(number)
    return {name: sorted(numbers) for name, numbers in found.items()}


def numbers_in_streams(home: Path) -> dict[str, list[int]]:
    """The same as replays read them, in the order of each stream."""
    log, found = Streams(home, EventLogKeeping(home).archive), defaultdict(list)
    for stream in STREAMS:
        for event in log.read(stream):
            assert event == event_of(event.run_id, event.run_seq)
            found[event.run_id].append(event.run_seq)
    log.close()
    return {name: sorted(numbers) for name, numbers in found.items()}


def check_each_once(found: dict[str, list[int]], acknowledged: Counter[str]) -> None:
    """Every writer's events are there up to at least what it said, none twice and none between."""
    for name, number in acknowledged.items():
        numbers = found.get(name, [])
        assert numbers == list(range(1, len(numbers) + 1)), f"{name}: doubles or gaps"
        assert len(numbers) >= number, f"{name}: {number} acknowledged, {len(numbers)} found"


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), sys.argv[3])
    else:
        compact(Path(sys.argv[2]))
