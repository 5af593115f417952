"""One worker process: started on first use, watched, started again after a crash.

The process is a Jupyter kernel made from a kernelspec written here. Its end is awaited, not polled
for; a worker that crashes is replaced after a growing pause, and given up after some crashes in
a row, until somebody asks to load a model again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory

from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.spawn import Supervisor
from notebook_agents.engine.config import EngineConfig
from notebook_agents.engine.provisioner import PROVISIONER, EngineProvisioner
from notebook_agents.engine.run_folder import RunFolder

MAX_CRASHES = 5
"""Crashes in a row after which the worker is given up."""
FIRST_PAUSE_S = 0.1
"""Before the first restart; doubled for each further one."""

_log = logging.getLogger(__name__)


class WorkerProcess:
    """Keeps one worker running from the first time somebody needs it."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self.folder = RunFolder(config.run_dir)
        self._supervisor = Supervisor()
        self._keeper: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._down = asyncio.Event()
        self._down.set()
        self._started_at = 0.0
        self._n_crashes = 0
        self._last_end = ""
        self._problem = ""
        self._is_closed = False

    @property
    def is_ready(self) -> bool:
        """Whether the process answers now."""
        return self._ready is not None and self._ready.done() and not self._ready.exception()

    @property
    def is_unused(self) -> bool:
        """Whether nobody has needed the process yet."""
        return self._keeper is None and not self._is_closed

    @property
    def state(self) -> str:
        """One line for a person."""
        if self.is_ready:
            return "running"
        if self._keeper is not None and not self._keeper.done():
            return f"the engine worker is starting ({time.monotonic() - self._started_at:.0f} s)"
        return self._problem or "the engine worker starts with the first request"

    async def ready(self) -> None:
        """Return once the process answers, starting it if need be, or EngineUnavailable."""
        if self._is_closed:
            raise EngineUnavailable("the engine was closed")
        if self._n_crashes >= MAX_CRASHES:
            raise await self.failure(f"gave up after {MAX_CRASHES} crashes in a row")
        if self._keeper is None or self._keeper.done():
            self._ready = asyncio.get_running_loop().create_future()
            self._keeper = self._supervisor.spawn(self._keep(), name="engine worker")
        assert self._ready is not None
        await asyncio.shield(self._ready)

    def confirm(self) -> None:
        """The process has just done its work: earlier crashes are forgotten."""
        self._n_crashes = 0

    async def ended(self, timeout_s: float) -> None:
        """Wait until the end of a process that no longer answers has been noticed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._down.wait()

    async def failure(self, reason: str) -> EngineUnavailable:
        """An error that says how the process ended.

        What it said last goes to our own log: tracebacks are not for everybody who sees the error.
        """
        tail = await asyncio.to_thread(self.folder.log_tail)
        _log.error(
            "the engine worker %s; last lines of %s: %s", reason, self.folder.log_file, tail or "-"
        )
        parts = [f"the engine worker {reason}", self._last_end, "the server's log has the details"]
        return EngineUnavailable("; ".join(part for part in parts if part))

    async def aclose(self) -> None:
        """End the process and remove its sockets."""
        self._is_closed = True
        await self._supervisor.aclose()
        await asyncio.to_thread(self.folder.remove)

    async def _keep(self) -> None:
        """Start the process again and again, until it cannot start or crashes too often."""
        error = EngineUnavailable("the engine worker was stopped")
        try:
            while True:
                await self._run_once()
                self._n_crashes += 1
                _log.warning("%s (crash %d in a row)", self._last_end, self._n_crashes)
                if self._n_crashes >= MAX_CRASHES:
                    raise await self.failure(f"crashed {MAX_CRASHES} times in a row")
                await asyncio.sleep(FIRST_PAUSE_S * 2 ** (self._n_crashes - 1))
        except EngineUnavailable as unavailable:
            error = unavailable
        except (OSError, RuntimeError) as failed:
            _log.error("the engine worker could not be started", exc_info=failed)
            reason = (failed.strerror or "") if isinstance(failed, OSError) else ""
            reason = reason or type(failed).__name__
            error = EngineUnavailable(
                f"the engine worker could not be started: {reason}; "
                "the server's log has the details"
            )
        finally:
            # Also after an error nobody expected: whoever waits must hear of it.
            self._fail(error)

    def _fail(self, error: EngineUnavailable) -> None:
        assert self._ready is not None
        if not self._ready.done():
            self._ready.set_exception(error)
            self._ready.exception()  # Retrieved: perhaps nobody waits.
        self._problem = error.message

    async def _run_once(self) -> None:
        """Start one process and return after its end."""
        self._started_at = time.monotonic()
        await asyncio.to_thread(_require_libraries)
        await asyncio.to_thread(self.folder.create)
        manager = await asyncio.to_thread(make_manager, self._config, self.folder)
        try:
            await manager.start_kernel(env=_environment())
            provisioner = manager.provisioner
            assert isinstance(provisioner, EngineProvisioner)
            await self._until_answering(manager, provisioner)
            assert self._ready is not None
            self._ready.set_result(None)
            self._down.clear()
            self._problem = self._last_end = ""
            self._last_end = _described(await provisioner.wait())
            self._ready = asyncio.get_running_loop().create_future()
        finally:
            self._down.set()
            await manager.shutdown_kernel(now=True)

    async def _until_answering(
        self, manager: AsyncKernelManager, provisioner: EngineProvisioner
    ) -> None:
        """Wait for the answer to a kernel_info_request, which comes after the HTTP socket is up."""
        client: AsyncKernelClient = manager.client()
        client.start_channels(iopub=False, stdin=False, hb=False, control=False)
        answer = self._supervisor.spawn(client.shell_channel.get_msg(), name="engine answer")
        end = self._supervisor.spawn(provisioner.wait(), name="engine end")
        try:
            client.kernel_info()
            await asyncio.wait(
                (answer, end),
                timeout=self._config.start_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if answer.done():
                return
            self._last_end = _described(end.result()) if end.done() else ""
            reason = "did not start" if end.done() else "did not start in time"
            raise await self.failure(reason)
        finally:
            for task in (answer, end):
                task.cancel()
            await asyncio.wait((answer, end))
            client.stop_channels()


class _OneSpec(KernelSpecManager):
    """Knows the worker's kernelspec and no other; nothing is installed anywhere."""

    def __init__(self, spec: KernelSpec) -> None:
        super().__init__()
        self._spec = spec

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:  # noqa: ARG002
        """The worker's."""
        return self._spec


