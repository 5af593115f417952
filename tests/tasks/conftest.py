"""A core whose store and events are real, so that kernels of executions find what they work for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import nbformat
import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.events import Event
from notebook_agents.core.executions import Execution, StartExecution
from notebook_agents.core.tasks import CreateTask, Task
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.tasks.processes import ProcessExecutor
from notebook_agents.tasks.runner import PapermillRunner, TasksConfig
from notebook_agents.testing import ScriptedEngine, fake_core

BUILD = {"sandbox_fallback": "low"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def runner(home: Path, tmp_path: Path) -> PapermillRunner:
    config = TasksConfig(
        root=home / "executions",
        notebooks=tmp_path,
        environment={"NOTEBOOK_AGENTS_HOME": str(home)},
        build=BUILD,
    )
    return PapermillRunner(config, ProcessExecutor(2))


@pytest.fixture
def core(home: Path, engine: ScriptedEngine, runner: PapermillRunner) -> Core:
    store = SqlStore.open(f"sqlite:///{home}/store.db", Holders(home / "holders"))
    log = JsonlEventLog(home)
    return fake_core(
        engine=engine, home=home / "workspaces", store=store, event_log=log, task_runner=runner
    )


@pytest.fixture
async def owner(core: Core) -> AsyncGenerator[Actor, None]:
    user, _is_new = await core.users.ensure_owner("")
    yield Actor(  # noqa: PT022 - async fixtures of this project yield
        user_id=user.id, username=user.username, is_admin=True, dialect="agent_api"
    )


def write_notebook(path: Path, *cells: str | tuple[str, str]) -> None:
    """A notebook of code cells, each its source or its source and a tag."""
    v4: Any = nbformat.v4
    made = []
    for cell in cells:
        source, *tags = (cell,) if isinstance(cell, str) else cell
        made.append(v4.new_code_cell(source, metadata={"tags": tags}))
    metadata = {"kernelspec": {"name": "somebodys", "display_name": "", "language": "python"}}
    path.write_text(v4.writes(v4.new_notebook(cells=made, metadata=metadata)))


def executed(home: Path, execution: Execution) -> Any:
    path = home / "executions" / execution.id / "executed.ipynb"
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


async def create(core: Core, owner: Actor, **wish: Any) -> Task:
    return await core.tasks.create(owner, CreateTask(name="t", **wish))


class Watch:
    """Follows an execution and calls back at each event."""

    def __init__(self, core: Core, owner: Actor) -> None:
        self._core, self._owner = core, owner
        self.bodies: list[Any] = []

    async def run(self, task: Task, **wish: Any) -> Execution:
        start = StartExecution(task_id=task.id, **wish)
        return await self.follow(await self._core.executions.start(self._owner, start))

    async def follow(
        self, execution: Execution, then: Callable[[Event], Any] = lambda _event: None
    ) -> Execution:
        stream = self._core.executions.events(self._owner, execution.id)
        async with aclosing(stream) as events:
            async for event in events:
                self.bodies.append(event.body)
                then(event)
        return await self._core.executions.get(self._owner, execution.id)

    def cells(self, status: str) -> Sequence[int]:
        """The cells that ended so."""
        ended = [body for body in self.bodies if body.type == "cell_finished"]
        return [body.cell_index for body in ended if body.status == status]
