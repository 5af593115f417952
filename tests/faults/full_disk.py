"""A core whose home lies on a small disk of its own: ``full_disk.py HOME``; prints what happened.

Run in a mount namespace of its own, where a small tmpfs may be mounted over HOME.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import StartRun
from notebook_agents.eventlog.reader import read_events
from notebook_agents.eventlog.segments import stream_path
from notebook_agents.testing import ScriptedEngine

sys.path.insert(0, str(Path(__file__).parent))
from scripted_server import ANN, answer, durable_core

N_RUNS = 6


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


async def main(home: Path) -> None:
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
    asyncio.run(main(Path(sys.argv[1])))
