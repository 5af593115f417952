"""A fake core's makings, and short words for what tests do with runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
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


@pytest.fixture
async def make_closed_core(
    make_core: Callable[..., Core],
) -> AsyncGenerator[Callable[..., Core], None]:
    """Like make_core, for cores whose work in the background may outlive the test."""
    made: list[Core] = []

    def make(*script: Any, **ports: Any) -> Core:
        made.append(make_core(*script, **ports))
        return made[-1]

    yield make
    for core in made:
        await core.aclose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return str(request.getfixturevalue("own_schema_url"))


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
