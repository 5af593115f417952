"""What a run changed in a notebook, and what undoing it came to, in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from notebook_agents.live.checkpoints_files import FileChange, is_as_left
from notebook_agents.live.checkpoints_memory import Memento, Memory, Unsaved
from notebook_agents.live.copies_kinds import ATOMS

MAX_TITLE_CHARS = 60
MAX_NAMED = 8
"""Of a kind; the rest is counted."""


class Absent:
    """Stands for a variable that there is not."""


ABSENT = Absent()
ELSEWHERE = "it changed while the code ran, perhaps by another program"
OUTSIDE = "it is outside the notebook's folder, where nothing is kept"
CELL_STAYS = (
    "a kernel cannot take code out of cells; in the notebook: Edit, Undo Cell Operation (Z), or"
    " delete it"
)


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
    files_outside: tuple[str, ...] = ()
    """Files elsewhere that were written; nothing of them is kept."""
    cells: tuple[str, ...] = ()
    """Where code was put into a cell: ``a cell below``."""

    def __bool__(self) -> bool:
        return any(getattr(self, entry.name) for entry in fields(self))

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables it concerns."""
        return tuple(sorted({*self.added, *self.changed, *self.removed}))

    def with_files(self, files: tuple[FileChange, ...]) -> Changes:
        """The same with these files."""
        return replace(
            self,
            files_added=tuple(entry.path for entry in files if entry.before is None),
            files_removed=tuple(entry.path for entry in files if entry.after is None),
            files_changed=tuple(entry.path for entry in files if entry.before and entry.after),
        )

    def only(self, names: frozenset[str]) -> Changes:
        """What concerns these variables and files."""
        kept = {
            entry.name: tuple(name for name in getattr(self, entry.name) if name in names)
            for entry in fields(self)
        }
        return Changes(**kept)

    def __str__(self) -> str:
        parts = (
            ("added", self.added),
            ("changed", self.changed),
            ("removed", self.removed),
            ("wrote", self.files_added),
            ("rewrote", self.files_changed),
            ("deleted", self.files_removed),
            ("wrote outside the folder", self.files_outside),
            ("put code into", self.cells),
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
    elsewhere: tuple[str, ...] = ()
    """Files that changed meanwhile, perhaps by another program."""
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
        at = self.at.astimezone()
        when = f"{at:%Y-%m-%d %H:%M:%S}" if self.is_former else f"{at:%H:%M:%S}"
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
        for what in dict.fromkeys(self.files.values()):
            paths = [path for path, became in self.files.items() if became == what]
            noun = "file" if len(paths) == 1 else "files"
            lines.append(f"  {noun} {listed(paths)}: {what}")
        if not (self.restored or self.removed or self.files):
            lines.append("  nothing was restored")
        if self.conflicts:
            lines.append(
                f"  left as you changed it since: {listed(self.conflicts)}"
                " (to lose your changes: %agent undo --force)"
            )
        lines += [f"  not restored: {failure}" for failure in self.failures[:MAX_NAMED]]
        if len(self.failures) > MAX_NAMED:
            lines.append(f"  not restored: {len(self.failures) - MAX_NAMED} more")
        return lines


def is_same(some: Any, other: Any) -> bool:
    """Whether a name stands for the same; equal numbers and texts are."""
    if some is other:
        return True
    if type(some) is not type(other) or type(some) not in ATOMS:
        return False
    return bool(some == other)


def conflicts(
    change: Change, namespace: Mapping[str, Any]
) -> tuple[frozenset[str], frozenset[str]]:
    """The variables and the files that the person changed since."""
    names = {
        name
        for name, value in change.after.items()
        if not is_same(namespace.get(name, ABSENT), value)
    }
    if change.later is not None:
        involved = {*change.before, *change.changes.changed}
        names |= change.later.names_of(change.later.changed()) & involved
    folder = Path(change.folder)
    files = {
        entry.path for entry in change.files if not is_as_left(folder / entry.path, entry.after)
    }
    return frozenset(names), frozenset(files)


def left(change: Change, names: frozenset[str], files: frozenset[str]) -> Change | None:
    """The part of a change that could not be taken back for the person's own changes."""
    if not names and not files:
        return None
    return replace(
        change,
        before={name: value for name, value in change.before.items() if name in names},
        after={name: value for name, value in change.after.items() if name in names},
        contents=tuple(entry for entry in change.contents if entry[1] & names),
        files=tuple(entry for entry in change.files if entry.path in files),
        changes=change.changes.only(names | files),
    )


def listed(names: Iterable[str]) -> str:
    """``a, b, c and 3 more``."""
    known = list(names)
    text = ", ".join(known[:MAX_NAMED])
    return f"{text} and {len(known) - MAX_NAMED} more" if len(known) > MAX_NAMED else text


def title_of(code: str) -> str:
    """The first line that is code."""
    lines = [line.strip() for line in code.splitlines()]
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return first if len(first) <= MAX_TITLE_CHARS else f"{first[: MAX_TITLE_CHARS - 1]}…"
