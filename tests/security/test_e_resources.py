"""Memory, processes, files and turns: what one kernel takes is bounded, and nobody else pays."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from notebook_agents.confinement import cgroups
from notebook_agents.core.errors import LimitExceeded, SandboxUnavailable
from notebook_agents.core.folders import remove_folder
from notebook_agents.core.tools import (
    ExecuteTool,
    SandboxOutcome,
    ToolInvocation,
    ToolResult,
)
from notebook_agents.core.users import Actor
from notebook_agents.sandbox.limits import require_hard_memory
from notebook_agents.sandbox.plan import LaunchPlan
from notebook_agents.sandbox.turns import Turns
from notebook_agents.testing import ScriptedTools, fake_core
from notebook_agents.testing.core import python_executor

from .conftest import MakeBench
from .walls import MIB, Bench

DISK_SLACK_SECONDS = 30
"""For disks that are busy with other tests; alone it takes less than one second."""
SLACK_SECONDS = 3
"""For machines that are busy with other tests."""
BOMBS = """
import os, threading, time
def refused(start):
    for n in range(5000):
        try: start()
        except (OSError, RuntimeError): return n
def fork():
    if os.fork() == 0:
        time.sleep(600); os._exit(0)
print(refused(lambda: threading.Thread(target=time.sleep, args=(600,), daemon=True).start()))
print(refused(fork))
"""
FILL = """
for path in ('/tmp/x', '/dev/shm/x', '/dev/x'):
    try:
        for n in range(5):
            with open(f'{path}{n}', 'wb') as file:
                for _ in range(220): file.write(bytes(1 << 20))
        print('filled', path)
    except OSError: pass
"""


@pytest.fixture
def confined(make_bench: MakeBench) -> Bench:
    """What the machine's probe chooses; its kernels end often here."""
    return make_bench(max_calls_per_owner=4)


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


@pytest.mark.pod
def test_e01_memory_of_one_process(confined: Bench) -> None:
    before = resident()
    code = "x = []\nwhile True: x.append(bytearray(10 << 20))"
    outcome = confined.run(code, memory_bytes=256 * MIB)
    assert outcome.reason == "MEMORY_LIMIT"
    assert (outcome.memory_bytes or 0) <= 256 * MIB * 1.1
    assert resident() - before < 32 * MIB
    assert (confined.run("1 + 1")).output == "2\n"


def test_e02_what_is_used_counts_and_under_a_group_only_that(confined: Bench) -> None:
    untouched = confined.run("import numpy; numpy.zeros(8 << 27).nbytes >> 30")
    if untouched.memory_enforcement == "cgroup":
        assert untouched.output == "8\n"
    else:
        assert untouched.reason == "MEMORY_LIMIT"
    used = confined.run("import numpy; numpy.ones(2 << 27)")
    assert used.reason == "MEMORY_LIMIT"


def test_e03_memory_that_is_never_mapped(confined: Bench) -> None:
    code = """
import os
held = [os.memfd_create('x') for _ in range({0})]
for fd in held:
    for _ in range({1}): os.write(fd, bytes(1 << 20))
print('written')
"""
    one = confined.run(code.format(1, 1024))
    assert one.reason
    assert "written" not in one.output
    if one.memory_enforcement == "cgroup":
        assert (confined.run(code.format(6, 200))).reason == "MEMORY_LIMIT"


def test_e04_children_count_together(confined: Bench) -> None:
    code = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(400 << 20)
        time.sleep(60)
time.sleep(60)
"""
    outcome = confined.run(code)
    assert (outcome.reason, outcome.kernel_kept) == ("MEMORY_LIMIT", False)
    assert (confined.run("1 + 1")).output == "2\n"


@pytest.mark.pod
def test_e05_shared_memory_and_file_systems_in_memory(confined: Bench) -> None:
    attempts = (
        "import mmap\nx = mmap.mmap(-1, 900 << 20)",
        """
