"""Zygotes: one process for each busy owner, from which tool kernels are forked in milliseconds.

A zygote runs no code but ours. Bubblewrap gives it a user name space of its own, in which it has no
rights, and a view in which the interpreter is read-only: what a kernel inherits from it leads to
nothing that could be changed. The walls of a kernel are those of a cold start, made by the same
mechanism with the same arguments; the fork only joins them, and whatever a fork fails at is done
by a cold start instead.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import logging
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.sandbox import proctree
from notebook_agents.sandbox.config import MIB, SandboxConfig
from notebook_agents.sandbox.fileview import SYSTEM, import_paths, interpreter_folders
from notebook_agents.sandbox.plan import LAUNCHER, Launch, LaunchPlan, guarded

log = logging.getLogger(__name__)

SCRIPT = str(Path(__file__).with_name("zygote.py"))
START_SECONDS = 60.0
FORK_SECONDS = 10.0
END_SECONDS = 5.0
CREDENTIALS = struct.Struct("3i")
"""``struct ucred``: process, user and group of who sent a message, as this process sees them."""
HOLD = 'read -r code < "$1"; exit "${code:-137}"'
"""What keeps the place of a kernel in its sandbox: it ends as the kernel ends."""
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    # Imports start no thread: a fork takes only one with it.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MALLOC_ARENA_MAX": "2",
}
N_FAILURES = 3
MIN_BYTES = 256 * MIB


@dataclass(frozen=True, slots=True)
class Fork:
    """A kernel to be that joined its sandbox and waits for the word to begin."""

    pid: int
    control: socket.socket

    def begin(self) -> None:
        """Let it go on."""
        self.control.send(b"g")

    def __enter__(self) -> Fork:
        return self

    def __exit__(self, *_error: object) -> None:
        self.control.close()


class Zygote:
    """One running zygote; its methods block and may be called on any thread."""

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._server, self._ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._closing = threading.Lock()
        self.pid = 0
        self.used_at = time.monotonic()
        self.failure = ""
        """Why it is of no more use; empty while it is."""

    def start(self) -> None:
        """Start it and wait for its imports; SandboxUnavailable when it does not get there."""
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._server.settimeout(START_SECONDS)
        held, self._lifeline = os.pipe()
        try:
            launch = self._launch()
            self._process = subprocess.Popen(  # noqa: S603 - our own argv, no shell
                guarded(launch, held),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=launch.env,
                cwd="/",
                pass_fds=(held, *launch.fds),
                start_new_session=True,
            )
        finally:
            os.close(held)
            self._ours.close()
        self.pid = _sender(self._server)
        if not self.pid:
            raise SandboxUnavailable(f"a zygote could not be started: {self.close()}")

    def command(self, launch: Launch) -> list[str]:
        """A launch's command in the name spaces of the zygote, whose children may join below."""
        nsenter = shutil.which("nsenter")
        if nsenter is None:
            raise SandboxUnavailable("nsenter is not installed", missing=["nsenter"])
        entering = [nsenter, "--user", "--mount", "--preserve-credentials", "-t", str(self.pid)]
        return [*entering, "--", *launch.argv]

    def fork(self, holder: int, settings: str, end: Path) -> Fork:
        """A fork in the sandbox that the holder keeps; it waits for the word to begin."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        ours.settimeout(FORK_SECONDS)
        with theirs:
            request = {"joins": holder, "end": str(end), "settings": settings}
            ours.send(json.dumps(request).encode())
            handed = array.array("i", [theirs.fileno()])
            self._server.sendmsg([b"f"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handed)])
        self.used_at = time.monotonic()
        pid = _sender(ours)
        if not pid:
            ours.close()
            raise SandboxUnavailable("a fork of the zygote did not join its sandbox")
        # The fork says where it is; the machine's kernel is asked whether that is so.
        if proctree.namespaces(pid) != proctree.namespaces(holder):
            ours.close()
            raise SandboxUnavailable("a fork of the zygote is not where it ought to be")
        return Fork(pid, ours)

    def close(self) -> str:
        """End it, not the kernels that were forked from it; what it printed last."""
        with self._closing:
            lifeline, self._lifeline = self._lifeline, -1
            process, self._process = self._process, None
        if lifeline >= 0:
            os.close(lifeline)
        tail = b""
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                tail = process.communicate(timeout=END_SECONDS)[0]
            process.kill()
            process.wait()
        self._server.close()
        return tail.decode(errors="replace").strip().rpartition("\n")[2]

    def _launch(self) -> Launch:
        bwrap = shutil.which(self._config.bwrap)
        if bwrap is None:
            raise SandboxUnavailable("bubblewrap is not installed", missing=["bubblewrap"])
        arguments = ["--unshare-user", "--cap-drop", "ALL", "--die-with-parent"]
        arguments += ["--dev-bind", "/", "/"]
        for folder in (SYSTEM, *interpreter_folders()):
            arguments += ["--ro-bind", str(folder), str(folder)]
        settings = {"import_paths": import_paths(self._config.packages), "launcher": LAUNCHER}
        fd = self._ours.fileno()
        program = [sys.executable, "-I", SCRIPT, str(fd), json.dumps(settings)]
        return Launch(argv=[bwrap, *arguments, "--", *program], env=ENVIRONMENT, fds=(fd,))


class Zygotes:
    """The zygotes of a deployment, at most one for each owner; used from one event loop."""

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._seen: dict[str, float] = {}
        self._running: dict[str, Zygote] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._work: set[asyncio.Future[Any]] = set()
        self._starting: set[str] = set()
        self._n_failures = 0
        self._is_closed = False

    def take(self, owner: str) -> Zygote | None:
        """The owner's zygote for a kernel that starts now; None where a cold start is due."""
        if self._config.zygote == "off" or self._is_closed:
            return None
        zygote = self._running.get(owner)
        if zygote is None:
            if self._is_due(owner):
                self._begin(owner)
            return None
        if zygote.failure:
            self._n_failures += 1
            self._end(owner)
            return None
        self._keep(owner)
        return zygote

    async def settle(self) -> None:
        """Wait for what goes on in the background."""
        while self._work:
            await asyncio.wait(list(self._work))

    async def aclose(self) -> None:
        """End all of them."""
        self._is_closed = True
        await self.settle()
        for owner in list(self._running):
            self._end(owner)
        await self.settle()

    def _is_due(self, owner: str) -> bool:
        """Whether the owner comes again, and soon."""
        now, ttl_s = time.monotonic(), self._config.zygote_ttl_s
        self._seen = {name: at for name, at in self._seen.items() if now - at < ttl_s}
        has_come = owner in self._seen
        self._seen[owner] = now
        is_wanted = has_come or self._config.zygote == "on"
        return is_wanted and owner not in self._starting and self._n_failures < N_FAILURES

    def _begin(self, owner: str) -> None:
        self._starting.add(owner)
        zygote = Zygote(self._config)
        work = asyncio.get_running_loop().run_in_executor(None, zygote.start)

        def started(work: asyncio.Future[None]) -> None:
            self._starting.discard(owner)
            error = work.exception()
            if error is not None:
                self._n_failures += 1
                log.warning("tool kernels of this owner start cold: %s", error)
                self._follow(asyncio.get_running_loop().run_in_executor(None, zygote.close))
                return
            self._running[owner] = zygote
            self._keep(owner)
            self._make_room()

        work.add_done_callback(started)
        self._follow(work)

    def _keep(self, owner: str) -> None:
        """End it when nobody has used it for a while."""
        if owner in self._timers:
            self._timers.pop(owner).cancel()
        loop = asyncio.get_running_loop()
        self._timers[owner] = loop.call_later(self._config.zygote_ttl_s, self._end, owner)

    def _make_room(self) -> None:
        by_use = sorted(self._running, key=lambda owner: self._running[owner].used_at)
        for owner in by_use[: max(len(by_use) - self._config.max_zygotes, 0)]:
            self._end(owner)

    def _end(self, owner: str) -> None:
        self._timers.pop(owner).cancel()
        zygote = self._running.pop(owner)
        self._follow(asyncio.get_running_loop().run_in_executor(None, zygote.close))

    def _follow(self, work: asyncio.Future[Any]) -> None:
        self._work.add(work)
        work.add_done_callback(self._work.discard)


def may_join(plan: LaunchPlan) -> bool:
    """Whether the mechanism of a plan makes name spaces, which a fork can join.

    Without a control group the limit is one of address space, of which a fork has some already.
    """
    has_room = plan.groups is not None or plan.memory_bytes >= MIN_BYTES
    return plan.mechanism.startswith("namespaces") and has_room


def hold_command(end: Path) -> list[str]:
    """The program that keeps a place in the sandbox until it is told an exit code."""
    return ["/bin/sh", "-c", HOLD, "sh", str(end)]


def _sender(connection: socket.socket) -> int:
    """Which process sent the next message; 0 when none came."""
    try:
        data, ancillary, _, _ = connection.recvmsg(64, socket.CMSG_SPACE(CREDENTIALS.size))
    except OSError:
        return 0
    for _level, kind, content in ancillary:
        if data and kind == socket.SCM_CREDENTIALS:
            return int(CREDENTIALS.unpack(content)[0])
    return 0
