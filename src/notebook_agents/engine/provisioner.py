"""Starts and watches the engine worker as a Jupyter kernel.

A LocalProvisioner that never blocks the event loop: files and processes are made on a thread, and
the worker's end is noticed at once, by a process file descriptor. The worker's output goes to a log
file of mode 0600, and it holds a pipe to this process, by whose end it notices that it is alone.
"""

from __future__ import annotations

import asyncio
import os
from subprocess import PIPE, Popen
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.launcher import launch_kernel
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Unicode

PROVISIONER = "notebook-agents-engine"
"""The name of the entry point, for ``metadata.kernel_provisioner`` of a kernelspec."""
_POLL_S = 0.05


class EngineProvisioner(LocalProvisioner):
    """Launches one worker; configured by the kernelspec that names it."""

    log_file = Unicode(help="File that takes the worker's output; empty inherits the parent's.")

    exit_status: int | None = None
    """How the last process ended; negative numbers are signals."""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Write the connection file and complete the command."""
        manager = self.parent
        assert isinstance(manager, KernelManager)
        await asyncio.to_thread(manager.write_connection_file)
        self.connection_info = manager.get_connection_info()
        command = await asyncio.to_thread(manager.format_kernel_cmd)
        return await KernelProvisionerBase.pre_launch(self, cmd=command, **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch with the output going to the log file."""
        self.exit_status = None
        process = await asyncio.to_thread(self._launch, cmd, **self._scrub_kwargs(kwargs))
        self.process = process
        self.pid = self.pgid = process.pid  # It leads a session of its own.
        self.cwd = kwargs.get("cwd")
        return self.connection_info

    async def wait(self) -> int | None:
        """The exit status, as soon as the process has ended."""
        process: Popen[bytes] | None = self.process
        if process is None:
            return self.exit_status or 0
        if process.poll() is None:
            await _ended(process)
        self.exit_status = process.wait()
        if process.stdin is not None:
            process.stdin.close()
        if self.process is process:
            self.process = None
        return self.exit_status

    def _launch(self, cmd: list[str], **kwargs: Any) -> Popen[bytes]:
        if not self.log_file:
            return launch_kernel(cmd, stdin=PIPE, **kwargs)
        log = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return launch_kernel(cmd, stdin=PIPE, stdout=log, stderr=log, **kwargs)
        finally:
            os.close(log)


async def _ended(process: Popen[bytes]) -> None:
    """Return when a child process has ended; where the system cannot tell, poll."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        while process.poll() is None:  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(_POLL_S)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
