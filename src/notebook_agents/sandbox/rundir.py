"""The private folder of this server process for sockets and scratch, and the sweep of old ones.

Control groups of kernels are named after their folders, so that the same sweep finds them.
A locked file in it says that its server lives; a server that was killed leaves the folder without
the lock, and the next one removes it. Socket paths may be 107 bytes long at most, so a deep
configured folder is replaced by one in the system's temporary folder.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from notebook_agents.confinement import cgroups
from notebook_agents.confinement.cgroups import ControlGroups
from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.folders import remove_folder

if sys.platform != "win32":
    import fcntl

MAX_PREFIX_BYTES = 64
"""What of the 107 bytes may be spent on the folder; the rest is for its own names."""
PREFIX = "nba-"
LOCK = "lock"


class RunDir:
    """A private folder that lives as long as this object; all methods block."""

    def __init__(self, parent: Path, groups: ControlGroups | None = None) -> None:
        parent = _short(parent)
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if parent.stat().st_uid != os.getuid():
            raise SandboxUnavailable(
                f"the run folder {str(parent)!r} belongs to somebody else; configure another"
            )
        with _locked(parent):
            _sweep(parent, groups)
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            self._lock = _lock(self.path, fcntl.LOCK_EX)

    def make(self) -> Path:
        """A new private folder for one kernel."""
        return Path(tempfile.mkdtemp(prefix="", dir=self.path))

    def close(self) -> None:
        """Remove the folder."""
        remove_folder(self.path)
        os.close(self._lock)


def sweep(parent: Path) -> None:
    """Remove what killed servers left, before this one has a folder of its own; blocks."""
    parent = _short(parent)
    with contextlib.suppress(OSError):
        if any(parent.glob(f"{PREFIX}*")) and parent.stat().st_uid == os.getuid():
            with _locked(parent):
                _sweep(parent, cgroups.find())


def _sweep(parent: Path, groups: ControlGroups | None) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            fd = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if groups is not None:
                groups.sweep(f"{folder.name}-")
            remove_folder(folder)
            os.close(fd)


def _short(parent: Path) -> Path:
    """The folder, or one in the system's temporary folder when its path is too long."""
    if len(os.fsencode(parent)) <= MAX_PREFIX_BYTES:
        return parent
    return Path(tempfile.gettempdir()) / f"{PREFIX}{os.getuid()}"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one process at a time makes and sweeps."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _lock(folder: Path, operation: int) -> int:
    fd = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, operation)
    except OSError:
        os.close(fd)
        raise
    return fd
