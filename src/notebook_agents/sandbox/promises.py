"""What each level and mechanism enforces, and what not, in the words of reports and documents."""

from __future__ import annotations

LOW_ENFORCES = (
    "own process, ended with everything it started",
    "wall-clock timeout",
    "output limit",
    "clean environment",
    "no new privileges, no core dumps",
    "file size limit",
)
MEMORY = {
    "cgroup": "memory limit of all processes together (control group)",
    "sealed-rlimit": "memory limit that its one process cannot get around (sealed limit)",
}
SOFT_MEMORY = (
    "hard memory limit (each process has one of its own, a watchdog looks at all together)"
)
LOW_MISSING = ("files", "network", "other processes", "system calls", "disk quota")
_WALLS = (
    *LOW_ENFORCES,
    "own view of the files: interpreter and workspace only",
    "no network",
    "no capabilities",
    "filter of system calls",
    "protected names in writable workspaces",
)
_NAMESPACES = ("own process, IPC and host name spaces", "scratch space of limited size")
_SEALED = ("a single process: no programs, no sockets, no say over other processes",)
_HIGH = ("copies of the workspace, read-only", "a kernel for one call only")
SOFT_QUOTA = "disk quota of the workspace (a watchdog looks)"
_NO_PROC = "a /proc of its own (some files of the machine's stand in for it)"
_DENIED = ("names and sizes of files outside can be asked for, contents not",)
_ENTRIES = (
    "files that appear later beside hidden ones are seen by the next kernel only",
    "protected names in writable workspaces are removed after a call, not refused",
    "size of scratch space (a watchdog looks)",
)


def enforced(level: str, backend: str, memory: str) -> tuple[str, ...]:
    """What a mechanism enforces at a level, where the memory limit is kept so."""
    if level == "low":
        return (*LOW_ENFORCES, *kept(memory))
    has_namespaces = backend.startswith("namespaces")
    is_sealed = level == "high" or not has_namespaces
    return (
        *_WALLS,
        *kept(memory),
        *(_NAMESPACES if has_namespaces else ()),
        *(_SEALED if is_sealed else ()),
        *(_HIGH if level == "high" else ()),
    )


def kept(memory: str) -> tuple[str, ...]:
    """The memory limit, where something else than a watchdog keeps it."""
    return (MEMORY[memory],) if memory in MEMORY else ()


def left_open(level: str, backend: str, memory: str) -> tuple[str, ...]:
    """What it does not enforce, or only watches."""
    soft = () if memory in MEMORY else (SOFT_MEMORY,)
    if level == "low":
        return (*LOW_MISSING, *soft)
    return (
        *soft,
        *(() if level == "high" else (SOFT_QUOTA,)),
        *((_NO_PROC,) if backend == "namespaces-noproc" else ()),
        *(_DENIED if backend == "landlock" else ()),
        *(_ENTRIES if backend == "landlock" and level != "high" else ()),
        "bugs of the kernel of the machine, side channels of the processor",
    )