import ctypes, mmap
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
id = libc.shmget(0, 900 << 20, 0o1600)
x = (ctypes.c_char * (900 << 20)).from_address(libc.shmat(id, None, 0)) if id >= 0 else b''
assert id >= 0, 'refused'
""",
    )
    touch = "\nfor at in range(0, 900 << 20, 4096): x[at] = 65 if type(x) is mmap.mmap else b'A'\n"
    for attempt in attempts:
        outcome = confined.run(attempt + touch)
        is_refused = outcome.error_name in ("AssertionError", "PermissionError")
        assert outcome.reason == "MEMORY_LIMIT" or is_refused, attempt
    filled = confined.run(FILL, memory_bytes=1024 * MIB)
    assert (filled.reason, filled.output) == ("", "")


def bomb(bench: Bench) -> SandboxOutcome:
    """Threads and processes without end, while somebody else works."""
    mine = replace(bench.call, code=BOMBS, timeout_s=10)
    theirs = replace(bench.call, code="6 * 7", owner_id="somebody else")
    bench.run("1")
    bench.run("1", owner_id="somebody else")

    async def both() -> list[SandboxOutcome]:
        return await asyncio.gather(*map(bench.sandbox.execute, (mine, theirs)))

    started = time.monotonic()
    outcome, other = bench.wait(both())
    assert time.monotonic() - started < 11 + SLACK_SECONDS
    assert other.output == "42\n"
    return cast("SandboxOutcome", outcome)


@pytest.mark.pod
def test_e06_a_fork_bomb_and_a_thread_bomb(confined: Bench) -> None:
    outcome = bomb(confined)
    if outcome.reason:  # the watchdog
        assert outcome.reason == "PROCESS_LIMIT"
        return
    threads, forks = map(int, outcome.output.split())
    assert threads + forks <= 64
    ending = confined.run("import threading; threading.Thread(target=print).start()")
    assert ending.reason == "PROCESS_LIMIT"


def test_e07_the_same_bounds_hold_without_rlimits(confined: Bench) -> None:
    """The limit of processes of a user does not bind root; the group, or the watchdog, does."""
    loosen = "import resource; resource.getrlimit(resource.RLIMIT_NPROC)[0]"
    assert int((confined.run(loosen)).output) == 64
    code = BOMBS + "\nraise BlockingIOError(11, 'Resource temporarily unavailable')"
    outcome = confined.run(code, timeout_s=10, key="e07")
    assert outcome.reason == "PROCESS_LIMIT"
    assert sum(map(int, outcome.output.split())) <= 64 or os.geteuid() == 0
    if outcome.memory_enforcement == "cgroup":
        assert sum(map(int, outcome.output.split())) <= 64


def test_e07_an_ordinary_user_is_bounded_by_rlimits_and_the_watchdog(
    ordinary_user: Callable[..., list[dict[str, Any]]], make_bench: MakeBench
) -> None:
    call = replace(make_bench().call, workspace="/usr/share", timeout_s=15)
    children = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(200 << 20)
        time.sleep(60)
time.sleep(60)
"""
    codes = ("x = []\nwhile True: x.append(bytearray(10 << 20))", children, BOMBS, "6 * 7")
    calls = [replace(call, code=code, key=f"{n}") for n, code in enumerate(codes)]
    memory, family, bombs, other = ordinary_user(*calls)
    assert {found["memory_enforcement"] for found in (memory, family)} <= {"watchdog", "cgroup"}
    assert (memory["reason"], family["reason"]) == ("MEMORY_LIMIT", "MEMORY_LIMIT")
    threads_and_forks = map(int, bombs["output"].split())
    assert bombs["reason"] == "PROCESS_LIMIT" or sum(threads_and_forks) <= 64
    assert other["output"] == "42\n"


