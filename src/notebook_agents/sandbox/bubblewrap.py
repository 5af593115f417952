"""Levels ``medium`` and ``high`` through bubblewrap: own namespaces, a minimal root, no network.

All arguments travel through a memory file, and bubblewrap itself gets an empty environment:
whatever stands in its command line or environment could be read from inside as that of process 1.
Later mounts hide earlier ones, so the order of the view matters. ``/proc`` is read-only: what lies
below ``/proc/sys`` belongs to the machine's root, and the server may be run by root, also under
another number in a user namespace. Where a pod refuses a ``/proc`` of the sandbox's own, a few of
its files stand in for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from notebook_agents.confinement.filters import assemble
from notebook_agents.confinement.lockdown import EARLY
from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.sandbox import proctree
from notebook_agents.sandbox.config import MIB
from notebook_agents.sandbox.devices import own_nodes
from notebook_agents.sandbox.fileview import (
    ETC_FILES,
    MASKED_PROC_FILES,
    PROC_FILES,
    USR_MERGED,
    covered_entries,
    guarded_entries,
    interpreter_folders,
    package_folders,
)
from notebook_agents.sandbox.plan import Launch, LaunchPlan, Scratch
from notebook_agents.sandbox.selfcheck import lacks_of

TMP = "/tmp"  # noqa: S108 - a private tmpfs inside the sandbox
SHM_BYTES = 64 * MIB
PROC_BYTES = MIB
INFO_BYTES = 4096
CHILD_SECONDS = 10.0
NAMESPACES = (
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-net",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
)


class NamespaceBackend:
    """Runs the kernel inside bubblewrap."""

    has_own_network = True

    def __init__(self, name: str = "namespaces", *, has_proc: bool = True) -> None:
        self.name = name
        self._has_proc = has_proc

    def prepare(self, plan: LaunchPlan, command: list[str]) -> Launch:
        """The command inside bubblewrap; its arguments and the filter in memory files."""
        bwrap = shutil.which(plan.bwrap)
        if bwrap is None:
            raise SandboxUnavailable("bubblewrap is not installed", missing=["bubblewrap"])
        args_fd = _memory_file("\0".join(self._arguments(plan)).encode())
        info_fd, info_write = os.pipe()
        filter_fd = _memory_file(assemble(EARLY))
        argv = [bwrap, "--args", str(args_fd), "--info-fd", str(info_write)]
        return Launch(
            argv=[*argv, "--seccomp", str(filter_fd), "--", *command],
            env={},
            fds=(args_fd, info_write, filter_fd),
            info_fd=info_fd,
        )

    def find_kernel(self, launch: Launch, guard_pid: int) -> int | None:  # noqa: ARG002
        """The first child of the namespace's process 1, which bubblewrap reports."""
        init = _reported_init(launch.info_fd)
        return _wait_for_child(init) if init else None

    def verify(self, kernel_pid: int, plan: LaunchPlan) -> tuple[str, ...]:
        """Compare the kernel's status and namespaces with what was asked for."""
        return lacks_of(kernel_pid, plan, proctree.NAMESPACES)

    def _arguments(self, plan: LaunchPlan) -> list[str]:
        interpreter = interpreter_folders()
        home = f"{TMP}/home"
        arguments = [
            *NAMESPACES,
            *_system_view(plan, has_proc=self._has_proc),
            *(_staged(plan) if plan.is_staged else _workspace(plan)),
            # After the workspace: an environment or a source tree inside it stays readable only.
            *(
                part
                for path in (*interpreter, *package_folders(plan.packages, interpreter))
                for part in _read_only(path)
            ),
            *("--bind", *[str(plan.socket_folder)] * 2),
            *("--ro-bind-try", *[str(plan.connection_file)] * 2),
            # At last: the folders above may lie in a covered one, as they do in a home folder.
            *([] if plan.is_staged else _sealed_covers(plan)),
            *("--dir", home, "--remount-ro", "/", "--remount-ro", "/proc"),
        ]
        for name, value in Scratch(home, TMP).environment().items():
            arguments += ["--setenv", name, value]
        return [*arguments, "--chdir", str(plan.folder)]


def _memory_file(content: bytes) -> int:
    fd = os.memfd_create("")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _workspace(plan: LaunchPlan) -> Iterator[str]:
    yield from ("--bind" if plan.is_writable else "--ro-bind", *[str(plan.workspace)] * 2)
    for path in covered_entries(plan.workspace, plan.private):
        yield from _cover(path)
    if plan.is_writable:
        for path in guarded_entries(plan.workspace, plan.protected):
            yield from _read_only(path)


def _sealed_covers(plan: LaunchPlan) -> Iterator[str]:
    for path in covered_entries(plan.workspace, plan.private):
        if path.is_dir():
            yield from ("--remount-ro", str(path))


def _staged(plan: LaunchPlan) -> Iterator[str]:
    """The copies, and the one folder among them that may be written to."""
    yield from _read_only(plan.folder)
    yield from ("--bind", *[str(plan.outputs)] * 2)


def _system_view(plan: LaunchPlan, *, has_proc: bool) -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in USR_MERGED:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            arguments += _read_only(path)
    for file in ETC_FILES:
        arguments += ["--ro-bind-try", file, file]
    arguments += _masked_proc() if has_proc else _stub_of_proc()
    arguments += ["--dev", "/dev", *own_nodes(plan.run_dir)]
    arguments += ["--size", str(SHM_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    return [*arguments, "--size", str(plan.scratch_bytes), "--tmpfs", TMP]


def _masked_proc() -> list[str]:
    arguments = ["--proc", "/proc"]
    for file in MASKED_PROC_FILES:
        if Path(file).exists():
            arguments += _cover(Path(file))
    return arguments


def _stub_of_proc() -> list[str]:
    arguments = ["--size", str(PROC_BYTES), "--tmpfs", "/proc"]
    for file in PROC_FILES:
        arguments += ["--ro-bind-try", file, file]
    return arguments


def _cover(path: Path) -> list[str]:
    if path.is_dir():
        return ["--tmpfs", str(path)]
    return ["--ro-bind", os.devnull, str(path)]


def _read_only(path: Path) -> list[str]:
    return ["--ro-bind", str(path), str(path)]


def _reported_init(info_fd: int) -> int:
    """The pid of process 1 from bubblewrap's report, which comes in pieces; 0 when it ended."""
    report = b""
    while chunk := os.read(info_fd, INFO_BYTES):
        report += chunk
        with contextlib.suppress(ValueError):
            init: int = json.loads(report)["child-pid"]
            return init
    return 0


def _wait_for_child(init: int) -> int | None:
    """Process 1 reports itself before it starts the kernel; None when it ended instead.

    What has no child in time is no process 1, but a program without a namespace of its own.
    """
    give_up = time.monotonic() + CHILD_SECONDS
    while Path(f"/proc/{init}").exists() and time.monotonic() < give_up:
        found = proctree.children(init)
        if found:
            return found[0]
    return None
