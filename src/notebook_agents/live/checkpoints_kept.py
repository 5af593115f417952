"""The files of changes on disk, so that they can be put back after the kernel was restarted.

Variables end with their kernel. What is kept of a change is what became of its files, one JSON file
for each change; who made it is told by the kernel's process, so that a kernel does not undo what
another one that still works in the same folder has done.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from notebook_agents.live.checkpoints_changes import Cause, Change, Changes
from notebook_agents.live.checkpoints_files import FileChange

MAX_KEPT = 50
"""Changes of a folder."""
MAX_AGE_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptChange:
    """The part of a change that outlives its kernel."""

    number: int
    at: datetime
    pid: int
    folder: str
    cause: Cause
    changes: Changes
    files: tuple[FileChange, ...]
    new_folders: tuple[str, ...] = ()


_ADAPTER: TypeAdapter[KeptChange] = TypeAdapter(KeptChange)


class Kept:
    """The changes of files, by the folder they were made in."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, change: Change) -> None:
        """Keep a change that has files."""
        if not change.files:
            return
        kept = KeptChange(
            number=change.number,
            at=change.at,
            pid=os.getpid(),
            folder=change.folder,
            cause=change.cause,
            changes=change.changes,
            files=change.files,
            new_folders=change.new_folders,
        )
        with suppress(OSError):
            path = self._path(change)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(_ADAPTER.dump_json(kept))
            self._prune(path.parent)

    def remove(self, change: Change) -> None:
        """Forget a change that was taken back."""
        with suppress(OSError):
            self._path(change).unlink(missing_ok=True)

    def former(self) -> list[Change]:
        """The changes that kernels which have ended made in the working folder, newest first."""
        found = []
        for path in self._files(self._folder(str(Path.cwd().resolve()))):
            with suppress(OSError, ValidationError):
                kept = _ADAPTER.validate_json(path.read_bytes())
                if not _is_alive(kept.pid):
                    found.append(_change(kept))
        return sorted(found, key=lambda change: change.at, reverse=True)

    def digests(self) -> set[str]:
        """Of the contents that undoing these changes needs, in any folder."""
        found: set[str] = set()
        for path in self._root.glob("*/*.json"):
            with suppress(OSError, ValidationError):
                kept = _ADAPTER.validate_json(path.read_bytes())
                found |= {entry.before.digest for entry in kept.files if entry.before}
        return found

    def _prune(self, folder: Path) -> None:
        paths = self._files(folder)
        old = [path for path in paths if time.time() - path.stat().st_mtime > MAX_AGE_S]
        for path in {*paths[MAX_KEPT:], *old}:
            path.unlink(missing_ok=True)

    def _files(self, folder: Path) -> list[Path]:
        """The newest first; they are named by their time."""
        with suppress(OSError):
            return sorted(folder.glob("*.json"), reverse=True)
        return []

    def _path(self, change: Change) -> Path:
        return self._folder(change.folder) / f"{change.at:%Y%m%dT%H%M%S.%f}-{change.number}.json"

    def _folder(self, folder: str) -> Path:
        return self._root / sha256(folder.encode()).hexdigest()[:32]


def _change(kept: KeptChange) -> Change:
    return Change(
        number=kept.number,
        cause=kept.cause,
        at=kept.at,
        changes=kept.changes,
        folder=kept.folder,
        files=kept.files,
        new_folders=kept.new_folders,
        is_former=True,
    )


def _is_alive(pid: int) -> bool:
    """Whether the process that made a change still lives; only POSIX can be asked harmlessly."""
    if os.name != "posix":
        return pid == os.getpid()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
