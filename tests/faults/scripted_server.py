"""Processes that tests of faults start; they need no model, only a home folder.

``scripted_server.py runs HOME N`` takes over a home, starts scripted runs at once, tells what it
acknowledges, and goes on until it is killed. ``scripted_server.py full-disk HOME`` fills a small
disk, mounted over HOME in a mount namespace of its own, and prints what happened.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.messages import user_message
from notebook_agents.core.models import GenerateRequest
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.reader import read_events
from notebook_agents.eventlog.segments import stream_path
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import ScriptedEngine, call, fake_core
from notebook_agents.testing.engine import Step

ANN = Actor(user_id="ann", username="ann")
N_RUNS = 6
ANSWER = "one two three four five six"


async def answer(request: GenerateRequest) -> Step:
    """A tool call for a question, a text for the tool's result."""
    return call("python_executor", code="1") if request.messages[-1].role == "user" else ANSWER


def durable_core(home: Path, n_answers: int = 0, engine: ScriptedEngine | None = None) -> Core:
    """A core that keeps what it acknowledges; its model follows a script."""
    return fake_core(
        engine=engine or ScriptedEngine(*[answer] * n_answers),
        home=home / "work",
        store=SqlStore.open(f"sqlite:///{home}/store.db", Holders(home / "holders")),
        event_log=JsonlEventLog(home),
        clock=SystemClock(),
    )


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def _follow(core: Core, run: Run) -> None:
    async for event in core.runs.events(ANN, run.id):
        _say("event", run.id, event.run_seq, event.type)


async def _main(home: Path, n_runs: int) -> None:
    core = durable_core(home, 2 * n_runs)
    await core.start()
    agent = await core.agents.create(ANN, CreateAgent(name="a", tools=("python_executor",)))
    following = []
    for number in range(n_runs):
        wish = StartRun(agent_id=agent.id, message=user_message(f"question {number}"))
        run = await core.runs.start(ANN, wish)
        _say("run", run.id, run.conversation_id)
        following.append(core.spawn(_follow(core, run), name="following"))
    await asyncio.gather(*following)
    _say("done")
    await asyncio.Event().wait()


def _wish(agent_id: str) -> StartRun:
    return StartRun(agent_id=agent_id, message=user_message("question"))


async def _attempt(core: Core, agent_id: str, home: Path) -> dict[str, object]:
    """Start a run and wait for it, which must come to an end."""
    try:
        run = await core.runs.start(ANN, _wish(agent_id))
    except (NotebookAgentsError, OSError) as error:
        return {"refused": type(error).__name__, "message": str(error)}
    return await _end_of(core, run.id, home)


async def _end_of(core: Core, run_id: str, home: Path) -> dict[str, object]:
    async with asyncio.timeout(60):
        run = await core.runs.wait(ANN, run_id)
    events = read_events(stream_path(home, run.conversation_id), run.id)
    seqs = [event.run_seq for event in events]
    return {
        "state": run.state,
        "text": run.text,
        "message": run.error_message,
        "is_whole": seqs == list(range(1, len(seqs) + 1)),
        "last": events[-1].type if events else "",
    }


async def _fill(home: Path) -> None:
    """Fill the disk, ask, make room, ask again."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "disk", str(home)], check=True)
    engine = ScriptedEngine(*[answer] * 100)
    core = durable_core(home, engine=engine)
    await core.start()
    agent = await core.agents.create(ANN, CreateAgent(name="a", tools=("python_executor",)))
    found: dict[str, object] = {"before": await _attempt(core, agent.id, home)}
    engine.gate = asyncio.Event()
    caught = await core.runs.start(ANN, _wish(agent.id))
    filler = home / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    found["full"] = [await _attempt(core, agent.id, home) for _ in range(N_RUNS)]
    engine.gate.set()
    while core.runs.is_busy():  # noqa: ASYNC110 - its end cannot be written, so nothing tells
        await asyncio.sleep(0.05)
    filler.unlink()
    found["caught"] = await _end_of(core, caught.id, home)
    found["after"] = await _attempt(core, agent.id, home)
    await core.aclose()
    fresh = durable_core(home, 2)
    await fresh.start()
    conversations = (await fresh.conversations.list(ANN, limit=100)).items
    found["states"] = sorted({entry.state for entry in conversations})
    await fresh.aclose()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1] == "runs":
        asyncio.run(_main(Path(sys.argv[2]), int(sys.argv[3])))
    else:
        asyncio.run(_fill(Path(sys.argv[2])))
