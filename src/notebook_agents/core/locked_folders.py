"""Folders that go when their processes are gone, however those ended.

Each process keeps a lock in its own folder, which the operating system lets go of when it ends: a
folder that can be locked is one that a killed process left. Another lock keeps sweeping apart from
making, where a folder has no lock for a moment. Others may write beside the folders: what is a
link, or not ours, is left alone.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

if sys.platform != "win32":
    import fcntl

    _FILE = os.O_RDWR | os.O_CREAT
    _FOLDER = os.O_RDONLY | os.O_DIRECTORY

_remove = partial(shutil.rmtree, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFolders:
    """The folders of one kind in one place; not on Windows, which has no such locks."""

    parent: Path
    prefix: str
    """What their names begin with, and those of no other folders."""
    lock: Path
    """Held while one is made and others are swept: a folder, or a file, made when it is missing."""
    remove: Callable[[Path], object] = _remove
    """Removes what a killed process left; after an OSError the next sweep tries again."""

    def make(self, name: str) -> int:
        """Sweep, and make an empty folder of mode 0700; waits for others who do so.

        It is safe from sweeps until the descriptor that comes back is closed, or the process ends.

        Raises:
            OSError: it is there already, or cannot be made or locked.
        """
        folder = self.parent / name
        with self._swept():
            folder.mkdir(mode=0o700)
            return _locked(folder)

    def sweep(self) -> None:
        """Remove what killed processes left; waits for others who sweep or make folders.

        Raises:
            OSError: where the lock lies there are no locks.
        """
        with self._swept():
            pass

    @contextmanager
    def _swept(self) -> Iterator[None]:
        try:
            lock = _opened(self.lock, _FOLDER if self.lock.is_dir() else _FILE)
        except OSError:
            # Somebody else took its name, or it cannot be there. Then no process of this user
            # sweeps, so that nobody's new folder is in danger.
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for folder in self.parent.glob(f"{self.prefix}*"):
                with suppress(OSError):
                    self._remove_if_left(folder)
            yield
        finally:
            os.close(lock)

    def _remove_if_left(self, folder: Path) -> None:
        lock = _locked(folder)  # made anew where a removal was cut off
        try:
            self.remove(folder)
        finally:
            os.close(lock)


def _locked(folder: Path) -> int:
    """Take a folder's lock; OSError when another process has it, or the folder is not ours."""
    place = _opened(folder, _FOLDER)
    try:
        lock = _opened("lock", _FILE, place)
    finally:
        os.close(place)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _opened(path: Path | str, flags: int, folder: int | None = None) -> int:
    """Open what is ours, in an open folder if given; OSError for links and what others own."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    if os.fstat(descriptor).st_uid != os.getuid():
        os.close(descriptor)
        raise PermissionError(f"{str(path)!r} belongs to another user")
    return descriptor
