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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from notebook_agents.core.ids import new_id

if sys.platform != "win32":
    import fcntl

_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def free_bytes(path: str) -> int:
    """How much room there is where a folder is, or will be."""
    at = Path(path)
    while not at.exists():
        at = at.parent
    return shutil.disk_usage(at).free


class SpillFolders:
    """The folders of this process's databases, below ``parent``."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._own: Path | None = None
        self._lock_file = -1
        self._is_tidied = False
        self._lock = threading.Lock()

    def tidy(self) -> None:
        """Remove what killed processes left, the first time."""
        with self._lock:
            if not self._is_tidied and sys.platform != "win32" and self._parent.is_dir():
                with suppress(OSError), _alone(self._parent / "folders.lock"):
                    _remove_left(self._parent)
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
        self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(self._parent / "folders.lock"):
            _remove_left(self._parent)
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


def _remove_left(parent: Path) -> None:
    """Remove the folders whose processes are gone; what cannot be removed is in nobody's way."""
    for folder in parent.iterdir():
        with suppress(OSError):
            if folder.is_dir() and not folder.is_symlink():
                _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    lock = os.open(folder / "lock", _LOCK_FLAGS, 0o600)  # made anew where a removal was cut off
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError while its process is at work
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
