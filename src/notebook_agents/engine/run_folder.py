"""Where a worker lives on disk: a private folder for its sockets, a log file beside it.

Addresses of unix sockets are short, so that the folder moves to the temporary directory where the
wanted one has a long path, where other people write too. What killed processes left is removed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path

from notebook_agents.core.locked_folders import LockedFolders

LONGEST_PATH = 100
"""Bytes of a socket's path; Linux allows 107, other systems a little less."""
LARGEST_LOG = 1_000_000
"""Bytes of log after which a new one is begun; one old one is kept."""
_TAIL_LINES = 5
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
        self.remove()  # What a worker that crashed left there is in the way of the next.
        stem = self.path.name.rpartition("-")[0]
        lock = self.path.with_name(f"{stem}.{os.getuid()}.lock")
        folders = LockedFolders(parent=lock.parent, prefix=f"{stem}-", lock=lock)
        self._lock = folders.make(self.path.name)
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