@pytest.mark.pod
def test_e15_files_beyond_the_quota_end_the_kernel_and_are_removed(
    make_bench: MakeBench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.getbasetemp()
    bench = make_bench(writable_root=root, max_disk_bytes=64 * MIB, max_files=500)
    attempts = {
        "bytes": """
for n in range(40):
    with open(f'{n}', 'wb') as file: file.write(bytes(4 << 20))
""",
        "files": "for n in range(1500): open(f'n{n}', 'w').close()",
        "depth": """
import os
for _ in range(2_000):
    os.mkdir('d'); os.chdir('d')
os.chdir('/')
""",
        "scratch": """
import tempfile
for n in range(1500): open(f'{tempfile.gettempdir()}/n{n}', 'w').close()
""",
    }
    for name, code in attempts.items():
        outcome = bench.run(code)
        assert outcome.reason == "DISK_LIMIT", name
        for entry in list(bench.workspace.iterdir()):
            began = time.monotonic()
            remove_folder(entry)
            assert not entry.exists()
            assert time.monotonic() - began < 5 + DISK_SLACK_SECONDS
    sparse = bench.run("open('big', 'wb').truncate(1 << 40)")
    assert sparse.error_name == "OSError"
    assert (bench.run("1 + 1")).output == "2\n"


def test_e15_a_folder_without_permissions_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "closed" / "inner"
    folder.mkdir(parents=True)
    (folder / "file").touch()
    folder.chmod(0)
    folder.parent.chmod(0o500)
    remove_folder(tmp_path / "closed")
    assert not (tmp_path / "closed").exists()


def test_e18_one_user_cannot_take_all_turns(make_bench: MakeBench) -> None:
    bench = make_bench(level="low", max_calls_per_owner=4, max_waiting_per_owner=6)
    mine = replace(bench.call, code="import time; time.sleep(0.2)")
    theirs = replace(bench.call, code="6 * 7", owner_id="somebody else")

    async def everybody() -> list[Any]:
        calls = [replace(mine, key=f"{n % 5}") for n in range(50)]
        execute = bench.sandbox.execute
        return await asyncio.gather(*map(execute, (*calls, theirs)), return_exceptions=True)

    *outcomes, other = bench.wait(everybody())
    assert other.output == "42\n"
    refused = [found for found in outcomes if isinstance(found, LimitExceeded)]
    assert len(refused) == 40
    assert refused[0].retry_after_s
    assert all(found.reason == "" for found in outcomes if isinstance(found, SandboxOutcome))


async def test_e18_places_are_given_back() -> None:
    turns = Turns(1, 0)
    for _ in range(3):
        with turns.wait("a"):
            async with turns.run("a"):
                with pytest.raises(LimitExceeded), turns.wait("a"):
                    pass
                with turns.wait("b"):
                    pass


async def test_e18_a_direct_call_beyond_the_bound_is_refused_as_too_many(tmp_path: Path) -> None:
    core = fake_core(home=tmp_path, tools=FullTools({"python_executor": python_executor}))
    wish = ExecuteTool(name="python_executor", arguments={"code": "1"})
    with pytest.raises(LimitExceeded, match="let some end first"):
        await core.tools.execute(Actor(user_id="ann", username="ann"), wish)


class FullTools(ScriptedTools):
    """Tools whose sandbox has as many calls of everybody as may wait."""

    async def run(self, invocation: ToolInvocation) -> ToolResult:
        told = {"error": "8 tool calls of yours run or wait already; let some end first"}
        return ToolResult(status="failed", content="Error", value=told, error_type="sandbox_calls")


def test_e19_libraries_of_data_work_within_512_mib(confined: Bench) -> None:
    code = """
import importlib, importlib.util
for name in ('pandas', 'duckdb', 'pyarrow', 'sklearn'):
    if importlib.util.find_spec(name): importlib.import_module(name)
import pandas, duckdb
duckdb.sql('select 1'); int(pandas.Series([1, 2]).sum())
"""
    outcome = confined.run(code, timeout_s=60, owner_id="another")
    assert (outcome.reason, outcome.output) == ("", "3\n"), outcome.error_message


def test_a_hard_limit_of_memory_is_required_where_it_must_be(tmp_path: Path) -> None:
    soft = LaunchPlan(level="medium", run_dir=tmp_path, workspace=tmp_path)
    require_hard_memory(soft, allow_soft=True)
    with pytest.raises(SandboxUnavailable, match="sandbox_allow_soft_memory"):
        require_hard_memory(soft, allow_soft=False)
    grouped = cgroups.ControlGroups((tmp_path,))
    held = LaunchPlan(level="medium", run_dir=tmp_path, workspace=tmp_path, groups=grouped)
    require_hard_memory(held, allow_soft=False)
