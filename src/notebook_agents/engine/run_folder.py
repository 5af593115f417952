"""Where a worker lives on disk: a private folder for its sockets, a log file beside it.

Addresses of unix sockets are short, so that the folder moves to the temporary directory where the
wanted one has a long path. A lock shows that somebody uses a folder; folders that killed processes
left behind are removed, and another lock keeps that apart from making folders. Other people write
to the temporary directory too: what is not ours is left alone.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST_PATH = 100
"""Bytes of a socket's path; Linux allows 107, other systems a little less."""
LARGEST_LOG = 1_000_000
"""Bytes of log after which a new one is begun; one old one is kept."""
_TAIL_LINES = 5
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_SUFFIX = len("/kernel-5")


class RunFolder:
    """The paths of one worker."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir.absolute()
        name = secrets.token_hex(4)
        inside = self._run_dir / f"engine-{name}"
        is_short = len(os.fsencode(inside)) + _SUFFIX <= LONGEST_PATH
        outside = Path(tempfile.gettempdir()) / f"notebook-agents-engine-{name}"
        self.path = inside if is_short else outside
        """The folder, mode 0700."""
        self.socket = self.path / "http"
        self.log_file = self._run_dir / "engine.log"
        self._lock: int | None = None

    def create(self) -> None:
        """Make the folders, empty, and a log file that is not too large."""
        self._run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        stem = self.path.name.rpartition("-")[0]
        with _one_at_a_time(self.path.with_name(f"{stem}.{os.getuid()}.lock")) as may_sweep:
            self.remove()  # What a worker that crashed left there is in the way of the next.
            self.path.mkdir(mode=0o700)
            self._lock = _locked(self.path)
            for folder in self.path.parent.glob(f"{stem}-*") if may_sweep else ():
                _remove_orphan(folder)
        if self.log_file.exists() and self.log_file.stat().st_size > LARGEST_LOG:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))

    def log_tail(self) -> str:
        """The last lines of the log, for a message."""
        if not self.log_file.exists():
            return ""
        with self.log_file.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            lines = file.read().decode("utf-8", "replace").splitlines()
        return " | ".join(line.strip() for line in lines[-_TAIL_LINES:])

    def remove(self) -> None:
        """Remove the sockets; the log stays."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[bool]:
    """Hold this user's lock on a directory; False when somebody else took its name.

    Then no process of this user sweeps, so that nobody's new folder is in danger.
    """
    try:
        lock = os.open(path, _LOCK_FLAGS, 0o600)
    except OSError:
        yield False
        return
    try:
        is_ours = os.fstat(lock).st_uid == os.getuid()
        if is_ours:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield is_ours
    finally:
        os.close(lock)


def _locked(folder: Path) -> int | None:
    """Take the lock of a folder of ours, which ends with this process.

    None when another process has it; OSError when the folder is a link, or another user's.
    """
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(place).st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to another user")
        lock = os.open("lock", _LOCK_FLAGS, 0o600, dir_fd=place)
    finally:
        os.close(place)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _remove_orphan(folder: Path) -> None:
    with suppress(OSError):
        if (lock := _locked(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
