"""Tool kernels that somebody else's provisioner starts: in a pod, a virtual machine, on a gateway.

The administrator names the provisioner and declares up to which level it confines; nothing here
can look whether that is so. It starts kernels through Jupyter's own kernel manager. What this side
keeps doing is all that does not depend on where a kernel runs: every message is checked, output and
time are limited, and a kernel that cannot be interrupted is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory

from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.folders import remove_folder
from notebook_agents.core.policy import LEVELS, Level
from notebook_agents.core.tools import LevelReport
from notebook_agents.sandbox.channels import Addresses
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.plan import REMOTE, LaunchPlan, Scratch
from notebook_agents.sandbox.provisioner import Remains

T = TypeVar("T")

NAME = "notebook-agents-tools"
END_SECONDS = 10.0
POLL_SECONDS = 0.05
PROMISES = ("wall-clock timeout", "output limit", "declared by the administrator")


class RemoteKernel:
    """One kernel of a provisioner that is not ours.

    Such a provisioner may block the event loop it runs on, so it gets one on a thread of its own.
    """

    guard_pid = 0
    kernel_pid = 0
    group = None

    def __init__(self, plan: LaunchPlan, provisioner: str) -> None:
        self._plan = plan
        self._provisioner = provisioner
        self._manager: AsyncKernelManager | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="remote-kernel", daemon=True
        )
        self._thread.start()
        self._watching: Future[None] | None = None
        self._killing: Future[None] | None = None
        self._cutting = threading.Lock()
        self.pidfd, self._ended = os.pipe()
        """The first is readable once the kernel is gone."""

    async def start(self) -> Addresses:
        """Start it; where its sockets are."""
        limit_s = self._plan.start_timeout_s
        try:
            addresses = await asyncio.wait_for(
                asyncio.wrap_future(self._do(self._start())), limit_s
            )
        except SandboxUnavailable:
            raise
        except Exception as error:
            raise self.refusal(("kernel start",), str(error)) from error
        self._watching = self._do(self._watch())
        return addresses

    @property
    def is_running(self) -> bool:
        """Whether nobody has ended it."""
        return self._killing is None

    def lacks(self) -> tuple[str, ...]:
        """Nothing that could be seen from here."""
        return ()

    def signal(self, signum: int) -> None:
        """Send without waiting."""
        self._do(self._signal(signum))

    def cut(self) -> None:
        """Kill it without waiting; on any thread."""
        with self._cutting:
            self._killing = self._killing or self._do(self._kill())

    def discard(self) -> Remains:
        """End it and remove its folder; blocks."""
        self.cut()
        assert self._killing is not None
        with contextlib.suppress(Exception, CancelledError):
            self._killing.result(END_SECONDS)
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(Exception, CancelledError):
                self._watching.result(END_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_SECONDS)
        self._loop.close()
        for fd in (self.pidfd, self._ended):
            os.close(fd)
        remove_folder(self._plan.run_dir)
        return Remains()

    def refusal(self, missing: tuple[str, ...], evidence: str = "") -> SandboxUnavailable:
        """Why it cannot be used."""
        self.cut()
        evidence = evidence or f"{', '.join(missing)} failed"
        return SandboxUnavailable(
            f"a remote tool kernel could not be started: {evidence}",
            requested_level=self._plan.level,
            missing=list(missing),
            evidence=evidence,
        )

    def _do(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _start(self) -> Addresses:
        self._manager = manager = AsyncKernelManager(
            kernel_name=NAME,
            kernel_spec_manager=_OneSpec(_spec(self._plan, self._provisioner)),
            connection_file=str(self._plan.connection_file),
            transport_encryption="required",
        )
        self._plan.socket_folder.mkdir(mode=0o700, exist_ok=True)
        scratch = str(self._plan.socket_folder)
        environment = Scratch(scratch, scratch).environment()
        await manager.start_kernel(cwd=str(self._plan.folder), env=environment)
        public, secret = manager.curve_publickey, manager.curve_secretkey
        if manager.transport == "tcp" and not (public and secret):
            raise self.refusal(("CurveZMQ",), "its messages would not be encrypted")
        if manager.transport == "tcp":
            for port in (manager.shell_port, manager.iopub_port):
                await _wait_for_port(manager.ip, port)
        return Addresses(
            shell=_url(manager, "shell"),
            iopub=_url(manager, "iopub"),
            key=manager.session.key,
            curve=(public, secret) if public and secret else None,
        )

    async def _watch(self) -> None:
        assert self._manager is not None
        assert self._manager.provisioner is not None
        await self._manager.provisioner.wait()
        os.write(self._ended, b".")

    async def _signal(self, signum: int) -> None:
        if self._manager is not None and self._manager.has_kernel:
            await self._manager.signal_kernel(signum)

    async def _kill(self) -> None:
        if self._manager is not None:
            if self._manager.has_kernel:
                await self._manager.shutdown_kernel(now=True)
            else:
                await self._manager.cleanup_resources()
        os.write(self._ended, b".")


def remote_reports(config: SandboxConfig) -> tuple[LevelReport, ...]:
    """The levels that the named provisioner is declared to keep; blocks."""
    if not config.remote:
        return ()
    factory = KernelProvisionerFactory.instance()
    is_there = factory.is_provisioner_available(_spec(None, config.remote))
    declared: tuple[Level, ...] = LEVELS[: LEVELS.index(config.remote_level) + 1]
    return tuple(
        LevelReport(
            level=level,
            is_available=is_there,
            backend=REMOTE if is_there else "",
            enforces=PROMISES if is_there else (),
            missing=() if is_there else ("remote provisioner",),
            evidence="" if is_there else f"no kernel provisioner is called {config.remote!r}",
            remedy="" if is_there else "install the package that has it, or clear sandbox_remote",
        )
        for level in declared
    )


class _OneSpec(KernelSpecManager):
    """Knows one kernel, made in code: files that users can write decide nothing."""

    def __init__(self, spec: KernelSpec) -> None:
        super().__init__()
        self._spec = spec

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The one."""
        if kernel_name != NAME:
            raise NoSuchKernel(kernel_name)
        return self._spec


def _spec(plan: LaunchPlan | None, provisioner: str) -> KernelSpec:
    argv = plan.command() if plan else []
    stanza = {"provisioner_name": provisioner, "config": {}}
    return KernelSpec(
        argv=argv,
        display_name="notebook-agents tools",
        language="python",
        metadata={"kernel_provisioner": stanza, "supported_encryption": "curve"},
    )


def _url(manager: AsyncKernelManager, channel: str) -> str:
    """The address of a channel, as Jupyter makes it of transport, place and port."""
    separator = ":" if manager.transport == "tcp" else "-"
    port = getattr(manager, f"{channel}_port")
    return f"{manager.transport}://{manager.ip}{separator}{port}"


async def _wait_for_port(host: str, port: int) -> None:
    """Connecting before somebody listens costs a reconnect; the caller limits the time."""
    while True:
        with contextlib.suppress(OSError):
            _reader, writer = await asyncio.open_connection(host, port)
            writer.close()
            return
        await asyncio.sleep(POLL_SECONDS)
