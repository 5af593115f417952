"""The machine's clock is set while a run works: durations come from a clock that nobody sets."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.events import ModelFinished, RunFinished, ToolFinished
from notebook_agents.core.messages import user_message
from notebook_agents.core.models import GenerateRequest
from notebook_agents.core.runs import Limits, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine, call, fake_core
from notebook_agents.testing.core import FakeClock

ANN = Actor(user_id="ann", username="ann")


class SetClock(FakeClock):
    """A clock whose hands are moved; its seconds go on."""

    def set_back(self, hours: float) -> None:
        """Move the hands."""
        self._now -= timedelta(hours=hours)


@pytest.mark.parametrize("hours", [1.0, -1.0, 24.0 * 400, -24.0 * 400])
async def test_a_run_lasts_as_long_as_it_does(hours: float, tmp_path: Path) -> None:
    clock = SetClock()

    async def jumping(_request: GenerateRequest) -> str:
        clock.set_back(hours)
        return "one two three"

    core = fake_core(
        engine=ScriptedEngine(call("python_executor", code="1"), jumping),
        clock=clock,
        home=tmp_path,
    )
    agent = await core.agents.create(ANN, CreateAgent(name="a", tools=("python_executor",)))
    wish = StartRun(
        agent_id=agent.id, message=user_message("question"), limits=Limits(timeout_s=600)
    )
    run = await core.runs.wait(ANN, (await core.runs.start(ANN, wish)).id)
    assert (run.state, run.text) == ("succeeded", "one two three")
    events = await core.journal.read(run.conversation_id, run_id=run.id)
    assert [event.run_seq for event in events] == list(range(1, len(events) + 1))
    durations = [
        event.body.duration_ms
        for event in events
        if isinstance(event.body, ModelFinished | ToolFinished | RunFinished)
    ]
    assert len(durations) == 4
    assert all(0 <= duration < 60_000 for duration in durations), durations
    await core.aclose()
