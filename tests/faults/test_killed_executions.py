"""kill -9 of the process of a task, or of its notebook's kernel, at random points."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from tests.tasks.conftest import BUILD, write_notebook

from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.execution_following import seq_of
from notebook_agents.core.executions import Execution, StartExecution
from notebook_agents.core.tasks import CreateTask
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.tasks.processes import MODULE, ProcessExecutor
from notebook_agents.tasks.runner import PapermillRunner, TasksConfig
from notebook_agents.testing import fake_core

from .census import marked, until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the census reads /proc"),
]
ANN = Actor(user_id="ann", username="ann", is_admin=True)
SEED, MAX_TICKS, MAX_LOOKS = 5, 40, 60
TICKS = """
import os, subprocess
subprocess.Popen(["/bin/sleep", "600"])
told = os.open({pipe!r}, os.O_WRONLY)
os.write(told, b"%d %d\\n" % (os.getppid(), os.getpid()))
while True:
    os.write(told, b"." * 4095 + b"\\n")
    print("tick")
"""
"""A pipe holds few of the lines, so the cell waits for its reader."""

DAEMON = """
import os, time
def daemon():
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execv("/bin/sleep", ["sleep", "600"])
started = os.fork() or daemon()
os.waitpid(started, 0)
with open({pipe!r}, "w") as told:
    told.write("%d" % os.getppid())
while {goes_on}:
    time.sleep(0.1)
"""


def make_core(root: Path, mark: str) -> Core:
    """Everything about executions is real; their processes have the mark."""
    home = root / "home"
    config = TasksConfig(
        root=home / "executions",
        notebooks=root,
        environment={"NOTEBOOK_AGENTS_HOME": str(home), "MARK": mark},
        build=BUILD,
    )
    return fake_core(
        home=home / "workspaces",
        store=SqlStore.open(f"sqlite:///{home}/store.db", Holders(home / "holders")),
        event_log=JsonlEventLog(home),
        clock=SystemClock(),
        task_runner=PapermillRunner(config, ProcessExecutor(2)),
    )


def kill_in_cell(pipe: Path, n_ticks: int, victim: int) -> None:
    """Listen to a cell for so long, and end its process (0) or its kernel (1); blocks."""
    with pipe.open("rb") as told:
        pids = told.readline().split()
        for _ in range(n_ticks):
            told.readline()
        os.kill(int(pids[victim]), signal.SIGKILL)


def children() -> Sequence[psutil.Process]:
    """The processes of executions below this one, behind their guards."""
    below = psutil.Process().children(recursive=True)
    return [each for each in below if each.cmdline()[1:3] == ["-m", MODULE]]


async def check_whole(core: Core, execution: Execution) -> None:
    assert execution.is_final, f"{execution.id} is still {execution.state}"
    events = [
        event
        for event in await core.journal.read(execution.conversation_id)
        if getattr(event.body, "execution_id", "") == execution.id
    ]
    assert [seq_of(event) for event in events] == list(range(1, len(events) + 1))
    types = [event.type for event in events]
    assert (types.count("execution_finished"), types[-1]) == (1, "execution_finished")


async def test_executions_whose_processes_are_killed_end_and_leave_nothing(tmp_path: Path) -> None:
    dice, mark = random.Random(SEED), f"mark-{secrets.token_hex(8)}"  # noqa: S311 - repeatable
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    write_notebook(tmp_path / "ticks.ipynb", "x = 1", TICKS.format(pipe=str(pipe)), "never = True")
    write_notebook(tmp_path / "fine.ipynb", "x = 1")
    core = make_core(tmp_path, mark)
    await core.start()

    async def start(name: str) -> Execution:
        task = await core.tasks.create(ANN, CreateTask(name="t", notebook=name))
        return await core.executions.start(ANN, StartExecution(task_id=task.id))

    async def end(execution: Execution) -> tuple[str, str]:
        ended = await core.executions.wait(ANN, execution.id)
        await check_whole(core, ended)
        await until(lambda: not marked(mark))
        return ended.state, ended.error_code

    for victim, expected in enumerate((("interrupted", "interrupted"), ("failed", "kernel_died"))):
        execution = await start("ticks.ipynb")
        await asyncio.to_thread(kill_in_cell, pipe, dice.randint(0, MAX_TICKS), victim)
        assert await end(execution) == expected
    for _ in range(2):  # while it begins, with a kernel or without
        execution = await start("ticks.ipynb")
        await until(lambda: bool(children()))
        looks = iter(range(dice.randint(0, MAX_LOOKS)))
        await until(lambda looks=looks: next(looks, None) is None)  # type: ignore[misc]
        children()[0].kill()
        assert await end(execution) == ("interrupted", "interrupted")
    assert await end(await start("fine.ipynb")) == ("succeeded", "")
    await core.aclose()


@pytest.mark.parametrize("way", ["end", "cancel", "kill"])
async def test_daemons_of_a_cell_end_with_their_execution(tmp_path: Path, way: str) -> None:
    mark, pipe = f"mark-{secrets.token_hex(8)}", tmp_path / "pipe"
    os.mkfifo(pipe)
    cell = DAEMON.format(pipe=str(pipe), goes_on=way != "end")
    write_notebook(tmp_path / "daemon.ipynb", cell)
    core = make_core(tmp_path, mark)
    await core.start()
    task = await core.tasks.create(ANN, CreateTask(name="t", notebook="daemon.ipynb"))
    execution = await core.executions.start(ANN, StartExecution(task_id=task.id))
    child = int(await asyncio.to_thread(pipe.read_text))
    if way == "cancel":
        await core.executions.cancel(ANN, execution.id)
    elif way == "kill":
        os.kill(child, signal.SIGKILL)
    ended = await core.executions.wait(ANN, execution.id)
    await check_whole(core, ended)
    states = {"end": "succeeded", "cancel": "cancelled", "kill": "interrupted"}
    assert ended.state == states[way]
    assert not marked(mark)
    await core.aclose()
