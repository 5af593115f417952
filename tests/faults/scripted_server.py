"""A process that takes over a home folder, starts scripted runs at once, and tells what it
acknowledges: ``scripted_server.py HOME N_RUNS``. It goes on until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.messages import user_message
from notebook_agents.core.models import GenerateRequest
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import ScriptedEngine, call, fake_core
from notebook_agents.testing.engine import Step

ANN = Actor(user_id="ann", username="ann")
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


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
