"""Executions on a Dask cluster of separate processes: told live, stopped, and killed for good."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from distributed import LocalCluster

from notebook_agents.core.executors import Job, JobEnd
from notebook_agents.core.ids import new_id
from notebook_agents.core.spawn import Supervisor
from notebook_agents.tasks.dask import DaskExecutor
from notebook_agents.tasks.folders import Folders
from notebook_agents.tasks.processes import MODULE
from notebook_agents.tasks.spec import EXECUTED, Spec

pytestmark = [pytest.mark.slow]
SHOW = "import os; print(sorted(k for k in os.environ if k.startswith('NOTEBOOK_AGENTS')))"
WAIT = """\
import os, pathlib, time
pathlib.Path("pid").write_text(str(os.getpid()))
print("before", flush=True)
time.sleep(600)"""


@pytest.fixture
async def cluster() -> AsyncIterator[LocalCluster]:
    made = await LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None, asynchronous=True
    )
    yield made
    await made.close()


class Jobs:
    """Jobs of small notebooks, and what each tells."""

    def __init__(self, root: Path, executor: DaskExecutor) -> None:
        self.folders, self.executor = Folders(root), executor
        self.told: dict[str, list[Any]] = {}
        self.supervisor = Supervisor()
        self._root = root

    async def start(self, *cells: str) -> tuple[str, asyncio.Task[JobEnd]]:
        id = new_id()
        loop = asyncio.get_running_loop()
        folder = await loop.run_in_executor(None, self._prepare, id, cells)
        environment = {"NOTEBOOK_AGENTS_EXECUTION": id, "NOTEBOOK_AGENTS_TOKEN": "secret"}
        job = Job(id=id, folder=str(folder), environment=environment)
        self.told[id] = []
        work = self.executor.run(job, lambda line: self.told[id].append(json.loads(line)))
        return id, self.supervisor.spawn(work, name=id)

    def types(self, id: str) -> list[str]:
        return [line["type"] for line in self.told[id]]

    def texts(self, id: str) -> str:
        folder = next(self._root.rglob(f"{id}/{EXECUTED}"))
        book = json.loads(folder.read_text())
        return "".join(
            "".join(output.get("text", []))
            for cell in book["cells"]
            for output in cell.get("outputs", ())
        )

    async def kernel(self, id: str) -> psutil.Process:
        """The kernel of a job that waits."""
        loop = asyncio.get_running_loop()
        return psutil.Process(await loop.run_in_executor(None, self._pid, id))

    def _prepare(self, id: str, cells: Sequence[str]) -> Path:
        book: Any = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
        book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
        path = self._root / f"{id}.ipynb"
        path.write_text(json.dumps(book))
        return self.folders.fill(id, Spec(notebook=str(path)))

    def _pid(self, id: str) -> int:
        for _ in range(1200):
            written = [path.read_text() for path in self._root.rglob("pid") if id in str(path)]
            if any(written):
                return int(written[0])
            time.sleep(0.05)
        raise TimeoutError("the notebook did not get to its cell")


async def gone(process: psutil.Process) -> None:
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, partial(process.wait, timeout=30))


async def test_notebooks_run_in_workers_and_end_when_they_must(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    jobs = Jobs(tmp_path, DaskExecutor(cluster.scheduler_address))
    runs, ran = await jobs.start(SHOW, "print(6 * 7)")
    stopped, stopping = await jobs.start(WAIT)
    assert (await ran).exit_code == 0
    cells = [type for type in jobs.types(runs) if type.startswith("cell")]
    assert cells == ["cell_started", "cell_finished"] * 2
    assert jobs.types(runs)[-1] == "ended"
    assert jobs.texts(runs) == "['NOTEBOOK_AGENTS_EXECUTION']\n42\n", "no way to the server"

    kernel = await jobs.kernel(stopped)
    await jobs.executor.stop(stopped, grace_s=60)
    await stopping
    await gone(kernel)
    assert jobs.texts(stopped) == "before\n"

    cancelled, cancelling = await jobs.start(WAIT)
    kernel = await jobs.kernel(cancelled)
    cancelling.cancel()
    await asyncio.wait((cancelling,))
    await gone(kernel)

    lost, losing = await jobs.start(WAIT)
    kernel = await jobs.kernel(lost)
    worker = next(each for each in kernel.parents() if MODULE not in each.cmdline())
    worker.kill()
    assert (await losing).exit_code is None, "and no other worker does it again"
    await gone(kernel)

    await jobs.executor.aclose()
    await jobs.supervisor.aclose()
