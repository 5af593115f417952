"""One piece of work that is watched, and how much may be kept of what it changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from notebook_agents.live.checkpoints_changes import Cause, Change, Changes

RUN_BYTES = 256 << 20
"""Copies of one run."""
TOTAL_BYTES = 1 << 30
"""Copies of all runs of a kernel; beyond it the oldest are given up."""
FOLDER_BYTES = 64 << 20
"""Files that are kept while other programs work in the folder."""


@dataclass(slots=True)
class Limits:
    """How much is kept, in bytes."""

    run_bytes: int = RUN_BYTES
    total_bytes: int = TOTAL_BYTES
    folder_bytes: int = FOLDER_BYTES


@dataclass(slots=True)
class Work:
    """One piece of work that is being watched, and what it came to."""

    changes: Changes | None = None
    """None while it goes on."""
    change: Change | None = None
    """What undo will take back; None when nothing changed."""
    cause: Cause | None = None
    """Known only at the end, where the work found out itself."""
    is_wanted: bool = True
    """Whether what changed is the work's doing."""

    @property
    def note(self) -> str:
        """What changed, in one line; empty when nothing did."""
        return f"{self.changes} (undo: %agent undo)" if self.changes else ""

    def take_files(self, known: set[str]) -> None:
        """Leave files out that another change has."""
        if self.change is None:
            return
        files = tuple(entry for entry in self.change.files if entry.path not in known)
        self.changes = self.change.changes.with_files(files)
        self.change = replace(self.change, files=files, changes=self.changes) if files else None
