"""Where questions put on the disk what memory has no room for.

A database may read and write whatever lies below its own folder, its locked settings
notwithstanding, so each has one for itself. All of a process lie in one that is locked for as long
as the process lives; what a killed one left goes when another one asks the log.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from contextlib import suppress
from pathlib import Path

from notebook_agents.core.ids import new_id
from notebook_agents.core.locked_folders import LockedFolders


def free_bytes(path: str) -> int:
    """How much room there is where a folder is, or will be."""
    at = Path(path)
    while not at.exists():
        at = at.parent
    return shutil.disk_usage(at).free


class SpillFolders:
    """The folders of this process's databases, below ``parent``."""

    def __init__(self, parent: Path) -> None:
        self._folders = LockedFolders(parent=parent, prefix="", lock=parent / "folders.lock")
        self._own: Path | None = None
        self._lock_file = -1
        self._is_tidied = False
        self._lock = threading.Lock()

    def tidy(self) -> None:
        """Remove what killed processes left, the first time."""
        with self._lock:
            if not self._is_tidied and sys.platform != "win32":
                with suppress(OSError):
                    self._folders.sweep()
            self._is_tidied = True

    def new(self) -> str:
        """The name of a folder that one database then makes; empty where there can be none.

        There is none without locks of files (Windows), or on a disk that cannot be written.
        """
        if sys.platform == "win32":
            return ""
        with self._lock:
            if self._own is not None and not self._own.is_dir():  # somebody tidied up
                self._let_go()
            try:
                self._own = self._own or self._make()
            except OSError:
                return ""
            return str(self._own / new_id())

    def remove(self) -> None:
        """All of them, when nothing is asked any more."""
        with self._lock:
            if self._own is not None:
                shutil.rmtree(self._own, ignore_errors=True)
                self._let_go()

    def _let_go(self) -> None:
        os.close(self._lock_file)
        self._own = None

    def _make(self) -> Path:
        parent = self._folders.parent
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = parent / new_id()
        self._lock_file = self._folders.make(own.name)
        return own
