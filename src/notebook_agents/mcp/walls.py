"""What a program of a tool server sees: the system's files, its own folder, and what it was given.

Bubblewrap builds the view and gets its arguments through a memory file, so that nobody reads them
in a list of processes; a filter of system calls (`confinement`) closes what leads out. The program
has the network unless the deployment says otherwise. Without namespaces there are no such walls.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from notebook_agents.confinement.filters import assemble
from notebook_agents.confinement.lockdown import EARLY

SCRATCH_BYTES = 256 << 20
USR_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
ETC = (
    "alternatives",
    "ca-certificates",
    "gai.conf",
    "hosts",
    "ld.so.cache",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "pki",
    "resolv.conf",
    "ssl",
)
"""What is read there to find hosts and to trust them; nothing tells of people."""
NAMESPACES = (
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    *("--cap-drop", "ALL"),
)
WRITABLE = ":rw"
"""What the deployment puts behind a folder in which programs may write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a deployment lets the programs of tool servers see."""

    hidden: Sequence[Path] = ()
    """Never, wherever it lies."""
    folders: Sequence[str] = ()
    """Besides the system's; behind `WRITABLE` ones may be written."""
    has_network: bool = True


def arguments(view: View, folder: Path, command: Sequence[str], named: Iterable[str]) -> list[str]:
    """What bubblewrap is told; ``named`` are paths that an administrator gave to the program."""
    shown = [path for text in named if (path := Path(text)).is_absolute() and path.exists()]
    told = [*NAMESPACES, *(() if view.has_network else ("--unshare-net",)), *_system()]
    for path in _outermost((*_interpreters(), *_places(command[0]), *shown)):
        told += ["--ro-bind", str(path), str(path)]
    for text in view.folders:
        path = Path(text.removesuffix(WRITABLE)).expanduser().absolute()
        bind = "--bind-try" if text.endswith(WRITABLE) else "--ro-bind-try"
        told += [bind, str(path), str(path)]
    covered = [path for path in view.hidden if path.exists()]
    for path in covered:
        told += ["--tmpfs", str(path)] if path.is_dir() else ["--ro-bind", os.devnull, str(path)]
    told += ["--bind", str(folder), str(folder), "--chdir", str(folder)]
    # At last: the program's own folder may lie in a covered one.
    for path in covered:
        told += ["--remount-ro", str(path)] if path.is_dir() else []
    return [*told, "--remount-ro", "/", "--remount-ro", "/proc"]


def memory_file(content: bytes) -> int:
    """A descriptor from which bubblewrap reads."""
    descriptor = os.memfd_create("walls")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def filter_program() -> bytes:
    """Refuses the calls that no program needs and that lead out of namespaces."""
    return assemble(EARLY)


def _system() -> list[str]:
    told = ["--ro-bind", "/usr", "/usr"]
    for name in USR_MERGED:
        path = Path("/", name)
        if path.is_symlink():
            told += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            told += ["--ro-bind", str(path), str(path)]
    for name in ETC:
        told += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    told += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    return [*told, "--size", str(SCRATCH_BYTES), "--tmpfs", "/tmp"]  # noqa: S108 - their own


def _interpreters() -> list[Path]:
    prefixes = {Path(prefix) for prefix in (sys.prefix, sys.base_prefix)}
    return sorted(prefixes | {prefix.resolve() for prefix in prefixes})


def _places(command: str) -> list[Path]:
    """Where a command lies, and the folder it was installed with."""
    found = shutil.which(command, path=f"{sys.prefix}/bin:{os.environ.get('PATH', os.defpath)}")
    if found is None:
        return []
    real = Path(found).resolve()
    home = real.parent.parent if real.parent.name == "bin" else real.parent
    return [real if _holds_everything(home) else home, Path(found)]


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Those that no other shows already, without home folders."""
    kept: list[Path] = [Path("/usr")]
    for path in sorted(set(paths), key=lambda path: len(path.parts)):
        if not any(path.is_relative_to(other) for other in kept) and not _holds_everything(path):
            kept.append(path)
    return kept[1:]


def _holds_everything(path: Path) -> bool:
    """Whether it is somebody's home folder, or holds it."""
    return path == Path("/") or Path.home().is_relative_to(path)
