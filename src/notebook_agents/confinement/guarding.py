"""What guards have in common: processes that stand between a server and what it started.

A guard becomes the subreaper of its descendants, so that a daemon that left its session is still
below it, and at the end it kills them all. Guards are scripts that run without site-packages; this
module needs the standard library alone and is imported by them from beside the product.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
KILL_SECONDS = 5.0
REMOVE_SECONDS = 1.0


def become_subreaper() -> ctypes.CDLL:
    """Inherit every orphan below this process; returns the C library, for whoever needs more."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become a subreaper")
    return libc


def kill_all(command: int) -> int:
    """Kill all descendants; orphans become children of this process, so none gets away.

    Returns how the command ended: its exit code, or 128 and the signal.
    """
    code = 0
    give_up = time.monotonic() + KILL_SECONDS
    while time.monotonic() < give_up:
        kill(descendants())
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == command:
                    code = os.waitstatus_to_exitcode(ended[1])
        except ChildProcessError:
            break
        time.sleep(0.002)
    return code if code >= 0 else 128 - code


def kill(pids: Iterable[int]) -> None:
    """Send SIGKILL to those that are still there."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def descendants(*, is_deep: bool = True) -> list[int]:
    """The processes below this one, or only its children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[1-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = (entry / "stat").read_text(errors="replace")
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    pending = [os.getpid()]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        if is_deep:
            pending += below
    return found


def remove_groups(folders: Sequence[Path]) -> None:
    """Remove control groups; the last of the dead leave theirs a moment after they are gone."""
    left, give_up = list(folders), time.monotonic() + REMOVE_SECONDS
    while left and time.monotonic() < give_up:
        for folder in left:
            with contextlib.suppress(OSError):
                folder.rmdir()
        left = [folder for folder in left if folder.exists()]
        if left:
            time.sleep(0.002)
