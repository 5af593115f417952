"""kill -9 of a server at any moment: what it acknowledged is there, and nothing runs for ever."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from notebook_agents.core.conversation_states import HELD_STATES
from notebook_agents.core.events import RunFinished
from notebook_agents.core.states import FINAL_STATES
from notebook_agents.eventlog.reader import read_events
from notebook_agents.eventlog.segments import stream_path

from .scripted_server import ANN, durable_core

N_RUNS, RUNS_EACH = 200, 24
LINES_OF_A_RUN = 14
SERVER = Path(__file__).with_name("scripted_server.py")


@dataclass
class Acknowledged:
    """What servers have said before they were killed."""

    conversations: dict[str, str] = field(default_factory=dict)
    """By run."""
    events: set[tuple[str, int, str]] = field(default_factory=set)

    def note(self, line: str) -> None:
        kind, *words = line.split()
        if kind == "run":
            self.conversations[words[0]] = words[1]
        elif kind == "event":
            self.events.add((words[0], int(words[1]), words[2]))


def kill_after(home: Path, n_lines: int, acknowledged: Acknowledged) -> None:
    """Start a server, listen to so many lines of it, and kill it."""
    server = subprocess.Popen(
        [sys.executable, str(SERVER), "runs", str(home), str(RUNS_EACH)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    for _ in range(n_lines):
        line = server.stdout.readline()
        assert line, "the server ended by itself"
        acknowledged.note(line)
        if line == "done\n":
            break
    server.kill()
    for line in server.communicate(timeout=30)[0].splitlines(keepends=True):
        if line.endswith("\n"):
            acknowledged.note(line)


@pytest.mark.parametrize("seed", [7])
async def test_200_scripted_runs_survive_kills_at_random_points(tmp_path: Path, seed: int) -> None:
    dice, acknowledged = random.Random(seed), Acknowledged()  # noqa: S311 - repeatable
    while len(acknowledged.conversations) < N_RUNS:
        kill_after(tmp_path, dice.randint(1, RUNS_EACH * LINES_OF_A_RUN), acknowledged)
    core = durable_core(tmp_path)
    await core.start()
    kept = set()
    for run_id, conversation_id in acknowledged.conversations.items():
        run = await core.runs.get(ANN, run_id)
        assert run.state in FINAL_STATES, f"{run_id} is still {run.state}"
        events = read_events(stream_path(tmp_path, conversation_id), run_id)
        assert [event.run_seq for event in events] == list(range(1, len(events) + 1))
        assert isinstance(events[-1].body, RunFinished)
        assert sum(isinstance(event.body, RunFinished) for event in events) == 1
        kept |= {(run_id, event.run_seq, event.type) for event in events}
        messages = await core.conversations.messages(ANN, conversation_id)
        assert messages[0].message.text.startswith("question ")
    assert acknowledged.events <= kept
    page = await core.conversations.list(ANN, limit=500)
    assert not {entry.state for entry in page.items} & set(HELD_STATES)
    await core.aclose()
