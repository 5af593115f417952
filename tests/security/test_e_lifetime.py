"""Whatever code does, its call ends in time, and nothing of it lives longer than its kernel."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psutil
import pytest

from notebook_agents.confinement import cgroups
from notebook_agents.core.folders import remove_folder
from notebook_agents.sandbox import call, proctree
from notebook_agents.sandbox.plan import GUARD
from notebook_agents.sandbox.rundir import RunDir

from .conftest import AUTO, MakeBench, every_backend
from .walls import MIB, Bench

SLACK_SECONDS = 3
"""For machines that are busy with other tests."""
TIMEOUT_SECONDS = 0.5
E09 = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(1e6)",
    "child": "import subprocess; subprocess.run(['/bin/sleep', '1000000'])",
}
E10 = {
    "catch all": """
while True:
    try:
        while True: pass
    except BaseException: pass
""",
    "ignore": "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
    "block": """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
while True: pass
""",
}
E11 = {
    "regex": "import re; re.match('(a+)+$', 'a' * 30 + 'b')",
    "power": "len(str(pow(3, 50_000_000)))",
    "native": "import ctypes\nwhile True: ctypes.PyDLL(None).sleep(1)",
}
E12 = {
    "await": "import asyncio; await asyncio.sleep(1e6)",
    "tasks": "import asyncio\nwhile True: await asyncio.sleep(0)",
    "finally": """
import time
while True:
    try: time.sleep(1e6)
    finally: continue
""",
}
SERVER = """
import asyncio, sys
from pathlib import Path
from notebook_agents.core.tools import SandboxCall
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox

async def main() -> None:
    run_dir, workspace, *levels = sys.argv[1:]
    sandbox = KernelSandbox(SandboxConfig(Path(run_dir)))
    calls = [SandboxCall(key=f"{n}", owner_id="o", workspace=workspace, level=level, timeout_s=60,
                         memory_bytes=512 << 20, code="import os, time; os.fork(); time.sleep(600)")
             for n, level in enumerate(levels)]
    await asyncio.gather(*map(sandbox.execute, calls))

asyncio.run(main())
"""


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A short folder for sockets."""
    folder = Path(mkdtemp(prefix="nbt-"))
    yield folder
    remove_folder(folder)


def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    give_up = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)
    return True


def late_or_else(bench: Bench, programs: dict[str, str]) -> list[str]:
    """Which of the programs are not stopped within a second after their time, as they must be."""
    wrong = []
    for name, code in programs.items():
        bench.run("1")
        started = time.monotonic()
        outcome = bench.run(code, timeout_s=TIMEOUT_SECONDS)
        is_late = time.monotonic() - started > TIMEOUT_SECONDS + 1 + SLACK_SECONDS
        is_refused = name == "child" and outcome.error_name == "PermissionError"
        if is_late or not (outcome.reason == "TIMEOUT" or is_refused):
            wrong.append(f"{name}: {outcome.reason}")
    return wrong


@every_backend
def test_e09_what_can_be_interrupted_ends_and_the_kernel_is_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "GRACE_SECONDS", 1.5)  # a busy machine hears of a signal late
    bench.run("x = 41")
    assert late_or_else(bench, E09) == []
    assert bench.run("6 * 7").output == "42\n"
    assert bench.run("x + 1").output == "42\n"


@every_backend
def test_e10_what_ignores_interrupts_is_killed(bench: Bench) -> None:
    programs = E10 if bench.backend == "auto" else {"block": E10["block"]}
    assert late_or_else(bench, programs) == []
    assert bench.run("6 * 7").output == "42\n"


@every_backend
def test_e11_native_code_that_does_not_look_for_signals_ends(bench: Bench) -> None:
    programs = E11 if bench.backend == "auto" else {"native": E11["native"]}
    assert late_or_else(bench, programs) == []
    assert bench.run("6 * 7").output == "42\n"


@every_backend
def test_e12_what_waits_in_a_loop_of_its_own_ends(bench: Bench) -> None:
    programs = E12 if bench.backend == "auto" else {"await": E12["await"]}
    assert late_or_else(bench, programs) == []
    assert bench.run("6 * 7").output == "42\n"


@pytest.mark.parametrize("backend", [AUTO])
def test_e08_a_daemon_dies_with_the_kernel(bench: Bench) -> None:
    code = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (1, 2, 15): signal.signal(number, signal.SIG_IGN)
        os.execv('/bin/sleep', ['sleep', '765432'])
    os._exit(0)
