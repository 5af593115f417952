"""Attempts as text, and benches that run them: behind each mechanism, or as an ordinary user.

An attempt prints one line for everything that it got and should not have got. So the outcome that a
case expects is mostly no output at all.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from notebook_agents.core.tools import SandboxCall, SandboxOutcome
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox

MIB = 1024 * 1024
NOBODY = 65534
PRELUDE = """
import ctypes, errno, os, socket, sys
from notebook_agents.confinement.syscalls import machine, number
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, work, *arguments):
    'Print the name when the work can be done.'
    try: work(*arguments)
    except (OSError, ValueError): return
    print(name)
def call(name, *arguments):
    'Make a system call by its name or number; OSError when it is refused.'
    value = name if isinstance(name, int) else number(name, machine())
    if value == -1: raise OSError(errno.ENOSYS, 'no such call')
    ctypes.set_errno(0)
    if libc.syscall(ctypes.c_long(value), *(ctypes.c_long(a) for a in arguments)) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def refused(*names):
    'Print those that get further than the check of who may.'
    for name, *arguments in names:
        try: call(name, *arguments)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.ENOSYS, errno.EAFNOSUPPORT, errno.EACCES):
                continue
            print(name, error)
        else: print(name, 'done')
"""
DRIVER = """
import asyncio, json, sys
from dataclasses import asdict
from pathlib import Path
from notebook_agents.core.tools import SandboxCall
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
told = json.load(sys.stdin)
async def main():
    sandbox = KernelSandbox(SandboxConfig(Path(told['run_dir']), **told['config']))
    try: return [asdict(await sandbox.execute(SandboxCall(**call))) for call in told['calls']]
    finally: await sandbox.aclose()
json.dump(asyncio.run(main()), sys.stdout, default=str)
"""
OPENED_HOME = """
set -e
mkdir -p "$1" && mount --bind "$3" "$1"
mount -t tmpfs -o mode=755 none "$2"
mkdir -p "$3" && mount --move "$1" "$3"
shift 3
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
"""
"""Become an ordinary user that reaches the interpreter, should root keep it in its own home."""


@dataclass
class Bench:
    """A sandbox on a loop of its own; kernels are kept between the cases of a module."""

    backend: str
    level: str
    workspace: Path
    run_dir: Path
    config: dict[str, Any] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.backend != "auto":
            self.config["backends"] = (self.backend,)
        self.sandbox = KernelSandbox(SandboxConfig(self.run_dir, **self.config))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, code: str = "", **changes: Any) -> SandboxOutcome:
        """Run code, or a function, as one call."""
        call = replace(self.call, code=PRELUDE + code if code else "", **changes)
        outcome: SandboxOutcome = self.wait(self.sandbox.execute(call))
        return outcome

    def output(self, code: str, **changes: Any) -> str:
        """What code prints; a failure of the code itself fails the case."""
        outcome = self.run(code, **changes)
        assert outcome.reason == "", (outcome.reason, outcome.error_message, outcome.output)
        return outcome.output

    @property
    def call(self) -> SandboxCall:
        """What a call is unless a case says otherwise."""
        return SandboxCall(
            key="conversation",
            owner_id="owner",
            workspace=str(self.workspace),
            level=self.level,  # type: ignore[arg-type]
            timeout_s=30,
            memory_bytes=512 * MIB,
            on_output=self.shown.append,
        )

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something on the loop of the sandbox."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(90)

    def close(self) -> None:
        """End its kernels and its loop."""
        self.wait(self.sandbox.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def as_ordinary_user(folder: Path, *calls: SandboxCall, **config: Any) -> list[dict[str, Any]]:
    """The outcomes of calls in a server that is run by an unprivileged user; needs root.

    The folder, which the user must reach and own, holds the sockets.
    """
    told = {
        "run_dir": str(folder),
        "config": config,
        "calls": [
            {name: value for name, value in asdict(call).items() if name != "on_output"}
            for call in calls
        ],
    }
    command = [sys.executable, "-c", DRIVER]
    prefix = Path(sys.base_prefix).resolve()
    home = next((path for path in prefix.parents if path.stat().st_mode & 0o005 != 0o005), None)
    if home is None:
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    else:
        keep = f"{folder}-keep"
        arguments = [keep, str(home), str(prefix)]
        command = ["unshare", "-m", "sh", "-c", OPENED_HOME, "sh", *arguments, *command]
    done = subprocess.run(
        command,
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
