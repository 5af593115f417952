"""Reads processes from ``/proc``: who is below whom, what they use, how they are confined."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

NAMESPACES = ("user", "pid", "net", "ipc", "mnt", "uts")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a tree of processes uses at one moment."""

    cpu_s: float = 0.0
    memory_bytes: int = 0
    """Anonymous and shared memory; a page shared after a fork counts for each process."""
    n_tasks: int = 0


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                text = (task / "children").read_text(encoding="ascii")
                found += map(int, text.split())
    return found


def descendants(pid: int) -> list[int]:
    """All processes below a process, parents before their children."""
    found = children(pid)
    for child in found:
        found += children(child)
    return found


def measure(guard_pid: int) -> Sample:
    """What the processes below a guard use together."""
    cpu_s, memory, tasks = 0.0, 0, 0
    ticks_per_second = os.sysconf("SC_CLK_TCK")
    for pid in descendants(guard_pid):
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
            fields = stat.rpartition(")")[2].split()
            cpu_s += sum(map(int, fields[11:15])) / ticks_per_second
            tasks += int(fields[17])
            values = status(pid)
            memory += sum(_bytes(values, name) for name in ("RssAnon", "RssShmem"))
    return Sample(cpu_s, memory, tasks)


def exact_memory(guard_pid: int) -> int:
    """The same memory with shared pages counted once; dear, so asked only near a limit."""
    total = 0
    for pid in descendants(guard_pid):
        with contextlib.suppress(OSError):
            values = _fields(Path(f"/proc/{pid}/smaps_rollup"))
            total += sum(_bytes(values, name) for name in ("Pss_Anon", "Pss_Shmem"))
    return total


def status(pid: int) -> dict[str, str]:
    """The fields of ``/proc/<pid>/status``."""
    return _fields(Path(f"/proc/{pid}/status"))


def namespaces(pid: int | str) -> dict[str, str]:
    """The identity of each namespace of a process."""
    found: dict[str, str] = {}
    for name in NAMESPACES:
        with contextlib.suppress(OSError):
            found[name] = str(Path(f"/proc/{pid}/ns/{name}").readlink())
    return found


def _fields(path: Path) -> dict[str, str]:
    pairs = (line.partition(":") for line in path.read_text(errors="replace").splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _bytes(values: dict[str, str], name: str) -> int:
    return int(values.get(name, "0 kB").split()[0]) * 1024
