"""kill -9 of tool kernels and their guards at random points: the run goes on, the next call works.

A kernel tells how far it is through a named pipe, so that the point of its death is of the dice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import signal
import sys
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import psutil
import pytest

from notebook_agents.confinement import cgroups
from notebook_agents.core.agents import Agent, CreateAgent
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.messages import user_message
from notebook_agents.core.models import GenerateRequest
from notebook_agents.core.policy import ALLOW_POLICY
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import ScriptedEngine, call, fake_core
from notebook_agents.testing.engine import Step
from notebook_agents.tools.registry import Registry

from .census import check_whole, marked, until
from .scripted_server import ANN

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the census reads /proc"),
]
N_CONVERSATIONS, KILLS_EACH, MAX_TICKS = 3, 5, 40
SEED = 11
TICKS = """
import os, subprocess
subprocess.Popen(["/bin/sleep", "600", {mark!r}], start_new_session=True)
told = os.open({pipe!r}, os.O_WRONLY)
os.write(told, b"%d %d\\n" % (os.getpid(), os.getppid()))
while True:
    os.write(told, b"." * 4095 + b"\\n")
    print("tick")
"""
"""A pipe holds few of the lines, so the kernel waits for its reader."""


async def answer(request: GenerateRequest) -> Step:
    """The code that was asked for is run, and then there is an answer."""
    last = request.messages[-1]
    return call("python_executor", code=last.text) if last.role == "user" else "done"


@dataclass(frozen=True)
class Bench:
    """A core with real tool kernels."""

    core: Core
    agent: Agent
    home: Path
    mark: str

    async def start(self, code: str, conversation_id: str = "") -> Run:
        wish = StartRun(
            agent_id=self.agent.id, message=user_message(code), conversation_id=conversation_id
        )
        return await self.core.runs.start(ANN, wish)

    async def end(self, run: Run) -> Run:
        """Its end, which everything but the tool call has come through well."""
        ended = await self.core.runs.wait(ANN, run.id)
        check_whole(self.home, ended)
        assert (ended.state, ended.text) == ("succeeded", "done")
        return ended


def make_core(home: Path, run_dir: Path) -> Core:
    """Everything about runs and their kernels is real but the model."""
    sandbox = KernelSandbox(SandboxConfig(run_dir))
    return fake_core(
        engine=ScriptedEngine(*[answer] * 1000),
        home=home / "work",
        store=SqlStore.open(f"sqlite:///{home}/store.db", Holders(home / "holders")),
        event_log=JsonlEventLog(home),
        clock=SystemClock(),
        sandbox=sandbox,
        tools=Registry.from_entry_points(sandbox, ("python_executor",)),
        level="low",
    )


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A short folder for sockets."""
    folder = Path(mkdtemp(prefix="nbt-"))
    yield folder
    folder.rmdir()


@pytest.fixture
async def bench(tmp_path: Path, run_dir: Path) -> AsyncGenerator[Bench, None]:
    """At the end nothing may be left of its kernels."""
    core = await asyncio.to_thread(make_core, tmp_path, run_dir)
    await core.start()
    wish = CreateAgent(name="a", tools=("python_executor",), policy=ALLOW_POLICY)
    agent = await core.agents.create(ANN, wish)
    yield Bench(core, agent, tmp_path, f"mark-{secrets.token_hex(8)}")
    (own,) = await asyncio.to_thread(lambda: list(run_dir.iterdir()))
    await core.aclose()
    assert not await asyncio.to_thread(lambda: kernels() | marked(str(own)))
    groups = await asyncio.to_thread(cgroups.find)
    trees = () if groups is None else groups.parents
    named = f"{cgroups.PREFIX}{own.name}-*"
    assert not await asyncio.to_thread(
        lambda: [path for tree in trees for path in tree.glob(named)]
    )


def kill_at(pipe: Path, n_ticks: int, *, is_guard: bool) -> None:
    """Listen to a kernel for so long, and end it or its guard; blocks."""
    with pipe.open("rb") as told:
        kernel, guard = map(int, told.readline().split())
        for _ in range(n_ticks):
            told.readline()
        os.kill(guard if is_guard else kernel, signal.SIGKILL)


async def live_and_die(bench: Bench, number: int) -> str:
    """One conversation whose kernels are killed again and again; its id."""
    dice = random.Random(SEED + number)  # noqa: S311 - repeatable
    pipe = bench.home / f"pipe{number}"
    os.mkfifo(pipe)
    conversation_id = ""
    for n in range(KILLS_EACH):
        code = TICKS.format(mark=bench.mark, pipe=str(pipe))
        run = await bench.start(code, conversation_id)
        conversation_id = run.conversation_id
        n_ticks, is_guard = dice.randint(0, MAX_TICKS), n == dice.randrange(KILLS_EACH)
        await asyncio.to_thread(kill_at, pipe, n_ticks, is_guard=is_guard)
        (result,) = (await bench.end(run)).tool_calls
        assert (result.status, result.error_type) == ("failed", "KERNEL_LOST"), result.content
    return conversation_id


async def test_kernels_that_are_killed_at_work_cost_one_call(bench: Bench) -> None:
    dying = (live_and_die(bench, number) for number in range(N_CONVERSATIONS))
    for conversation_id in await asyncio.gather(*dying):
        (result,) = (await bench.end(await bench.start("6 * 7", conversation_id))).tool_calls
        assert (result.status, "42" in result.content) == ("succeeded", True)
    await until(lambda: not marked(bench.mark))


def kernels() -> set[int]:
    """The processes below this one that are, or become, tool kernels."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(word.endswith("launcher.py") for word in process.cmdline()[:4]):
                found.add(process.pid)
    return found


async def test_kernels_that_are_killed_while_they_start_cost_one_call(bench: Bench) -> None:
    dice, conversation_id = random.Random(SEED), ""  # noqa: S311 - repeatable
    for _ in range(3):
        run = await bench.start("6 * 7", conversation_id)
        conversation_id = run.conversation_id
        await until(lambda: bool(kernels()))
        n_looks = iter(range(dice.randint(0, 12)))
        await until(lambda looks=n_looks: next(looks, None) is None)  # type: ignore[misc]
        for pid in kernels():
            os.kill(pid, signal.SIGKILL)
        await bench.end(run)
        await until(lambda: not kernels())
    (result,) = (await bench.end(await bench.start("6 * 7", conversation_id))).tool_calls
    assert (result.status, "42" in result.content) == ("succeeded", True)
