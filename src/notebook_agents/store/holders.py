"""Holders: which process works on what, and whether it still lives.

Each process keeps a lock on a file of its own for as long as it lives. The operating system lets
go of the lock however the process ends, so a file that can be locked belongs to a dead process;
process numbers that are used again cannot confuse it. Processes with other homes, as on other
machines, are judged by their heartbeats (``heartbeats.py``) where a database is shared.
"""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path

from notebook_agents.core.ids import new_id


class Holders:
    """The lock files of the processes that share one home."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._host = socket.gethostname()
        self.own = f"{self._host}:{os.getpid()}:{new_id()}"
        self._descriptor = _lock(self._path(self.own))
        os.write(self._descriptor, self.own.encode())
        self.found_dead = self._sweep()
        """Processes of this home that had died when this one began."""

    def is_alive(self, holder: str) -> bool:
        """Whether the process lives. One on another machine counts as alive: we cannot know."""
        if holder == self.own:
            return True
        if not holder or holder.split(":", 1)[0] != self._host:
            return bool(holder)
        return not _is_free(self._path(holder))

    def knows(self, holder: str) -> bool:
        """Whether the process has, or had, its lock in this home."""
        return holder == self.own or self._path(holder).exists()

    def close(self) -> None:
        """Let go; the process holds nothing any more."""
        self._path(self.own).unlink(missing_ok=True)
        os.close(self._descriptor)

    def _path(self, holder: str) -> Path:
        return self._folder / (holder.replace(":", "_").replace("/", "_") + ".lock")

    def _sweep(self) -> tuple[str, ...]:
        dead: list[str] = []
        for path in self._folder.glob("*.lock"):
            if path != self._path(self.own) and _is_free(path):
                with suppress(FileNotFoundError):  # another process sweeps too
                    dead.append(path.read_text(errors="replace"))
                path.unlink(missing_ok=True)
        return tuple(filter(None, dead))


def _lock(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between the two calls another process may have swept the file away.
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
        os.close(descriptor)


def _is_free(path: Path) -> bool:
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True
