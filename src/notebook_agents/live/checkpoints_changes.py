"""What a run changed in a notebook, and what undoing it came to, in words for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from notebook_agents.live.checkpoints_files import FileChange
from notebook_agents.live.checkpoints_memory import Memento, Memory, Unsaved

MAX_NAMED = 8
"""Of a kind; the rest is counted."""


class Absent:
    """Stands for a variable that there is not."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What made a change."""

    conversation_id: str = ""
    run_id: str = ""
    call_id: str = ""
    tool: str = ""
    title: str = ""
    """One line: the first of the code, or a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a piece of code could change; None is everything."""

    names: frozenset[str] | None = None
    """The variables whose contents it could change. That it binds any name is always seen."""
    files: tuple[str, ...] | None = ()
    """The files of the working folder that are kept in advance; others as Python opens them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is different after a run."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    files_added: tuple[str, ...] = ()
    files_changed: tuple[str, ...] = ()
    files_removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(
            (
                self.added,
                self.changed,
                self.removed,
                self.files_added,
                self.files_changed,
                self.files_removed,
            )
        )

    def __str__(self) -> str:
        parts = (
            ("added", self.added),
            ("changed", self.changed),
            ("removed", self.removed),
            ("wrote", self.files_added),
            ("rewrote", self.files_changed),
            ("deleted", self.files_removed),
        )
        return "; ".join(f"{verb} {listed(names)}" for verb, names in parts if names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What could be undone if the code ran now."""

    saved: tuple[str, ...] = ()
    unsaved: tuple[Unsaved, ...] = ()

    @property
    def text(self) -> str:
        """What could not be undone, in one line; empty when everything can."""
        if not self.unsaved:
            return ""
        return f"changes inside these cannot be undone: {listed(map(str, self.unsaved))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One run's change and what is needed to take it back."""

    number: int
    cause: Cause
    at: datetime
    changes: Changes
    folder: str = ""
    before: dict[str, Any] = field(default_factory=dict)
    """What names stood for that stand for something else now."""
    after: dict[str, Any] = field(default_factory=dict)
    contents: tuple[tuple[Memento, frozenset[str]], ...] = ()
    """Earlier contents of objects that were changed themselves, and the names that lead there."""
    later: Memory | None = None
    """The contents right after the change, to see what a person did since."""
    files: tuple[FileChange, ...] = ()
    new_folders: tuple[str, ...] = ()
    unsaved: tuple[Unsaved, ...] = ()
    """Variables it may have changed inside without that being seen or kept."""
    file_reasons: dict[str, str] = field(default_factory=dict)
    """Why a file was not kept, by path."""
    is_former: bool = False
    """Whether it was made before the kernel was restarted: its variables are gone."""

    @property
    def size_bytes(self) -> int:
        """What its copies take."""
        kept = sum(memento.size_bytes for memento, _names in self.contents)
        return kept + (self.later.size_bytes if self.later else 0)

    @property
    def line(self) -> str:
        """The change on one line."""
        what = f" ({self.cause.title})" if self.cause.title else ""
        when = f"{self.at.astimezone():%H:%M:%S}"
        former = ", before the kernel was restarted" if self.is_former else ""
        return f"#{self.number} {when}{former} {self.cause.tool or 'run'}{what}: {self.changes}"


@dataclass(slots=True, kw_only=True)
class Undone:
    """What taking one change back came to."""

    number: int
    cause: Cause
    verb: str = "undone"
    restored: list[str] = field(default_factory=list)
    """Variables that have their earlier value again."""
    removed: list[str] = field(default_factory=list)
    """Variables that did not exist before."""
    files: dict[str, str] = field(default_factory=dict)
    """What became of each file that was put back."""
    conflicts: list[str] = field(default_factory=list)
    """What the person changed since, which therefore stays."""
    failures: list[str] = field(default_factory=list)
    """What could not be put back, and why."""

    @property
    def lines(self) -> list[str]:
        """For people: what was put back, and what was not."""
        title = f" ({self.cause.title})" if self.cause.title else ""
        lines = [f"#{self.number} {self.verb}{title}"]
        if self.restored:
            lines.append(f"  restored: {listed(self.restored)}")
        if self.removed:
            lines.append(f"  removed: {listed(self.removed)}")
        for path, what in self.files.items():
            lines.append(f"  file {path}: {what}")
        if not (self.restored or self.removed or self.files):
            lines.append("  nothing was restored")
        if self.conflicts:
            lines.append(
                f"  left as you changed it since: {listed(self.conflicts)}"
                " (to lose your changes: %agent undo --force)"
            )
        lines += [f"  not restored: {failure}" for failure in self.failures]
        return lines


def listed(names: Iterable[str]) -> str:
    """``a, b, c and 3 more``."""
    known = list(names)
    text = ", ".join(known[:MAX_NAMED])
    return f"{text} and {len(known) - MAX_NAMED} more" if len(known) > MAX_NAMED else text
