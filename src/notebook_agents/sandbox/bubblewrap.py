"""Level ``medium`` through bubblewrap: own namespaces, a minimal read-only root, no network.

All arguments travel through a memory file, and bubblewrap itself gets an empty environment:
whatever stands in its command line or environment could be read from inside as that of process 1.
Later mounts hide earlier ones, so the order of the view matters. ``/proc`` is read-only: what lies
below ``/proc/sys`` belongs to the machine's root, and the server may be run by root, also under
another number in a user namespace.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path

from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.policy import Level
from notebook_agents.sandbox import proctree
from notebook_agents.sandbox.config import MIB
from notebook_agents.sandbox.fileview import (
    covered_entries,
    interpreter_folders,
    package_folders,
)
from notebook_agents.sandbox.plan import Launch, LaunchPlan, Scratch

TMP = "/tmp"  # noqa: S108 - a private tmpfs inside the sandbox
SHM_BYTES = 64 * MIB
INFO_BYTES = 4096
USR_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
ETC_FILES = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/fonts",
    "/etc/ssl/certs",
    "/etc/mime.types",
)
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

    name = "namespaces"
    level: Level = "medium"

    def prepare(self, plan: LaunchPlan, command: list[str]) -> Launch:
        """The command inside bubblewrap, its arguments in a memory file."""
        bwrap = shutil.which(plan.bwrap)
        if bwrap is None:
            raise SandboxUnavailable("bubblewrap is not installed", missing=["bubblewrap"])
        arguments = "\0".join(self._arguments(plan)).encode()
        args_fd = os.memfd_create("args")
        os.write(args_fd, arguments)
        os.lseek(args_fd, 0, os.SEEK_SET)
        info_fd, info_write = os.pipe()
        argv = [bwrap, "--args", str(args_fd), "--info-fd", str(info_write), "--", *command]
        return Launch(argv=argv, env={}, fds=(args_fd, info_write), info_fd=info_fd)

    def find_kernel(self, launch: Launch, guard_pid: int) -> int | None:  # noqa: ARG002
        """The first child of the namespace's process 1, which bubblewrap reports."""
        init = _reported_init(launch.info_fd)
        return _wait_for_child(init) if init else None

    def verify(self, kernel_pid: int) -> tuple[str, ...]:
        """Compare the kernel's status and namespaces with what was asked for."""
        fields = proctree.status(kernel_pid)
        ours, theirs = proctree.namespaces("self"), proctree.namespaces(kernel_pid)
        missing = [f"{name} namespace" for name, inode in ours.items() if theirs.get(name) == inode]
        if fields.get("NoNewPrivs") != "1":
            missing.append("no_new_privs")
        if any(int(fields.get(name, "1"), 16) for name in ("CapEff", "CapPrm", "CapBnd")):
            missing.append("dropped capabilities")
        return tuple(missing)

    def _arguments(self, plan: LaunchPlan) -> list[str]:
        interpreter = interpreter_folders()
        packages = package_folders(plan.packages, interpreter)
        covered = covered_entries(plan.workspace, plan.private)
        home = f"{TMP}/home"
        arguments = [
            *NAMESPACES,
            *_system_view(plan),
            *(("--bind" if plan.is_writable else "--ro-bind"), *[str(plan.workspace)] * 2),
            *(part for path in covered for part in _cover(path)),
            # After the workspace: an environment or a source tree inside it stays readable only.
            *(part for path in (*interpreter, *packages) for part in _read_only(path)),
            *("--bind", *[str(plan.run_dir)] * 2),
            *("--ro-bind-try", *[str(plan.connection_file)] * 2),
            # At last: the folders above may lie in a covered one, as they do in a home folder.
            *(part for path in covered if path.is_dir() for part in ("--remount-ro", str(path))),
            *("--dir", home, "--remount-ro", "/", "--remount-ro", "/proc"),
        ]
        for name, value in Scratch(home, TMP).environment().items():
            arguments += ["--setenv", name, value]
        return [*arguments, "--chdir", str(plan.workspace)]


def _system_view(plan: LaunchPlan) -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in USR_MERGED:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            arguments += _read_only(path)
    for file in ETC_FILES:
        arguments += ["--ro-bind-try", file, file]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    arguments += ["--size", str(SHM_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    return [*arguments, "--size", str(plan.scratch_bytes), "--tmpfs", TMP]


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
    """Process 1 reports itself before it starts the kernel; None when it ended instead."""
    while Path(f"/proc/{init}").exists():
        found = proctree.children(init)
        if found:
            return found[0]
    return None
