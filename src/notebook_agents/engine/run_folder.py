"""Where a worker lives on disk: a private folder for its sockets, a log file beside it.

Addresses of unix sockets are short, so that the folder moves to the temporary directory where the
wanted one has a long path. Folders that killed processes left behind are removed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path

import psutil

LONGEST_PATH = 100
"""Bytes of a socket's path; Linux allows 107, other systems a little less."""
LARGEST_LOG = 1_000_000
"""Bytes of log after which a new one is begun; one old one is kept."""
_TAIL_LINES = 5
_SUFFIX = len("/kernel-5")


class RunFolder:
    """The paths of one worker."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        name = f"engine-{os.getpid()}-{secrets.token_hex(4)}"
        inside = run_dir.absolute() / name
        is_short = len(os.fsencode(inside)) + _SUFFIX <= LONGEST_PATH
        self.path = inside if is_short else Path(tempfile.gettempdir()) / f"nba-{name}"
        """The folder, mode 0700."""
        self.socket = self.path / "http"
        self.log_file = run_dir.absolute() / "engine.log"

    def create(self) -> None:
        """Make the folders and a log file that is not too large."""
        self._run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.remove()  # What a worker that crashed left there is in the way of the next.
        self.path.mkdir(mode=0o700)
        _remove_orphans(self.path.parent)
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


def _remove_orphans(parent: Path) -> None:
    for folder in [*parent.glob("engine-*-*"), *parent.glob("nba-engine-*-*")]:
        pid = folder.name.removeprefix("nba-").split("-")[1]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
