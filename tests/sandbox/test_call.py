"""A call ends within its time plus one second, whatever the code does."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from notebook_agents.sandbox import proctree

from .conftest import MIB, Bench, MakeBench

SLACK_SECONDS = 3
"""For machines that are busy with other tests."""
STUBBORN = {
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
POLITE = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(1e6)",
    "child": "import subprocess; subprocess.run(['/bin/sleep', '1000'])",
    "regex": "import re; re.match('(a+)+$', 'a' * 30 + 'b')",
    "await": "import asyncio; await asyncio.sleep(1e6)",
}
ENDINGS = {
    "exit": "import os; os._exit(3)",
    "abort": "import os; os.abort()",
    "kill": "import os; os.kill(os.getpid(), 9)",
    "fault": "import ctypes; ctypes.string_at(0)",
}


async def timed(bench: Bench, code: str, timeout_s: float = 0.5) -> tuple[str, bool]:
    """The reason and whether the kernel was kept; asserts the time it took."""
    await bench.run("1")
    started = time.monotonic()
    outcome = await bench.run(code, timeout_s=timeout_s)
    assert time.monotonic() - started <= timeout_s + 1 + SLACK_SECONDS
    return outcome.reason, outcome.kernel_kept


@pytest.mark.parametrize("name", POLITE)
async def test_time_is_up(bench: Bench, name: str) -> None:
    reason, _ = await timed(bench, POLITE[name])
    assert reason == "TIMEOUT"
    assert (await bench.run("'next'")).output == "'next'\n"


async def test_a_loop_that_is_interrupted_keeps_the_kernel(bench: Bench) -> None:
    await bench.run("x = 1")
    assert await timed(bench, "print('so far', flush=True)\nwhile True: pass") == ("TIMEOUT", True)
    assert (await bench.run("x")).output == "1\n"


@pytest.mark.parametrize("name", STUBBORN)
async def test_code_that_will_not_stop_is_killed(bench: Bench, name: str) -> None:
    code = "\n".join(line.removeprefix("        ") for line in STUBBORN[name].split("\n"))
    reason, _ = await timed(bench, code)
    assert reason == "TIMEOUT"
    assert (await bench.run("1")).reason == ""


async def test_what_was_printed_before_the_timeout_is_kept(bench: Bench) -> None:
    outcome = await bench.run("print('so far', flush=True)\nwhile True: pass", timeout_s=0.5)
    assert outcome.output == "so far\n"


@pytest.mark.parametrize("name", ENDINGS)
async def test_the_end_of_the_kernel_is_noticed_and_the_next_call_works(
    bench: Bench, name: str
) -> None:
    await bench.run("1")
    started = time.monotonic()
    outcome = await bench.run(ENDINGS[name])
    assert time.monotonic() - started < 1 + SLACK_SECONDS
    assert outcome.reason == "KERNEL_LOST"
    assert "the tool kernel" in outcome.error_message
    assert not outcome.kernel_kept
    assert (await bench.run("1")).output == "1\n"


async def test_memory_is_limited_inside_the_kernel(bench: Bench) -> None:
    code = "x = []\nwhile True: x.append(bytearray(10 << 20))"
    outcome = await bench.run(code, memory_bytes=256 * MIB)
    assert outcome.reason == "MEMORY_LIMIT"
    assert (outcome.memory_bytes or 0) <= 256 * MIB * 1.1


async def test_memory_of_children_counts(bench: Bench) -> None:
    code = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(100 << 20)
        time.sleep(30)
time.sleep(30)
"""
    outcome = await bench.run(code, memory_bytes=256 * MIB, timeout_s=15)
    assert outcome.reason == "MEMORY_LIMIT"
    assert not outcome.kernel_kept


async def test_too_many_processes_end_the_kernel(make_bench: MakeBench, medium_works: None) -> None:
    bench = make_bench("medium", max_tasks=40)
    code = """
import os, time
for _ in range(200):
    if os.fork() == 0:
        time.sleep(30)
        os._exit(0)
time.sleep(30)
"""
    outcome = await bench.run(code, timeout_s=15)
    assert outcome.reason in ("PROCESS_LIMIT", "ERROR")


async def test_cancelling_interrupts_and_keeps_the_kernel(bench: Bench) -> None:
    await bench.run("x = 1")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await bench.run("while True: pass")
    assert (await bench.run("x")).output == "1\n"


async def test_cancelling_kills_what_will_not_stop(bench: Bench) -> None:
    await bench.run("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)")
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await bench.run("import signal; signal.signal(2, signal.SIG_IGN)\nwhile True: pass")
    assert time.monotonic() - started < 1.2 + SLACK_SECONDS
    assert (await bench.run("1")).output == "1\n"


async def test_cancelling_during_the_start_leaves_nothing(bench: Bench, run_dir: Path) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await bench.run("1")
    await bench.sandbox.close("conversation")
    assert not list(run_dir.glob("nba-*/*/kernel.json"))


async def test_a_daemon_dies_with_the_kernel(bench: Bench, workspace: Path) -> None:
    code = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (1, 2, 15):
            signal.signal(number, signal.SIG_IGN)
        os.execv('/bin/sleep', ['sleep', '987654'])
    os._exit(0)
time.sleep(0.2)
"""
    await bench.run(code)
    assert await asyncio.to_thread(sleepers) == 1
    await bench.sandbox.close("conversation")
    assert await asyncio.to_thread(sleepers) == 0


def sleepers() -> int:
    """How many of this test's daemons run."""
    mine = proctree.descendants(os.getpid())
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in mine]
    return sum(1 for line in lines if line.split(b"\0")[1:2] == [b"987654"])
