"""Notebooks of their owners in real kernels: failure and going on, cancelling, dying."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.execution_events import CellStarted
from notebook_agents.core.executions import Execution, ListExecutions, StartExecution
from notebook_agents.core.users import Actor
from notebook_agents.tasks.outputs import MAX_PRINTED, PRINTED_NOTE
from notebook_agents.tasks.preparing import ERROR, tags_of
from notebook_agents.testing import ScriptedEngine
from notebook_agents_server.testing import Client

from . import dying_server
from .conftest import Watch, create, executed, write_notebook

pytestmark = pytest.mark.slow
ANN = dying_server.ANN


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine("first answer", "second answer")


async def test_going_on_asks_nothing_twice_and_keeps_what_is_done_once(
    client: Client, core: Core, owner: Actor, engine: ScriptedEngine, tmp_path: Path
) -> None:
    marker = tmp_path / "is_mended"
    write_notebook(
        tmp_path / "own.ipynb",
        ("name = 'nobody'", "parameters"),
        "%load_ext notebook_agents\nfrom pathlib import Path",
        ("print('letter sent', flush=True)\nopen('letters', 'a').write('x')", "once"),
        "%%agent -o one\nHello from {name}",
        ("print('x' * 3_000_000)\n1/0", "raises-exception"),
        f"assert Path({str(marker)!r}).exists(), 'not yet'",
        "%%agent -o two\nAnd now?",
        "one.text, two.text",
        "raise SystemExit",
    )
    task = await create(core, owner, notebook="own.ipynb")
    first = Watch(core, owner)
    failed = await first.run(task, variables={"name": "Ann"})
    assert (failed.state, failed.error_code, failed.failed_cell) == ("failed", "cell_failed", 5)
    assert failed.error_message == "AssertionError: not yet"
    assert (first.cells("failed"), failed.n_runs) == ([5], 1)
    marker.touch()
    second = Watch(core, owner)
    ended = await second.follow(await core.executions.resume(owner, failed.id))
    assert (ended.state, ended.error_message, ended.n_runs) == ("succeeded", "", 1)
    assert second.cells("kept") == [2]
    asked = [request.messages[-1].text for request in engine.requests]
    assert asked == ["Hello from Ann", "And now?"]
    assert (tmp_path / "letters").read_text() == "x"
    book = executed(tmp_path / "home", ended)
    assert book.cells[-2].outputs[0].data["text/plain"] == "('first answer', 'second answer')"
    assert "nothing was asked again" in str(book.cells[4].outputs)
    assert "letter sent" in book.cells[3].outputs[0].text
    long, expected = book.cells[5].outputs
    assert len(long.text) == MAX_PRINTED + len(PRINTED_NOTE)
    assert expected.ename == "ZeroDivisionError"
    assert not any(ERROR in tags_of(cell) for cell in book.cells)
    assert book.metadata.kernelspec.name == "python3"


async def test_a_cancelled_cell_keeps_what_it_put_out(
    core: Core, owner: Actor, tmp_path: Path, home: Path
) -> None:
    begun = tmp_path / "begun"
    write_notebook(
        tmp_path / "own.ipynb",
        "import pathlib, threading\nprint('begun', flush=True)\n"
        f"pathlib.Path({str(begun)!r}).touch()\nthreading.Event().wait()",
        "never = True",
    )
    task = await create(core, owner, notebook="own.ipynb")
    started = await start(core, owner, task)
    watch, cancelling = Watch(core, owner), []

    async def cancel_in_mid_cell() -> Execution:
        while not begun.exists():  # noqa: ASYNC110 - the cell tells nobody else how far it is
            await asyncio.sleep(0.02)
        return await core.executions.cancel(owner, started.id)

    def cancel(event: Any) -> None:
        if isinstance(event.body, CellStarted):
            cancelling.append(core.spawn(cancel_in_mid_cell(), name="cancelling"))

    ended = await watch.follow(started, cancel)
    assert (ended.state, watch.cells("failed")) == ("cancelled", [0])
    assert await cancelling[0] == ended
    cells = [cell for cell in executed(home, ended).cells if cell.cell_type == "code"]
    assert cells[0].outputs[0].text == "begun\n"
    assert "KeyboardInterrupt" in str(cells[0].outputs[-1])
    assert not cells[1].outputs
    await core.aclose()


async def test_a_kernel_that_dies_fails_the_cell_that_ran(
    core: Core, owner: Actor, tmp_path: Path
) -> None:
    write_notebook(tmp_path / "own.ipynb", "print('fine')", "import os\nos._exit(1)", "never = 1")
    ended = await Watch(core, owner).run(await create(core, owner, notebook="own.ipynb"))
    assert (ended.state, ended.error_code, ended.failed_cell) == ("failed", "kernel_died", 1)


TELL_PIDS = """import os, pathlib, threading
pathlib.Path({pids!r}).write_text(f'{{os.getppid()}} {{os.getpid()}}')
threading.Event().wait()"""


async def test_a_killed_child_takes_its_kernel_along(
    core: Core, owner: Actor, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    write_notebook(tmp_path / "own.ipynb", TELL_PIDS.format(pids=str(pids)))
    task = await create(core, owner, notebook="own.ipynb")
    os.mkfifo(pids)
    execution = await start(core, owner, task)
    told = await asyncio.get_running_loop().run_in_executor(None, pids.read_text)
    child, kernel = map(int, told.split())
    os.kill(child, signal.SIGKILL)
    ended = await core.executions.wait(owner, execution.id)
    assert (ended.state, ended.error_code) == ("interrupted", "interrupted")
    assert not Path(f"/proc/{child}").exists()
    assert is_gone(kernel)
    await core.aclose()


async def test_after_a_kill_of_the_server_the_next_goes_on_once(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    once, ended = "open('once', 'a').write('x')", "open('ended', 'a').write('x')"
    if_first = "import os\nif not os.path.exists('went'):\n    open('went', 'w').close()\n"
    waits = "    ".join(TELL_PIDS.format(pids=str(pids)).splitlines(keepends=True))
    write_notebook(tmp_path / "own.ipynb", (once, "once"), f"{if_first}    {waits}", ended)
    os.mkfifo(pids)
    command = [sys.executable, dying_server.__file__, str(tmp_path)]
    server = await asyncio.create_subprocess_exec(*command)
    told = await asyncio.get_running_loop().run_in_executor(None, pids.read_text)
    server.kill()
    await server.wait()
    core = dying_server.make_server(tmp_path)
    core.executions.lead_kernels(dying_server.NoWay())
    assert [await core.executions.recover(), await core.executions.recover()] == [1, 0]
    later, first = (await core.executions.list(ANN, ListExecutions())).items
    assert (first.state, later.resumes, later.trigger) == ("interrupted", first.id, "resume")
    assert (await core.executions.wait(ANN, later.id)).state == "succeeded"
    assert (await core.executions.list(ANN, ListExecutions())).total == 2
    assert [(tmp_path / name).read_text() for name in ("once", "ended")] == ["x", "x"]
    assert all(is_gone(int(pid)) for pid in told.split())
    await core.aclose()


def is_gone(pid: int) -> bool:
    """Whether a process is no more, or only waits for somebody to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].startswith("Z")
    except FileNotFoundError:
        return True


async def start(core: Core, owner: Actor, task: Any) -> Any:
    return await core.executions.start(owner, StartExecution(task_id=task.id))
