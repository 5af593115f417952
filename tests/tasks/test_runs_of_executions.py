"""In SQL, what the notebook of an execution asks and runs is a part of the execution."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.testing import ScriptedEngine
from notebook_agents_server.testing import Client

from .conftest import Watch, create, write_notebook

pytestmark = pytest.mark.slow
RUNS_OF_EXECUTIONS = """
SELECT ended.execution_id, ended.task_id, runs.task_id, runs.notebook, runs.status,
    runs.model_calls
FROM events AS ended
JOIN v_runs AS runs USING (execution_id)
WHERE ended.type = 'execution_finished'
"""
CELLS_OF_EXECUTIONS = """
SELECT ran.execution_id, ran.task_id, ran.status, cells.notebook, cells.execution_id,
    cells.task_id, ran.after_run_id = runs.run_id
FROM events AS ran
JOIN v_runs AS runs USING (execution_id)
JOIN v_cells AS cells USING (cell_id)
WHERE ran.type = 'cell_executed' AND ran.status = 'failed'
"""


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine("It is 42")


async def test_runs_and_cells_of_a_tasks_notebook_join_its_execution(
    client: Client, core: Core, owner: Actor, home: Path, tmp_path: Path
) -> None:
    assert client.origin, "a server that the kernel shares the engine of"
    cells = ("%load_ext notebook_agents", "%agent record on", "%agent What is 6 times 7?", "1/0")
    write_notebook(tmp_path / "pm.ipynb", *cells)
    task = await create(core, owner, notebook="pm.ipynb")
    ended = await Watch(core, owner).run(task)
    assert (ended.error_code, ended.n_runs) == ("cell_failed", 1), ended.error_message
    analytics = EventAnalytics(EventFiles(home))
    runs = await analytics.query(RUNS_OF_EXECUTIONS)
    assert runs.rows == ((ended.id, task.id, task.id, "pm.ipynb", "succeeded", 1),)
    failed = await analytics.query(CELLS_OF_EXECUTIONS)
    ids = (ended.id, task.id)
    assert failed.rows == ((*ids, "failed", "pm.ipynb", *ids, True),)
