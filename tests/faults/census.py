"""Who is still there of what a test has started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from notebook_agents.core.events import RunFinished
from notebook_agents.core.runs import Run
from notebook_agents.core.states import FINAL_STATES
from notebook_agents.eventlog.reader import read_events
from notebook_agents.eventlog.segments import stream_path

PATIENCE_S = 30.0


def marked(mark: str) -> set[int]:
    """The processes, whoever's children, that have a word in their arguments or environment."""
    found = set()
    for entry in Path("/proc").glob("[1-9]*"):
        try:
            told = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in told:
            found.add(int(entry.name))
    return found


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what other processes do, which nobody tells of."""
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)


def check_whole(home: Path, run: Run) -> None:
    """A run is over, and its events are there without a gap and with one end."""
    assert run.state in FINAL_STATES, f"{run.id} is still {run.state}"
    events = read_events(stream_path(home, run.conversation_id), run.id)
    assert [event.run_seq for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events].count("run_finished") == 1
    assert isinstance(events[-1].body, RunFinished)
    assert events[-1].body.state == run.state
