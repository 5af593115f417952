"""The value that says how one tool kernel is to be started, and the seam of the backends.

A Backend turns a LaunchPlan into a command line; the provisioner runs it and knows nothing of the
mechanism. Adding a mechanism is adding a Backend.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from notebook_agents.confinement.cgroups import ControlGroups, Group
from notebook_agents.confinement.protected import PROTECTED
from notebook_agents.core.policy import Level
from notebook_agents.sandbox.config import MIB

MAX_THREADS = 4
LATE_FILTER = "late system call filter"
REMOTE = "remote"
"""The mechanism of a provisioner that is not ours."""
STAGE, OUTPUTS = "w", "outputs"
DEFAULT_BACKENDS: dict[Level, str] = {
    "low": "process",
    "medium": "namespaces",
    "high": "namespaces",
}
MAX_DISPLAY_BYTES = 4 * MIB
"""Half of what a message may have: a figure above it is only mentioned."""
LAUNCHER = str(Path(__file__).resolve().with_name("launcher.py"))
GUARD = str(Path(__file__).resolve().with_name("guard.py"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """One tool kernel to be."""

    level: Level
    run_dir: Path
    """Private folder of this kernel: its sockets, its connection file, its scratch."""
    workspace: Path
    asked_workspace: str = ""
    """The workspace as it was asked for, before links were resolved."""
    private: tuple[Path, ...] = ()
    """Folders that a sandbox never sees, should they lie in the workspace."""
    is_writable: bool = False
    memory_bytes: int = 512 * MIB
    max_file_bytes: int = 256 * MIB
    scratch_bytes: int = 256 * MIB
    max_tasks: int = 64
    groups: ControlGroups | None = None
    """Where a control group for it can be made; it then limits memory and tasks."""
    quotas: tuple[Path, ...] = ()
    """Folders whose growth is watched while it runs, besides its private one."""
    max_disk_bytes: int = 1024 * MIB
    max_files: int = 100_000
    packages: tuple[str, ...] = ("notebook_agents",)
    import_paths: tuple[str, ...] = ()
    """Folders that hold the packages, for where the interpreter does not find them by itself."""
    bwrap: str = "bwrap"
    start_timeout_s: float = 30.0
    backend: str = ""
    """The mechanism to use; empty takes the first one of the level."""
    is_ours: bool = False
    """Whether the workspace is a folder of ours, made for one conversation, in which code writes.
    In a writable one that is not, only functions of ours run."""
    network_socket: str = ""
    """Where a proxy listens that lets code reach some hosts; empty reaches none."""
    protected: tuple[str, ...] = PROTECTED
    """Names in a writable workspace that people, editors and interpreters run things from."""
    kept: frozenset[str] = frozenset()
    """Which of them were there before the kernel."""

    @property
    def mechanism(self) -> str:
        """The name of the backend."""
        return self.backend or DEFAULT_BACKENDS[self.level]

    @property
    def is_alone(self) -> bool:
        """Whether the kernel is locked down to one process before it runs anybody's code."""
        return self.level == "high" or self.mechanism == "landlock"

    @property
    def is_staged(self) -> bool:
        """Whether the kernel works on copies and sees nothing of the workspace itself."""
        return self.level == "high"

    @property
    def folder(self) -> Path:
        """Where the kernel works: the workspace, or the copies of it."""
        return self.run_dir / STAGE if self.is_staged else self.workspace

    @property
    def outputs(self) -> Path:
        """The one writable folder among the copies."""
        return self.run_dir / STAGE / OUTPUTS

    @property
    def connection_file(self) -> Path:
        """Where the kernel reads its key and its sockets."""
        return self.run_dir / "kernel.json"

    @property
    def socket_prefix(self) -> str:
        """The path of the sockets without ``-<number>``."""
        return str(self.socket_folder / "k")

    @property
    def socket_folder(self) -> Path:
        """The only part of the private folder that the kernel writes to."""
        return self.run_dir / "s"

    def command(self) -> list[str]:
        """The kernel itself, without anything around it."""
        return [
            sys.executable,
            "-I",
            LAUNCHER,
            json.dumps(
                {
                    "connection_file": str(self.connection_file),
                    "import_paths": self.import_paths,
                    "folder": str(self.folder),
                    # A group counts what is used; address space that is only reserved is no matter.
                    "memory_bytes": 0 if self.groups else self.memory_bytes,
                    "max_file_bytes": self.max_file_bytes,
                    "max_display_bytes": MAX_DISPLAY_BYTES,
                    "max_tasks": self.max_tasks if self.mechanism.startswith("names") else 0,
                    "is_alone": self.is_alone,
                    "network_socket": self.network_socket,
                }
            ),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A command ready to run."""

    argv: list[str]
    env: dict[str, str]
    fds: tuple[int, ...] = ()
    """Descriptors the command inherits; closed here once it runs."""
    info_fd: int = -1
    """Where the mechanism reports the process it started; -1 when it does not."""


class Backend(Protocol):
    """One way to confine a kernel."""

    name: str
    has_own_network: bool
    """Whether the kernel has a loopback of its own, apart from the machine's."""

    def prepare(self, plan: LaunchPlan, command: list[str]) -> Launch:
        """The command line; SandboxUnavailable when something it needs is missing."""
        ...

    def find_kernel(self, launch: Launch, guard_pid: int) -> int | None:
        """The kernel's process as this process sees it; None while it is not there yet."""
        ...

    def verify(self, kernel_pid: int, plan: LaunchPlan) -> tuple[str, ...]:
        """What ought to be enforced on the running kernel and is not."""
        ...


def guarded(
    launch: Launch, lifeline: int, group: Group | None = None, joins: tuple[int, ...] = ()
) -> list[str]:
    """The launch's command with the guard in front of it, which enters the group's files first."""
    fds = ",".join(str(fd) for fd in (lifeline, *launch.fds))
    folders = "\n".join(str(folder) for folder in group.folders) if group else ""
    entries = ",".join(str(fd) for fd in joins)
    return [sys.executable, "-I", "-S", GUARD, fds, entries, folders, "--", *launch.argv]


@dataclass(frozen=True, slots=True)
class Scratch:
    """Where a kernel may keep what nobody will miss."""

    home: str
    tmp: str
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The whole environment of a kernel: literal names, nothing inherited."""
        threads = str(min(MAX_THREADS, os.cpu_count() or 1))
        return {
            "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
            "HOME": self.home,
            "TMPDIR": self.tmp,
            "IPYTHONDIR": f"{self.home}/.ipython",
            "MPLCONFIGDIR": f"{self.home}/.config/matplotlib",
            "PLOTLY_RENDERER": "plotly_mimetype",
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "MALLOC_ARENA_MAX": "2",
            **self.extra,
        }
