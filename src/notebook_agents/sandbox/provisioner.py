"""Starts tool kernels: the provisioner behind every level of the sandbox.

It answers Jupyter's kernel provisioner interface, so a kernel manager can drive it; the sandbox
room drives it directly. What is enforced comes from a LaunchPlan made in code. A kernel
specification, which a user can write, decides nothing: without a plan the kernel gets ``medium``,
whatever the specification's arguments, environment or configuration say.

The transport is always a socket file in a private folder, never a port.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Any as AnyTrait

from notebook_agents.confinement.cgroups import Group
from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.folders import remove_folder
from notebook_agents.sandbox.backends import backend_of
from notebook_agents.sandbox.limits import make_group
from notebook_agents.sandbox.plan import LATE_FILTER, Backend, Launch, LaunchPlan, guarded
from notebook_agents.sandbox.zygotes import Fork, Zygote, hold_command, may_join

log = logging.getLogger(__name__)

CHANNELS = ("shell", "iopub", "stdin", "hb", "control")
POLL_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Remains:
    """What is known of a kernel that ended."""

    tail: str = ""
    """The last it printed to its own stdout and stderr."""
    exit_code: int = 0
    """Its exit code, or 128 and the number of the signal that ended it."""


class SandboxProvisioner(LocalProvisioner):
    """One confined kernel: a guard process, the mechanism of the level, the kernel inside."""

    plan: LaunchPlan | None = AnyTrait(None, allow_none=True)  # type: ignore[assignment]
    zygote: Zygote | None = AnyTrait(None, allow_none=True)  # type: ignore[assignment]
    """Where the kernel is forked from; without one, or when that fails, it starts cold."""
    process: subprocess.Popen[bytes] | None = None
    kernel_pid: int = 0
    """The kernel as this process sees it; signals go there."""
    guard_pid: int = 0
    group: Group | None = None
    """What limits it together with everything it starts, where that can be had."""
    pidfd: int = -1
    """Readable once the kernel and all it started are gone."""
    key: bytes = b""
    """Signs the messages between this process and the kernel."""
    _kernel_pidfd: int = -1
    _lifeline: int = -1

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._cutting = threading.Lock()

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose socket files, write the connection file, put the real command together."""
        kwargs.pop("extra_arguments", None)
        if self.plan is None:
            self.plan = await asyncio.to_thread(_default_plan, kwargs.get("cwd"))
        self.key = self.parent.session.key if self.parent is not None else _new_key()
        self.connection_info = _connection(self.plan, self.key)
        if self.parent is not None:
            _point_manager(self.parent, self.plan)
        await asyncio.to_thread(_write_connection, self.plan, self.connection_info)
        return {**kwargs, "cmd": self.plan.command()}

    async def launch_kernel(self, cmd: list[str], **_kwargs: Any) -> KernelConnectionInfo:
        """Start guard, mechanism and kernel, and check that what was asked for is in force."""
        await asyncio.to_thread(self.launch, cmd)
        return self.connection_info

    def launch(self, cmd: list[str]) -> None:
        """Do it, on any thread: nothing depends on the life of the thread."""
        assert self.plan is not None
        backend = backend_of(self.plan)
        zygote = self.zygote if may_join(self.plan) else None
        if zygote is not None and self._fork(zygote, backend, cmd):
            return
        launch = backend.prepare(self.plan, cmd)
        try:
            self._spawn(launch)
            self.kernel_pid = self._find_kernel(backend, launch)
        finally:
            _close(launch.info_fd)
        if not self.kernel_pid:
            raise self.refusal(("kernel start",))

    def _fork(self, zygote: Zygote, backend: Backend, cmd: list[str]) -> bool:
        """Let a fork of the zygote join a sandbox of this kernel; False leaves nothing behind."""
        assert self.plan is not None
        folder = self.plan.run_dir
        before = set(folder.iterdir())
        end = self.plan.socket_folder / "end"
        os.mkfifo(end, mode=0o600)
        launch = backend.prepare(self.plan, hold_command(end))
        try:
            self._spawn(replace(launch, argv=zygote.command(launch)))
            holder = self._find_kernel(backend, launch)
            if not holder:
                raise SandboxUnavailable("no sandbox could be made below the zygote")
            with zygote.fork(holder, cmd[-1], end) as fork:
                self._take_on(fork)
        except (OSError, SandboxUnavailable) as error:
            zygote.failure = f"{error} {self._end().tail}".strip()
            log.warning("a tool kernel starts cold: %s", zygote.failure)
            end.unlink()
            for made in set(folder.iterdir()) - before:
                remove_folder(made)
            return False
        finally:
            _close(launch.info_fd)
        return True

    def _take_on(self, fork: Fork) -> None:
        """The fork is the kernel from now on: in its group, and ours to signal."""
        if self.group is not None:
            self.group.add(fork.pid)
        _close(self._kernel_pidfd)
        self._kernel_pidfd = os.pidfd_open(fork.pid)
        self.kernel_pid = fork.pid
        fork.begin()

    async def post_launch(self, **_kwargs: Any) -> None:
        """Check a kernel that a manager started; it confines itself within its first moments."""
        assert self.plan is not None
        give_up = time.monotonic() + self.plan.start_timeout_s
        missing = await asyncio.to_thread(self.missing)
        while missing and self.is_running and time.monotonic() < give_up:
            await asyncio.sleep(POLL_SECONDS)
            missing = await asyncio.to_thread(self.missing)
        if missing:
            raise await asyncio.to_thread(self.refusal, missing)

    def missing(self) -> tuple[str, ...]:
        """What ought to be enforced on the kernel and is not; honest once the kernel answers."""
        assert self.plan is not None
        try:
            return backend_of(self.plan).verify(self.kernel_pid, self.plan)
        except OSError:
            return ("kernel start",)

    def lacks(self) -> tuple[str, ...]:
        """The same of a kernel that answers: it seals itself in the moment after. Blocks."""
        assert self.plan is not None
        give_up = time.monotonic() + self.plan.start_timeout_s
        missing = self.missing()
        while missing == (LATE_FILTER,) and self.is_running and time.monotonic() < give_up:
            time.sleep(POLL_SECONDS)
            missing = self.missing()
        return missing

    @property
    def is_running(self) -> bool:
        """Whether the guard is there and was not told to end."""
        process = self.process
        return self._lifeline >= 0 and process is not None and process.poll() is None

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel itself; a kill ends everything it started too."""
        self.signal(signum)

    def signal(self, signum: int) -> None:
        """Send without waiting."""
        if signum == signal.SIGKILL:
            self.cut()
        elif self._kernel_pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._kernel_pidfd, signum)

    async def kill(self, restart: bool = False) -> None:  # noqa: ARG002
        """End the kernel and everything it started."""
        self.cut()

    async def terminate(self, restart: bool = False) -> None:  # noqa: ARG002
        """A tool kernel has nothing to save."""
        self.cut()

    def cut(self) -> None:
        """Let go of the lifeline: the guard ends everything and then itself."""
        with self._cutting:
            lifeline, self._lifeline = self._lifeline, -1
        _close(lifeline)

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the kernel's folder, or empty it for the kernel that comes."""
        await asyncio.to_thread(self._make_way if restart else self.discard)

    def _make_way(self) -> None:
        assert self.plan is not None
        self._end()
        for left in self.plan.run_dir.iterdir():
            if left.is_dir():
                remove_folder(left)
            else:
                left.unlink()

    def discard(self, timeout_s: float = 5.0) -> Remains:
        """End what still runs and remove the folder."""
        remains = self._end(timeout_s)
        if self.plan is not None:
            remove_folder(self.plan.run_dir)
        return remains

    def _end(self, timeout_s: float = 5.0) -> Remains:
        self.cut()
        tail, code = "", 0
        process, self.process = self.process, None
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                tail = process.communicate(timeout=timeout_s)[0].decode(errors="replace")
            process.kill()
            code = process.wait()
            if process.stdout:
                process.stdout.close()
        for fd in (self.pidfd, self._kernel_pidfd):
            _close(fd)
        self.pidfd = self._kernel_pidfd = -1
        group, self.group = self.group, None
        if group is not None:
            group.remove()
        return Remains(tail, code)

    def _spawn(self, launch: Launch) -> None:
        assert self.plan is not None
        held = -1
        joins: tuple[int, ...] = ()
        try:
            joins = self._joins()
            held, self._lifeline = os.pipe()
            self.process = subprocess.Popen(  # noqa: S603 - our own argv, no shell
                guarded(launch, held, self.group, joins),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=launch.env,
                cwd=self.plan.folder,
                pass_fds=(held, *joins, *launch.fds),
                start_new_session=True,
            )
        finally:
            for fd in (held, *joins, *launch.fds):
                _close(fd)
        self.pid = self.guard_pid = self.process.pid
        self.pidfd = os.pidfd_open(self.process.pid)

    def _joins(self) -> tuple[int, ...]:
        """The files of a new control group, into which the guard's child enters itself."""
        assert self.plan is not None
        if self.plan.groups is None:
            return ()
        self.group = make_group(self.plan)
        return self.group.join_fds()

    def _find_kernel(self, backend: Backend, launch: Launch) -> int:
        assert self.plan is not None
        assert self.process is not None
        give_up = time.monotonic() + self.plan.start_timeout_s
        while self.process.poll() is None and time.monotonic() < give_up:
            if pid := backend.find_kernel(launch, self.guard_pid):
                with contextlib.suppress(ProcessLookupError):
                    self._kernel_pidfd = os.pidfd_open(pid)
                    return pid
            time.sleep(POLL_SECONDS)
        return 0

    def refusal(self, missing: tuple[str, ...]) -> SandboxUnavailable:
        """End the kernel and say why it cannot be used."""
        assert self.plan is not None
        lines = self.discard().tail.strip().splitlines()
        evidence = lines[-1] if lines else f"{', '.join(missing)} failed"
        return SandboxUnavailable(
            f"a tool kernel at level {self.plan.level!r} could not be started: {evidence}",
            requested_level=self.plan.level,
            missing=list(missing),
            evidence=evidence,
        )


