"""Which folders of the machine a sandboxed interpreter needs to see, and nothing else.

The interpreter's own prefixes and the declared import packages, each at its own path. A prefix that
is or contains somebody's home folder is refused: binding it would show everything in it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from notebook_agents.confinement.protected import is_protected
from notebook_agents.core.errors import SandboxUnavailable

SYSTEM = Path("/usr")
USR_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
ETC_FILES = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/fonts",
    "/etc/ssl/certs",
    "/etc/mime.types",
)
PROC_FILES = tuple(
    f"/proc/{name}"
    for name in (
        *("cpuinfo", "meminfo", "stat", "uptime", "loadavg", "version", "filesystems"),
        "sys/vm/overcommit_memory",
    )
)
"""What libraries ask about the machine, where there is no ``/proc`` of the sandbox's own."""
MASKED_PROC_FILES = tuple(
    f"/proc/{name}"
    for name in (
        *("kallsyms", "kcore", "key-users", "keys", "kmsg", "latency_stats", "sched_debug"),
        *("sysrq-trigger", "timer_list", "timer_stats"),
    )
)
"""What a ``/proc`` of the sandbox's own still tells of the machine and of others."""
SYS_FOLDERS = ("/sys/fs/cgroup", "/sys/devices/system/cpu", "/sys/devices/system/node")
"""DuckDB ends the process when these are there and cannot be read."""


def interpreter_folders() -> list[Path]:
    """The prefixes of this interpreter outside ``/usr``, as written and as resolved."""
    prefixes = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    paths = [Path(prefix) for prefix in prefixes]
    paths += [path.resolve() for path in paths]
    executable = Path(sys.executable).resolve()
    paths.append(executable.parent.parent)
    for path in paths:
        _refuse_home(path)
    return _outermost(path for path in paths if not path.is_relative_to(SYSTEM))


def package_folders(packages: Iterable[str], seen: Iterable[Path]) -> list[Path]:
    """The source folders of import packages that the seen folders do not hold already."""
    already = tuple(seen)
    found = [place for name in packages for place in _places(name)]
    return [path for path in found if not any(path.is_relative_to(folder) for folder in already)]


def import_paths(packages: Iterable[str]) -> tuple[str, ...]:
    """Where this process imports the packages from; an isolated interpreter may not look there."""
    return tuple({str(place.parent): None for name in packages for place in _places(name)})


def covered_entries(workspace: Path, private: Iterable[Path]) -> list[Path]:
    """What lies in a workspace and a sandbox must not see: hidden entries and the private folders.

    A notebook in a home folder has keys and tokens beside it. Only the entries of the workspace
    itself are covered, as they are when the kernel starts; links lead nowhere in the sandbox.
    """
    hidden = [p for p in workspace.iterdir() if p.name.startswith(".") and not p.is_symlink()]
    inside = [p for p in private if p.exists() and p != workspace and p.is_relative_to(workspace)]
    return sorted({*hidden, *inside})


def guarded_entries(workspace: Path, protected: Iterable[str]) -> list[Path]:
    """What lies in a workspace, can be read, and must not be changed by code."""
    return sorted(
        entry
        for entry in workspace.iterdir()
        if is_protected(entry.name, protected)
        and not entry.name.startswith(".")
        and not entry.is_symlink()
    )


def protected_entries(workspace: Path, protected: Iterable[str]) -> frozenset[str]:
    """The names of the protected entries of a workspace that hold something."""
    patterns = tuple(protected)
    with os.scandir(workspace) as entries:
        return frozenset(
            entry.name
            for entry in entries
            if is_protected(entry.name, patterns) and not _is_empty(entry)
        )


def clear(workspace: Path, protected: Iterable[str], kept: Iterable[str]) -> list[str]:
    """Remove the protected entries of a workspace that were not there before; their names.

    Links are removed and never followed. Empty folders are left: they hold a place.
    """
    known, removed = frozenset(kept), []
    for name in protected_entries(workspace, protected) - known:
        path = workspace / name
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        removed.append(name)
    return sorted(removed)


def _is_empty(entry: os.DirEntry[str]) -> bool:
    if not entry.is_dir(follow_symlinks=False):
        return False
    try:
        with os.scandir(entry.path) as entries:
            return not any(entries)
    except OSError:
        return False


def _places(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise SandboxUnavailable(f"package {package!r} of the sandbox is not installed")
    return [Path(p) for p in spec.submodule_search_locations or filter(None, [spec.origin])]


def _refuse_home(path: Path) -> None:
    home = Path.home()
    if path != Path("/usr") and (home.is_relative_to(path) or path == Path("/")):
        raise SandboxUnavailable(
            f"the interpreter's prefix {str(path)!r} holds a home folder and cannot be shown to "
            "a sandbox; use a virtual environment in a folder of its own",
            missing=["interpreter-prefix"],
        )


def _outermost(paths: Iterable[Path]) -> list[Path]:
    kept: list[Path] = []
    for path in sorted(set(paths), key=lambda path: len(path.parts)):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept
