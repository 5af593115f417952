"""Limits memory, tasks and processor time of processes together (control groups of Linux).

A group is made below the one this process is in, where that may be written to: found out by really
doing it once. Version 1 keeps one tree of groups per resource, version 2 one for all. A process
enters by writing ``0`` into a file that this process opened, before it begins its own program.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

PREFIX = "nba-"
PROCESSES = "cgroup.procs"
CONTROLLERS = ("memory", "pids")
CPU = "cpu"
CPU_PERIOD_US = 100_000
REMOVE_SECONDS = 2.0
RETRY_SECONDS = 0.005
PROBE_SECONDS = 10.0
PROBE_BYTES, PROBE_TASKS = 64 << 20, 8
JOIN = "import os, sys; [os.write(int(fd), b'0') for fd in sys.argv[1:]]"


@dataclass(frozen=True, slots=True)
class Group:
    """The group of one kernel or program: one folder for each tree that it is in."""

    folders: tuple[Path, ...]
    is_unified: bool = False

    def join_fds(self) -> tuple[int, ...]:
        """Files into which a process writes ``0`` to enter; the caller closes them."""
        return tuple(
            os.open(folder / PROCESSES, os.O_WRONLY | os.O_CLOEXEC) for folder in self.folders
        )

    def add(self, pid: int) -> None:
        """Put a process in; what it has used until now stays where it was counted."""
        for folder in self.folders:
            (folder / PROCESSES).write_text(str(pid))

    def n_memory_kills(self) -> int:
        """How many processes were killed because the group's memory was used up."""
        name = "memory.events" if self.is_unified else "memory.oom_control"
        return _counter(self.folders[0] / name, "oom_kill")

    def n_refused_tasks(self) -> int:
        """How often a process or thread could not be started because there were enough."""
        return _counter(self.folders[-1] / "pids.events", "max")

    def processes(self) -> list[int]:
        """Who is in it, as far as this process can see them."""
        found: set[int] = set()
        for folder in self.folders:
            with contextlib.suppress(OSError):
                found |= set(map(int, (folder / PROCESSES).read_text().split()))
        return sorted(found - {0})

    def remove(self, timeout_s: float = REMOVE_SECONDS) -> bool:
        """End what is in it and remove it; whether it is gone."""
        give_up = time.monotonic() + timeout_s
        while True:
            for folder in self.folders:
                with contextlib.suppress(OSError):
                    folder.rmdir()
            if not any(folder.exists() for folder in self.folders):
                return True
            if time.monotonic() > give_up:
                return False
            self._kill()
            time.sleep(RETRY_SECONDS)

    def _kill(self) -> None:
        if self.is_unified:
            with contextlib.suppress(OSError):
                (self.folders[0] / "cgroup.kill").write_text("1")
        for pid in self.processes():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """The folders in which this process may make groups."""

    parents: tuple[Path, ...]
    """That of memory first; the same one holds both in version 2."""
    is_unified: bool = False
    cpu: Path | None = None
    """That of processor time in version 1, where there is one."""

    def make(self, name: str, memory_bytes: int, max_tasks: int, n_cpus: float = 0.0) -> Group:
        """A new group with its limits; that of processor time only if given and where possible.

        Raises:
            OSError: the group cannot be made or limited.
        """
        parents = self._trees() if n_cpus else self.parents
        group = Group(tuple(parent / f"{PREFIX}{name}" for parent in parents), self.is_unified)
        made: list[Path] = []
        try:
            for folder in group.folders:
                folder.mkdir()
                made.append(folder)
            for file, value in settings(self.is_unified, memory_bytes, max_tasks).items():
                self._set(group, file, value)
            self._bound_cpu(group, n_cpus)
        except OSError:
            Group(tuple(made), self.is_unified).remove()
            raise
        return group

    def sweep(self, name: str) -> None:
        """Remove the groups whose names begin so; they belong to a server that is no more."""
        trees = self._trees()
        names = {path.name for tree in trees for path in tree.glob(f"{PREFIX}{name}*")}
        for found in names:
            Group(tuple(tree / found for tree in trees), self.is_unified).remove()

    def _trees(self) -> tuple[Path, ...]:
        """Memory first, tasks last."""
        return self.parents if self.cpu is None else (self.parents[0], self.cpu, self.parents[-1])

    def _bound_cpu(self, group: Group, n_cpus: float) -> None:
        """Bound the time of all its tasks; a group above that has less keeps its own bound."""
        quota_us = int(n_cpus * CPU_PERIOD_US)
        file, value = "cpu.max", f"{quota_us} {CPU_PERIOD_US}"
        if not self.is_unified:
            file, value = "cpu.cfs_quota_us", f"{quota_us}"
        path = group.folders[0 if self.is_unified else len(group.folders) // 2] / file
        if n_cpus and path.exists():
            with contextlib.suppress(OSError), path.open("r+") as opened:
                opened.write(value)

    def _set(self, group: Group, file: str, value: str) -> None:
        is_optional = file in ("memory.memsw.limit_in_bytes", "memory.swap.max")
        path = group.folders[-1 if file.startswith("pids.") else 0] / file
        if is_optional and not path.exists():
            return  # a machine without swap accounting
        with path.open("r+") as opened:
            opened.write(value)


def settings(is_unified: bool, memory_bytes: int, max_tasks: int) -> Mapping[str, str]:
    """What is written into which file, in this order."""
    if is_unified:
        return {
            "memory.max": f"{memory_bytes}",
            "memory.swap.max": "0",
            "memory.oom.group": "1",
            "pids.max": f"{max_tasks}",
        }
    return {
        "memory.limit_in_bytes": f"{memory_bytes}",
        "memory.memsw.limit_in_bytes": f"{memory_bytes}",
        "pids.max": f"{max_tasks}",
    }


def find() -> ControlGroups | None:
    """Where groups can be made, tried once with a real process; None when nowhere. Blocks."""
    with contextlib.suppress(OSError, ValueError):
        for found in candidates(
            Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text()
        ):
            if _works(found):
                return found if _may_hold(found.cpu) else replace(found, cpu=None)
    return None


def candidates(mounts: str, memberships: str) -> Iterator[ControlGroups]:
    """Where groups might be made, from the texts of ``mountinfo`` and ``cgroup`` of a process."""
    paths: dict[str, str] = {}
    for line in memberships.splitlines():
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    own: dict[str, Path] = {}
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        (root, mount), (kind, _, options) = before.split()[3:5], after.split()[:3]
        names = options.split(",") if kind == "cgroup" else [""] if kind == "cgroup2" else []
        for name in names:
            if name in paths and Path(paths[name]).is_relative_to(root):
                own[name] = Path(mount) / Path(paths[name]).relative_to(root)
                if not name and paths[name] != root:
                    own["above"] = own[name].parent
    if all(name in own for name in CONTROLLERS):
        yield ControlGroups(tuple(own[name] for name in CONTROLLERS), cpu=own.get(CPU))
    # A group of version 2 that has processes cannot have limited groups below; its parent can.
    yield from (ControlGroups((own[name],), True) for name in ("", "above") if name in own)


def _works(groups: ControlGroups) -> bool:
    try:
        if groups.is_unified:
            _delegate(groups.parents[0])
        group = groups.make(f"probe-{secrets.token_hex(4)}", PROBE_BYTES, PROBE_TASKS)
    except OSError:
        return False
    try:
        fds = group.join_fds()
        try:
            argv = [sys.executable, "-I", "-S", "-c", JOIN, *map(str, fds)]
            done = subprocess.run(  # noqa: S603 - our own argv, no shell
                argv, pass_fds=fds, capture_output=True, timeout=PROBE_SECONDS, check=False
            )
        finally:
            for fd in fds:
                os.close(fd)
        return done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        group.remove()


def _may_hold(tree: Path | None) -> bool:
    """Whether groups can be made there."""
    if tree is None:
        return False
    folder = tree / f"{PREFIX}probe-{secrets.token_hex(4)}"
    try:
        folder.mkdir()
        folder.rmdir()
    except OSError:
        return False
    return True


def _delegate(parent: Path) -> None:
    """Let groups below have limits, which a group with processes of its own refuses."""
    control = parent / "cgroup.subtree_control"
    has = control.read_text().split()
    for name in CONTROLLERS:
        if name not in has:
            control.write_text(f"+{name}")
    if CPU not in has:
        with contextlib.suppress(OSError):  # not every service may bound processor time
            control.write_text(f"+{CPU}")


def _counter(path: Path, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