class _Manager(AsyncKernelManager):
    """Leaves its files alone: they go with the folder, and not on the event loop."""

    def _reconcile_connection_info(self, info: KernelConnectionInfo) -> None:
        """Nothing: the provisioner runs the worker with this manager's own connection file."""

    def cleanup_connection_file(self) -> None:
        """Nothing."""

    def cleanup_ipc_files(self) -> None:
        """Nothing."""


def make_manager(config: EngineConfig, folder: RunFolder) -> AsyncKernelManager:
    """A kernel manager for one worker; its channels are unix sockets beside the HTTP one.

    Blocks: finding the provisioner reads the entry points of all installed packages.
    """
    spec = kernel_spec(config, folder)
    manager = _Manager(
        kernel_spec_manager=_OneSpec(spec),
        kernel_name=PROVISIONER,
        kernel_id=folder.path.name,
        connection_file=str(folder.path / "kernel.json"),
    )
    manager.transport = "ipc"
    manager.ip = str(folder.path / "kernel")
    manager.provisioner = KernelProvisionerFactory.instance().create_provisioner_instance(
        manager.kernel_id, spec, parent=manager
    )
    return manager


def kernel_spec(config: EngineConfig, folder: RunFolder) -> KernelSpec:
    """How to start the worker as a kernel."""
    # -P: nothing in the working directory may shadow a module.
    argv = [sys.executable, "-P", "-m", "notebook_agents.engine.worker"]
    argv += ["-f", "{connection_file}", "--socket", str(folder.socket)]
    argv += ["--device", config.device, "--threads", str(config.threads)]
    argv += [f"--model={model}" for model in config.models]
    provisioner: dict[str, Any] = {
        "provisioner_name": PROVISIONER,
        "config": {"log_file": str(folder.log_file)},
    }
    return KernelSpec(
        argv=argv,
        display_name="notebook-agents engine",
        interrupt_mode="message",
        metadata={"kernel_provisioner": provisioner},
    )


def _require_libraries() -> None:
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        raise EngineUnavailable(
            f"{' and '.join(missing)} not installed; run: pip install 'notebook-agents[engine]'",
            command="pip install 'notebook-agents[engine]'",
        )


def _environment() -> dict[str, str]:
    """What the worker inherits: everything but our own settings, which hold secrets."""
    return {k: v for k, v in os.environ.items() if not k.startswith("NOTEBOOK_AGENTS_")}


def _described(status: int | None) -> str:
    if status is not None and status < 0:
        return f"the engine worker was killed by {signal.Signals(-status).name}"
    return f"the engine worker ended with status {status}"
