"""No acknowledged event is lost, however the process ends, and torn lines spoil nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from notebook_agents.core.event_columns import LINE_COLUMNS
from notebook_agents.core.events import Event, TextDelta, ToolStarted
from notebook_agents.eventlog.reader import read_events
from notebook_agents.eventlog.segments import stream_path
from notebook_agents.eventlog.writer import OPEN_STREAMS, JsonlEventLog

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def event(seq: int, *, run: str = "r", conversation: str = "c", text: str = "hé\n✓") -> Event:
    body = TextDelta(step=1, text=text)
    return Event(
        id=f"{run}{seq}", run_id=run, run_seq=seq, ts=NOW, conversation_id=conversation, body=body
    )


async def test_events_come_back_equal_and_in_order(tmp_path: Path) -> None:
    log = JsonlEventLog(tmp_path)
    events = [event(n, run="r" if n % 2 else "q") for n in range(1, 9)]
    for each in events:
        log.append(each)
    assert await log.read("c") == events
    assert [e.run_seq for e in await log.read("c", run_id="r", after=3)] == [5, 7]
    assert await log.read("nothing-here") == []
    await log.aclose()


async def test_a_line_has_exactly_the_documented_columns(tmp_path: Path) -> None:
    log = JsonlEventLog(tmp_path)
    log.append(
        Event(id="1", ts=NOW, body=ToolStarted(call_id="1", name="t", arguments={"id": "x"}))
    )
    await log.sync("system")
    await log.aclose()
    line = json.loads(stream_path(tmp_path, "system").read_text())
    assert list(line) == [column.name for column in LINE_COLUMNS]
    told = {"call_id": "1", "name": "t", "arguments": {"id": "x"}}
    decided = {"allowed_by": "", "effect": "", "findings": []}
    assert line["payload"] == {**told, **decided}


async def test_a_torn_last_line_is_skipped_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    log = JsonlEventLog(tmp_path)
    log.append(event(1))
    await log.aclose()
    path = stream_path(tmp_path, "c")
    with path.open("ab") as file:
        file.write(b'{"id":"torn","run_')
    assert [e.run_seq for e in read_events(path)] == [1]
    again = JsonlEventLog(tmp_path)
    again.append(event(2))
    await again.aclose()
    assert [e.run_seq for e in read_events(path)] == [1, 2]


async def test_many_streams_do_not_keep_many_files_open(tmp_path: Path) -> None:
    log = JsonlEventLog(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(OPEN_STREAMS * 2):
        log.append(event(1, conversation=f"c{number}"))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + OPEN_STREAMS
    log.append(event(2, conversation="c0"))
    assert [e.run_seq for e in await log.read("c0")] == [1, 2]
    await log.aclose()


@pytest.mark.parametrize("name", ["../x", "a/b", "", "x" * 200])
def test_a_stream_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a stream"):
        stream_path(tmp_path, name)


_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_writer import event
from notebook_agents.eventlog.writer import JsonlEventLog
log = JsonlEventLog(Path(sys.argv[1]))
for number in range(1, 100_000):
    log.append(event(number, run=sys.argv[2], text="x" * (number % 5000)))
    print(number, flush=True)
"""


def test_kill_9_loses_no_acknowledged_event_of_several_writers(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path), run, here], stdout=subprocess.PIPE
        )
        for run in ("p", "q")
    ]
    acknowledged: dict[str, int] = {}
    for run, writer in zip(("p", "q"), writers, strict=True):
        assert writer.stdout is not None
        for line in writer.stdout:
            acknowledged[run] = int(line)
            if acknowledged[run] >= 300:
                break
        writer.send_signal(signal.SIGKILL)
    for run, writer in zip(("p", "q"), writers, strict=True):
        rest, _ = writer.communicate(timeout=30)
        complete = rest.rpartition(b"\n")[0].split()
        acknowledged[run] = int(complete[-1]) if complete else acknowledged[run]
    events = read_events(stream_path(tmp_path, "c"))
    for run, number in acknowledged.items():
        seqs = [e.run_seq for e in events if e.run_id == run]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) >= number