def provisioner_of(plan: LaunchPlan, zygote: Zygote | None) -> SandboxProvisioner:
    """What starts the kernel of a plan; the specification is made here, never read from files."""
    spec = KernelSpec(argv=plan.command(), display_name="notebook-agents tools", language="python")
    name = plan.run_dir.name
    return SandboxProvisioner(kernel_id=name, kernel_spec=spec, plan=plan, zygote=zygote)


def _default_plan(cwd: str | None) -> LaunchPlan:
    return LaunchPlan(
        level="medium",
        run_dir=Path(tempfile.mkdtemp(prefix="nba-")),
        workspace=Path(cwd or Path.cwd()).resolve(),
    )


def _new_key() -> bytes:
    return secrets.token_hex(32).encode()


def _connection(plan: LaunchPlan, key: bytes) -> KernelConnectionInfo:
    info: dict[str, Any] = {
        "transport": "ipc",
        "ip": plan.socket_prefix,
        "key": key,
        "signature_scheme": "hmac-sha256",
    }
    info |= {f"{channel}_port": number for number, channel in enumerate(CHANNELS, start=1)}
    return cast("KernelConnectionInfo", info)


def _point_manager(manager: Any, plan: LaunchPlan) -> None:
    manager.transport = "ipc"
    manager.ip = plan.socket_prefix
    manager.connection_file = str(plan.connection_file)
    for number, channel in enumerate(CHANNELS, start=1):
        setattr(manager, f"{channel}_port", number)


def _write_connection(plan: LaunchPlan, info: KernelConnectionInfo) -> None:
    text = json.dumps(info, default=bytes.decode)
    plan.socket_folder.mkdir(mode=0o700, exist_ok=True)
    plan.connection_file.touch(mode=0o600)
    plan.connection_file.write_text(text, encoding="utf-8")


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)
