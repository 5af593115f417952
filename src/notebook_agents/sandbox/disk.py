"""Watches how much a kernel writes into folders that have no size of their own.

It is soft, as the watchdog is: between two looks a limit can be passed. A look stops at the first
limit that it meets, so it costs no more than a folder that is just allowed; the dearer a look, the
longer until the next.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_DEPTH = 64
"""Folders in folders; nobody means more, and only few tools can remove them."""
BLOCK_BYTES = 512
REST_FACTOR = 20
"""Looking takes at most one part in so many of the warden's time."""
MIN_REST_SECONDS = 0.5


@dataclass(slots=True)
class DiskWatch:
    """The folders of one kernel, and what it may have there."""

    folders: tuple[Path, ...]
    max_bytes: int
    max_files: int
    scratch: str = ""
    """A sized file system of the kernel as this process reaches it; only its files are counted."""
    _next_look: float = 0.0
    _base: tuple[int, int] | None = None
    """What was there when the kernel began: that is not its doing."""

    def is_over(self, *, is_due: bool = False) -> bool:
        """Whether a limit is passed; not looked at when that was done a moment ago."""
        now = time.monotonic()
        if now < self._next_look and not is_due:
            return False
        found = self._look()
        self._next_look = time.monotonic()
        self._next_look += max(MIN_REST_SECONDS, (self._next_look - now) * REST_FACTOR)
        return found

    def _look(self) -> bool:
        if self._n_scratch_files() > self.max_files:
            return True
        base_bytes, base_files = self._base or (0, 0)
        limits = (self.max_bytes + base_bytes, self.max_files + base_files)
        is_over, n_bytes, n_files = usage(self.folders, *limits)
        if self._base is None:
            self._base = (n_bytes, n_files)
            return False
        return is_over

    def _n_scratch_files(self) -> int:
        if not self.scratch:
            return 0
        with contextlib.suppress(OSError):
            found = os.statvfs(self.scratch)
            return found.f_files - found.f_ffree
        return 0


def usage(folders: tuple[Path, ...], max_bytes: int, max_files: int) -> tuple[bool, int, int]:
    """Whether a limit is met, and the bytes and files that were counted until then."""
    n_bytes = n_files = 0
    pending = [(str(folder), 0) for folder in folders]
    while pending:
        path, depth = pending.pop()
        if depth > MAX_DEPTH:
            return True, n_bytes, n_files
        for entry in _entries(path):
            n_files += 1
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    pending.append((entry.path, depth + 1))
                n_bytes += entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
            if n_bytes > max_bytes or n_files > max_files:
                return True, n_bytes, n_files
    return False, n_bytes, n_files


def _entries(path: str) -> Iterator[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(path) as found:
        yield from found
