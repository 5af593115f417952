"""Memory, tasks and processor time of each program of a tool server, bounded for all it starts.

Where control groups can be written to, a program enters one of its own before it begins; elsewhere
it has the limits that a process sets for itself (`guardian`). A locked file beside the folders of
programs says that the groups named after it are somebody's; those of the dead are removed.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import secrets
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from notebook_agents.confinement import cgroups
from notebook_agents.confinement.cgroups import ControlGroups, Group

if sys.platform != "win32":
    import fcntl

MEMORY_BYTES = 4 << 30
MAX_TASKS = 512
"""Processes and threads; a browser that a program drives has some hundreds."""
PREFIX, SUFFIX = "groups-", ".lock"

_log = logging.getLogger(__name__)


def n_cpus() -> float:
    """How much processor time one program may use: half of the machine's, or one core."""
    return max(1.0, (os.cpu_count() or 1) / 2)


@dataclass(slots=True)
class Bound:
    """What one program is held in."""

    group: Group

    @property
    def folders(self) -> str:
        """One on each line."""
        return "\n".join(map(str, self.group.folders))

    def words(self) -> str:
        """Which limits the program has met, for whoever looks at what it printed; blocks."""
        said = []
        if self.group.n_memory_kills():
            said.append(
                f"its processes may use {MEMORY_BYTES / (1 << 30):g} GiB of memory together"
            )
        if self.group.n_refused_tasks():
            said.append(f"it may have {MAX_TASKS} processes and threads")
        return "; ".join(said)


class Bounds:
    """Makes the groups of programs whose folders are below ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._token = secrets.token_hex(6)
        self._numbers = itertools.count()
        self._opening = threading.Lock()
        self._is_open = False
        self._groups: ControlGroups | None = None

    def make(self) -> Bound | None:
        """A new group; None where none can be made. Where is found out once; blocks."""
        with self._opening:
            if not self._is_open:
                self._open()
        if self._groups is None:
            return None
        name = f"mcp-{self._token}-{next(self._numbers)}"
        try:
            return Bound(self._groups.make(name, MEMORY_BYTES, MAX_TASKS, n_cpus()))
        except OSError as error:
            _log.warning("a program of a tool server has no control group: %s", error)
            return None

    def _open(self) -> None:
        self._is_open = True
        self._groups = cgroups.find()
        if self._groups is None:
            return
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Held by this process as long as it lives; made before it is looked for by others.
        _locked(self._root / f"{PREFIX}{self._token}{SUFFIX}")
        for path in self._root.glob(f"{PREFIX}*{SUFFIX}"):
            self._sweep(path, self._groups)

    def _sweep(self, path: Path, groups: ControlGroups) -> None:
        with contextlib.suppress(OSError):
            fd = _locked(path)
            groups.sweep(f"mcp-{path.name.removeprefix(PREFIX).removesuffix(SUFFIX)}-")
            path.unlink()
            os.close(fd)


def _locked(path: Path) -> int:
    """A descriptor with the only lock on the file.

    Raises:
        OSError: somebody else has it.
    """
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd
