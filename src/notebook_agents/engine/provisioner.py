"""Starts and watches the engine worker as a Jupyter kernel.

A LocalProvisioner with four differences: the worker holds a pipe to this process, by whose end it
notices that nobody needs it any more; its output goes to a log file of mode 0600; its end is noticed
at once (by a process file descriptor, not by polling); and more than one waiter may wait for it.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Unicode

PROVISIONER = "notebook-agents-engine"
"""The name of the entry point, for ``metadata.kernel_provisioner`` of a kernelspec."""


class EngineProvisioner(LocalProvisioner):
    """Launches one worker; configured by the kernelspec that names it."""

    log_file = Unicode(help="File that takes the worker's output; empty inherits the parent's.")

    exit_status: int | None = None
    """How the last process ended; negative numbers are signals."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch with the output going to the log file."""
        self.exit_status = None
        streams: dict[str, int] = {"stdin": PIPE}
        if not self.log_file:
            return await super().launch_kernel(cmd, **kwargs, **streams)
        log = _open_log(Path(self.log_file))
        try:
            streams |= {"stdout": log, "stderr": log}
            return await super().launch_kernel(cmd, **kwargs, **streams)
        finally:
            os.close(log)

    async def wait(self) -> int | None:
        """The exit status, as soon as the process has ended."""
        process: Popen[bytes] | None = self.process
        if process is None:
            return self.exit_status or 0
        if process.poll() is None:
            await _ended(process.pid)
        self.exit_status = process.wait()
        if process.stdin is not None:
            process.stdin.close()
        if self.process is process:
            self.process = None
        return self.exit_status


def _open_log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


async def _ended(pid: int) -> None:
    """Return when a child process has ended; it is left for its owner to reap."""
    if not hasattr(os, "pidfd_open"):
        await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
