"""The guard leaves nothing behind, also when the server is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from notebook_agents.sandbox import guard

from .conftest import Bench, until

SERVER = """
import asyncio, sys
from pathlib import Path
from notebook_agents.core.tools import SandboxCall
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox

CODE = '''
import os, signal, sys
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv("/bin/sleep", ["sleep", "876543"])
'''

async def main() -> None:
    run_dir, workspace, *levels = sys.argv[1:]
    sandbox = KernelSandbox(SandboxConfig(Path(run_dir)))
    for level in levels:
        call = SandboxCall(key=level, owner_id="o", workspace=workspace, level=level, timeout_s=20,
                           memory_bytes=512 << 20, code=CODE)
        assert (await sandbox.execute(call)).reason == ""
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.usefixtures("medium_works")
async def test_kill_9_of_the_server_ends_every_kernel(run_dir: Path, workspace: Path) -> None:
    argv = [sys.executable, "-c", SERVER, str(run_dir), str(workspace), "low", "medium"]
    server = await asyncio.to_thread(subprocess.Popen, argv, stdout=subprocess.PIPE)
    started: list[psutil.Process] = []
    try:
        assert server.stdout is not None
        assert await asyncio.to_thread(server.stdout.readline) == b"ready\n"
        async with asyncio.timeout(10):
            # A process has its parent's command line until it has begun with its own program.
            while sum(process.cmdline()[1:] == ["876543"] for process in started) != 2:
                started = await asyncio.to_thread(
                    psutil.Process(server.pid).children, recursive=True
                )
    finally:
        server.send_signal(signal.SIGKILL)
        await asyncio.to_thread(server.communicate)
    began = time.monotonic()
    assert await until(lambda: not [p for p in started if p.is_running()])
    assert time.monotonic() - began < 5


async def test_a_kernel_outlives_the_thread_that_started_it(bench: Bench) -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as executor:
        loop.set_default_executor(executor)
        await bench.run("x = 1")
        loop.set_default_executor(ThreadPoolExecutor(4))
    assert (await bench.run("x")).output == "1\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [("import sys; sys.exit(7)", 7), ("import os; os.kill(os.getpid(), 11)", 128 + 11)],
)
def test_the_guard_passes_on_the_tail_and_the_end(code: str, expected: int) -> None:
    script = str(Path(guard.__file__))
    program = f"print('x' * 200_000 + 'end', flush=True); {code}"
    command = [sys.executable, "-c", program]
    held, lifeline = os.pipe()
    try:
        completed = subprocess.run(
            [sys.executable, "-I", "-S", script, f"{held}", "", "", "--", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=(held,),
            timeout=30,
            check=False,
        )
    finally:
        os.close(held)
        os.close(lifeline)
    assert completed.returncode == expected
    assert completed.stdout.endswith(b"xend\n")
    assert len(completed.stdout) == guard.TAIL_BYTES
