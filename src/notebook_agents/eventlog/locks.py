"""Locks between processes that share a log.

Who appends holds a segment's lock together with other appenders, for one write; who closes the
segment holds it alone. The system gives the locks of a killed process back. Where it has none of
this kind (Windows), appending goes on as it is and nothing is ever closed or compacted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from notebook_agents.core.errors import Conflict

if sys.platform != "win32":
    import fcntl

    CAN_LOCK = True

    def lock_together(descriptor: int) -> None:
        """Hold the file beside others who do so too."""
        fcntl.flock(descriptor, fcntl.LOCK_SH)

    def lock_alone(descriptor: int) -> None:
        """Hold the file when nobody else does; waits."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def try_alone(descriptor: int) -> bool:
        """Hold the file alone if nobody else holds it now."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(descriptor: int) -> None:
        """Let the file go."""
        fcntl.flock(descriptor, fcntl.LOCK_UN)

else:
    CAN_LOCK = False

    def lock_together(descriptor: int) -> None:
        """Nothing closes segments here."""

    def lock_alone(descriptor: int) -> None:
        """Nothing closes segments here."""

    def try_alone(descriptor: int) -> bool:  # noqa: ARG001
        """Compacting is refused."""
        return False

    def unlock(descriptor: int) -> None:
        """Nothing was locked."""


@contextmanager
def short_lock(home: Path) -> Iterator[None]:
    """While the manifest, and what is known of compacted streams, is changed; waits."""
    descriptor = _open(home / "events" / "manifest.lock")
    try:
        lock_alone(descriptor)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def only_keeper(home: Path) -> Iterator[None]:
    """While this process compacts; Conflict while another one does or where nobody can."""
    if not CAN_LOCK:
        raise Conflict("the log cannot be compacted here: this system has no locks of that kind")
    descriptor = _open(home / "events" / "keeper.lock")
    try:
        if not try_alone(descriptor):
            raise Conflict("another process compacts the log; try again when it is done")
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
