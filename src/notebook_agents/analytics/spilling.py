"""Where questions put on the disk what memory has no room for.

A database may read and write whatever lies below its own folder, its locked settings
notwithstanding, so each has one for itself. All of a process lie in one that is locked for as long
as the process lives; what a killed one left goes when the next one needs a folder.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from notebook_agents.core.ids import new_id

if sys.platform != "win32":
    import fcntl

_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class SpillFolders:
    """The folders of this process's databases, below ``parent``; made when they are needed."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._own: Path | None = None
        self._lock_file = -1
        self._lock = threading.Lock()

    def new(self) -> str:
        """The name of a folder for one database, which makes it; empty where there can be none.

        There is none without locks of files (Windows), or on a disk that cannot be written.
        """
        if sys.platform == "win32":
            return ""
        with self._lock:
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
                os.close(self._lock_file)
                self._own = None

    def _make(self) -> Path:
        self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(self._parent / "folders.lock"):
            for left in self._parent.glob("*/lock"):
                _remove_if_left(left)
            own = self._parent / new_id()
            own.mkdir(mode=0o700)
            self._lock_file = os.open(own / "lock", _LOCK_FLAGS, 0o600)
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        return own


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While a folder is made, so that nobody removes it before it is locked."""
    lock = os.open(path, _LOCK_FLAGS, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _remove_if_left(lock_file: Path) -> None:
    """Remove a folder whose process is gone."""
    lock = os.open(lock_file, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(lock_file.parent, ignore_errors=True)
    except BlockingIOError:  # its process is at work
        return
    finally:
        os.close(lock)