os.wait(); time.sleep(0.2)
"""
    outcome = bench.run(code, key="daemon")
    if outcome.error_name == "PermissionError":
        return  # this mechanism lets nothing start
    assert until(lambda: n_named(b"765432") == 1)
    bench.wait(bench.sandbox.close("daemon"))
    assert until(lambda: n_named(b"765432") == 0, 1 + SLACK_SECONDS)


def n_named(argument: bytes) -> int:
    """How many processes below this one have it as their first argument."""
    found = 0
    for pid in proctree.descendants(os.getpid()):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        found += line.split(b"\0")[1:2] == [argument]
    return found


def test_e13_asking_for_input_fails_at_once(bench: Bench) -> None:
    started = time.monotonic()
    outcome = bench.run("import getpass; input('password: ')")
    assert outcome.error_name == "StdinNotImplementedError"
    assert time.monotonic() - started < SLACK_SECONDS
    assert "password" not in "".join(bench.shown)


def test_e14_the_end_of_a_kernel_has_a_reason_and_leaves_no_core(bench: Bench) -> None:
    endings = {
        "os._exit(0)": "exited with code 0",
        "os.abort()": "SIGABRT",
        "ctypes.string_at(0)": "SIGSEGV",
        "sys.setrecursionlimit(10**9)\nf = lambda: [f()]\nf()": "signal",
    }
    for code, words in endings.items():
        started = time.monotonic()
        outcome = bench.run(code)
        if outcome.error_name != "RecursionError":  # newer interpreters bound the stack themselves
            assert outcome.reason in ("KERNEL_LOST", "MEMORY_LIMIT"), code
            assert words in outcome.error_message or outcome.reason == "MEMORY_LIMIT", code
        assert time.monotonic() - started < 10 + SLACK_SECONDS, code
    limit = "import resource; (resource.getrlimit(resource.RLIMIT_CORE), os.listdir('.'))"
    assert bench.run(limit).output == "((0, 0), [])\n"


@pytest.mark.parametrize("is_guarded", [True, False])
def test_e16_kill_9_of_the_server_ends_everything(
    make_bench: MakeBench, short_dir: Path, tmp_path: Path, is_guarded: bool
) -> None:
    make_bench()  # or skip
    levels = ["low", "medium", "medium", "medium"] if is_guarded else ["medium"]
    argv = [sys.executable, "-c", SERVER, str(short_dir), str(tmp_path), *levels]
    server = psutil.Popen(argv)
    try:
        assert until(lambda: n_running(server) == len(levels), 60)
        started = server.children(recursive=True)
    finally:
        guards = [] if is_guarded else server.children()
        for process in (server, *guards):
            process.kill()
        server.wait()
    began = time.monotonic()
    assert until(lambda: not [p for p in started if is_there(p)])
    assert time.monotonic() - began < 1 + SLACK_SECONDS
    (left,) = short_dir.iterdir()
    groups = cgroups.find()
    if is_guarded:
        assert not names_of_groups(groups, left.name)
    next_server = RunDir(short_dir, groups)
    assert list(short_dir.iterdir()) == [next_server.path]
    assert not names_of_groups(groups, left.name)
    next_server.close()


def n_running(server: Any) -> int:
    """How many kernels have forked."""
    return sum(map(has_forked, server.children()))


def has_forked(guard: Any) -> bool:
    try:
        lines = [tuple(process.cmdline()) for process in guard.children(recursive=True)]
    except psutil.Error:  # it was no guard, or has just ended
        return False
    kernels = [line for line in lines if any("launcher.py" in word for word in line[:3])]
    return len(kernels) >= 2


def is_there(process: Any) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def names_of_groups(groups: cgroups.ControlGroups | None, name: str) -> list[str]:
    parents = groups.parents if groups else ()
    return [path.name for parent in parents for path in parent.glob(f"{cgroups.PREFIX}{name}*")]


@pytest.mark.slow
def test_e17_kernels_in_turn_and_at_once_leave_nothing(make_bench: MakeBench) -> None:
    """A dozen instead of a hundred: what each leaves would be seen as often."""
    bench = make_bench(max_kernels=8)
    groups = cgroups.find()

    def census() -> tuple[int, int, int, int]:
        (folder,) = bench.run_dir.iterdir()
        return (
            len(psutil.Process().children(recursive=True)),
            len(list(Path("/proc/self/fd").iterdir())),
            len(names_of_groups(groups, folder.name)),
            len(list(folder.iterdir())),
        )

    async def at_once() -> None:
        calls = [replace(bench.call, code="1", key=f"b{n}") for n in range(8)]
        for outcome in await asyncio.gather(*map(bench.sandbox.execute, calls)):
            assert outcome.output == "1\n"
        await asyncio.gather(*(bench.sandbox.close(call.key) for call in calls))

    bench.wait(at_once())
    before, memory = census(), psutil.Process().memory_info().rss
    for n in range(12):
        assert bench.run("1", key=f"a{n}").reason == ""
        bench.wait(bench.sandbox.close(f"a{n}"))
    bench.wait(at_once())
    assert until(lambda: census() == before), (before, census())
    assert psutil.Process().memory_info().rss - memory < 16 * MIB


def test_e20_what_a_thread_prints_later_is_not_of_the_next_call(bench: Bench) -> None:
    code = """
import threading, time
def chat():
    for _ in range(20):
        print('late'); time.sleep(0.02)
threading.Thread(target=chat).start()
"""
    bench.run(code)
    assert bench.run("import time; time.sleep(0.2); 'mine'").output == "'mine'\n"


def test_e21_a_kernel_outlives_the_thread_that_started_it(make_bench: MakeBench) -> None:
    bench = make_bench(idle_ttl_s=599.0)  # a sandbox of its own

    async def first_on_a_thread_that_ends() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as executor:
            loop.set_default_executor(executor)
            await bench.sandbox.execute(replace(bench.call, code="x = 41"))
            loop.set_default_executor(ThreadPoolExecutor(4))

    bench.wait(first_on_a_thread_that_ends())
    assert bench.run("x + 1").output == "42\n"


def test_the_guard_says_why_a_command_cannot_begin(tmp_path: Path) -> None:
    held, lifeline = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", GUARD, f"{held}", "", "", "--", str(tmp_path / "none")],
            pass_fds=(held,),
            capture_output=True,
            check=False,
            timeout=30,
        )
    finally:
        os.close(held)
        os.close(lifeline)
    assert (done.returncode, b"No such file" in done.stdout) == (127, True)
