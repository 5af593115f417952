"""A fake core's makings, and short words for what tests do with runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.events import Event
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.testing import fake_core

ANN = Actor(user_id="ann", username="ann")


@pytest.fixture
def make_core(tmp_path: Path) -> Callable[..., Core]:
    def make(*script: Any, **ports: Any) -> Core:
        return fake_core(*script, home=tmp_path / "work", **ports)

    return make


class Driver:
    """Starts and follows runs of one agent."""

    async def start(self, core: Core, text: str = "hi", **wish: Any) -> Run:
        agent = await core.agents.ensure(ANN, CreateAgent(name="a"))
        message = user_message(text)
        return await core.runs.start(ANN, StartRun(agent_id=agent.id, message=message, **wish))

    async def finish(self, core: Core, text: str = "hi", **wish: Any) -> Run:
        run = await self.start(core, text, **wish)
        return await core.runs.wait(ANN, run.id)

    async def events(self, core: Core, run: Run, after: int = 0) -> list[Event]:
        async with aclosing(core.runs.events(ANN, run.id, after=after)) as events:
            return [event async for event in events]

    async def roles(self, core: Core, run: Run) -> list[str]:
        nodes = await core.conversations.messages(ANN, run.conversation_id)
        return [node.message.role for node in nodes]


@pytest.fixture
def driver() -> Driver:
    return Driver()
