"""The part of executions on Dask that runs in its workers.

A worker cannot stop what it runs, so the notebook runs in a child process here as well, which is
killed as soon as nobody waits for it any more: it was cancelled, or whoever asked is gone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from distributed import get_worker

from notebook_agents.core.executors import Job
from notebook_agents.core.spawn import Supervisor
from notebook_agents.tasks.processes import Child
from notebook_agents.tasks.runner import PASSED_ON

CHILDREN = "notebook-agents"
"""Under which name a worker keeps its children, by job."""
LOOK_S = 0.1
"""How often a worker looks whether its task is still wanted."""
OWN = ("NOTEBOOK_AGENTS_HOME", "NOTEBOOK_AGENTS_DATABASE_URL")
"""What a child finds as its worker has it."""
_STARTED = "started"


async def run_job(job: Mapping[str, Any], topic: str, key: str) -> tuple[int | None, str, int]:
    """Run a child to its end; its exit code, the end of its log, and how many lines it told.

    Dask gives the tasks of a worker that died to another one. What an execution did must not be
    done twice, so the second one ends at once.
    """
    if not await asyncio.get_running_loop().run_in_executor(None, _is_first, job["folder"]):
        return None, "the Dask worker that ran it was lost", 0
    worker = get_worker()
    children: dict[str, Child] = worker.extensions.setdefault(CHILDREN, {})
    child = children[job["id"]] = Child(Job(**{**job, "environment": _environment(job)}))
    supervisor, n_lines = Supervisor(), 0

    def tell(line: bytes) -> None:
        nonlocal n_lines
        n_lines += 1
        worker.log_event(topic, {"id": job["id"], "line": line.decode(errors="replace")})

    watching = _kill_when_unwanted(worker, key, child)
    supervisor.spawn(watching, name="watching a task of Dask")
    try:
        end = await child.run(tell)
    finally:
        del children[job["id"]]
        await supervisor.aclose()
    return end.exit_code, end.detail, n_lines


def interrupt(id: str, dask_worker: Any) -> bool:
    """Ask a child to end; whether it is this worker's."""
    child = dask_worker.extensions.get(CHILDREN, {}).get(id)
    if child is not None:
        child.interrupt()
    return child is not None


async def _kill_when_unwanted(worker: Any, key: str, child: Child) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            child.kill()


def _is_first(folder: str) -> bool:
    with suppress(FileExistsError):
        Path(folder, _STARTED).open("x").close()
        return True
    return False


def _environment(job: Mapping[str, Any]) -> Mapping[str, str]:
    """What a child finds: paths as here, the rest as its server says."""
    here = {
        name: value
        for name, value in os.environ.items()
        if PASSED_ON.fullmatch(name) or name in OWN
    }
    return {**job["environment"], **here}
