"""The private folder of this server process for sockets and scratch, and the sweep of old ones.

Control groups of kernels are named after their folders, so that the same sweep finds them.
Socket paths may be 107 bytes long at most, so a deep configured folder is replaced by one in the
system's temporary folder.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from notebook_agents.confinement import cgroups
from notebook_agents.confinement.cgroups import ControlGroups
from notebook_agents.core.errors import SandboxUnavailable
from notebook_agents.core.folders import remove_folder
from notebook_agents.core.locked_folders import LockedFolders

MAX_PREFIX_BYTES = 64
"""What of the 107 bytes may be spent on the folder; the rest is for its own names."""
PREFIX = "nba-"


class RunDir:
    """A private folder that lives as long as this object; all methods block."""

    def __init__(self, parent: Path, groups: ControlGroups | None = None) -> None:
        parent = _short(parent)
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if parent.stat().st_uid != os.getuid():
            raise SandboxUnavailable(
                f"the run folder {str(parent)!r} belongs to somebody else; configure another"
            )
        self.path = parent / f"{PREFIX}{secrets.token_hex(4)}"
        self._lock = _folders(parent, groups).make(self.path.name)

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
            _folders(parent, cgroups.find()).sweep()


def _folders(parent: Path, groups: ControlGroups | None) -> LockedFolders:
    def remove(folder: Path) -> None:
        if groups is not None:
            groups.sweep(f"{folder.name}-")
        remove_folder(folder)

    # A configured folder may be a link, and a link is never locked.
    return LockedFolders(parent=parent, prefix=PREFIX, lock=parent.resolve(), remove=remove)


def _short(parent: Path) -> Path:
    """The folder, or one in the system's temporary folder when its path is too long."""
    if len(os.fsencode(parent)) <= MAX_PREFIX_BYTES:
        return parent
    return Path(tempfile.gettempdir()) / f"{PREFIX}{os.getuid()}"
