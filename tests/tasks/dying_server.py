"""A process that starts an execution of a notebook and waits for it until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.executions import StartExecution
from notebook_agents.core.ids import new_id
from notebook_agents.core.tasks import CreateTask, TaskSettings
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.tasks.processes import ProcessExecutor
from notebook_agents.tasks.runner import PapermillRunner, TasksConfig
from notebook_agents.testing import fake_core

ANN = Actor(user_id="ann", username="ann", is_admin=True)


def make_server(root: Path) -> Core:
    """A core that takes over what others left."""
    home = root / "home"
    runner = PapermillRunner(
        TasksConfig(root=home / "executions", notebooks=root), ProcessExecutor(1)
    )
    return fake_core(
        home=home / "workspaces",
        store=SqlStore.open(f"sqlite:///{home}/store.db", Holders(home / "holders")),
        event_log=JsonlEventLog(home),
        task_runner=runner,
        clock=SystemClock(),
        is_server=True,
    )


class NoWay:
    """Kernels that need no server."""

    def open(self, _owner_id: str) -> dict[str, str]:
        """Nothing to know."""
        return {}

    def close(self, way: object) -> None:
        """Nothing to forget."""


async def _main(root: Path) -> None:
    core = make_server(root)
    core.executions.lead_kernels(NoWay())
    settings = TaskSettings(on_interrupt="resume")
    wish = CreateTask(name="t", notebook="own.ipynb", settings=settings)
    task = await core.tasks.create(ANN, wish)
    started = await core.executions.start(ANN, StartExecution(task_id=task.id, id=new_id()))
    await core.executions.wait(ANN, started.id)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
