"""A server with telemetry that makes one run and is killed: killed_server.py HOME COLLECTOR_URL."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import StartRun
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.telemetry.opening import open_telemetry
from notebook_agents.testing import fake_core

ANN = Actor(user_id="ann", username="ann")


async def main(home: str, url: str) -> None:
    log = JsonlEventLog(Path(home))
    before = open_telemetry(Path(home), url)
    assert before is not None
    await before.open(log)  # what happens from here on is told
    await before.aclose()
    core = fake_core(
        "done",
        home=Path(home) / "work",
        event_log=log,
        clock=SystemClock(),
        telemetry=open_telemetry(Path(home), url),
    )
    await core.start()
    agent = await core.agents.ensure(ANN, CreateAgent(name="Analyst"))
    wish = StartRun(agent_id=agent.id, message=user_message("hi"))
    run = await core.runs.wait(ANN, (await core.runs.start(ANN, wish)).id)
    sys.stdout.write(f"{run.id}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
