"""Checkpoints: what a run of an agent changes in the notebook can be taken back.

Before code runs in the kernel, the contents of what it could change are kept; afterwards only what
did change stays. Undoing puts names back to the objects they stood for, and contents back into
those objects, so that two names for one object stay two names for one. It is a change itself, and
can be undone (redone) alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from notebook_agents.live.checkpoints_changes import (
    ABSENT,
    CELL_STAYS,
    ELSEWHERE,
    OUTSIDE,
    Absent,
    Cause,
    Change,
    Changes,
    Coverage,
    Scope,
    Undone,
    conflicts,
    is_same,
    left,
    listed,
)
from notebook_agents.live.checkpoints_files import (
    Blobs,
    FileChange,
    FileWork,
    finished,
    put_back,
    reversed_change,
)
from notebook_agents.live.checkpoints_kept import Kept
from notebook_agents.live.checkpoints_memory import Memory, Room
from notebook_agents.live.checkpoints_watch import Watcher
from notebook_agents.live.checkpoints_work import Limits, Work

__all__ = ["Cause", "Checkpoints", "Scope", "Work"]

MAX_CHANGES = 100
_HISTORY = re.compile(r"_{1,3}|_\d+|_i{1,3}|_i\d+|_[io]h|_dh|__\w+__")
"""Names in which IPython keeps what was typed and shown."""
_OF_IPYTHON = frozenset({"In", "Out", "get_ipython", "exit", "quit", "open", "display"})


class Checkpoints:
    """The changes that can be taken back in one kernel, newest last.

    All of it happens on the thread that runs the cells.
    """

    def __init__(self, namespace: Callable[[], dict[str, Any]], home: Path | None) -> None:
        self._namespace = namespace
        self._blobs = Blobs(home / "undo" / "files", home.resolve()) if home else None
        self._kept = Kept(home / "undo" / "changes") if home else None
        if self._blobs and self._kept:
            self._blobs.prune(self._kept.digests())
        self._watcher = Watcher(home.resolve() if home else None)
        self._done: list[Change] = []
        self._undone: list[Change] = []
        self._n_made = 0
        self.n_dropped = 0
        """Changes that were given up for want of room."""
        self.limits = Limits()
        self.on_made: Callable[[Change], None] = lambda _change: None
        """Is told of each change that can be taken back."""
        self.on_undone: Callable[[Undone], None] = lambda _undone: None

    def preview(self, scope: Scope) -> Coverage:
        """What could be taken back if code of this scope ran now; nothing is copied."""
        memory = Memory(Room(self.limits.run_bytes), is_copying=False)
        memory.add(self._in_scope(scope))
        return Coverage(saved=memory.saved, unsaved=memory.unsaved)

    @contextmanager
    def around(self, scope: Scope, cause: Cause) -> Iterator[Work]:
        """Keep what the work inside could change, and afterwards what it did change.

        What was changed until it failed, or was stopped, counts as well.
        """
        work = Work()
        try:
            with self._recorded(scope, cause, work):
                yield work
        finally:
            self._made(work)

    @contextmanager
    def around_files(self, cause: Cause) -> Iterator[Work]:
        """Keep the files of the working folder while other programs work in it.

        What a call inside has kept already is left to that call.
        """
        work, n_before = Work(), self._n_made
        try:
            with self._recorded(Scope(names=frozenset(), files=None), cause, work, what="files"):
                yield work
        finally:
            known = {
                entry.path
                for change in self._done
                if change.number > n_before
                for entry in change.files
            }
            work.take_files(known)
            self._made(work)

    def note_cell(self, cause: Cause, place: str) -> None:
        """Remember that code was put into a cell, which only a person can take back."""
        changes = Changes(cells=(place,))
        change = Change(number=self._n_made + 1, cause=cause, at=_now(), changes=changes)
        self._made(Work(changes=changes, change=change))

    @property
    def n_made(self) -> int:
        """The number of the newest change."""
        return self._n_made

    def since(self, number: int) -> list[Change]:
        """What was changed after the change of that number, oldest first."""
        return [change for change in self._done if change.number > number]

    def history(self) -> list[Change]:
        """What can be taken back, newest first; file changes of earlier kernels come last."""
        return [*reversed(self._done), *self._former()]

    def of_calls(self, call_ids: set[str]) -> list[Change]:
        """The changes of these tool calls, newest first."""
        return [change for change in self.history() if change.cause.call_id in call_ids]

    def undo(self, change: Change, *, is_forced: bool = False) -> Undone:
        """Take a change back, but for what the person changed since, unless forced."""
        undone = self._revert(change, self._done, self._undone, is_forced=is_forced)
        if self._kept and not undone.conflicts:
            self._kept.remove(change)
        self.on_undone(undone)
        return undone

    def redo(self, *, is_forced: bool = False) -> Undone | None:
        """Take the last undo back; None when there is none."""
        if not self._undone:
            return None
        undone = self._revert(
            self._undone[-1], self._undone, self._done, is_forced=is_forced, verb="redone"
        )
        if self._kept and self._done:
            self._kept.write(self._done[-1])
        self.on_undone(undone)
        return undone

    def _revert(
        self,
        change: Change,
        source: list[Change],
        target: list[Change],
        *,
        is_forced: bool,
        verb: str = "undone",
    ) -> Undone:
        undone = Undone(number=change.number, cause=change.cause, verb=verb)
        names, files = conflicts(change, self._namespace())
        skipped = frozenset() if is_forced else names
        kept_files = frozenset() if is_forced else files
        undone.conflicts = sorted({*skipped, *kept_files})
        undone.failures += [f"{place}: {CELL_STAYS}" for place in change.changes.cells]
        undone.failures += [f"file {path}: {OUTSIDE}" for path in change.changes.files_outside]
        if change.is_former and (gone := change.changes.variables):
            undone.failures.append(f"{listed(gone)}: the kernel was restarted since")
        work = Work()
        scope = Scope(names=frozenset({*change.before, *change.changes.changed}))
        targets = [memento.target for memento, _names in change.contents]
        with self._recorded(scope, change.cause, work, targets=targets, what="names"):
            self._restore(change, skipped, undone)
        reverse = self._restore_files(change, kept_files, undone)
        source[:] = [known for known in source if known is not change]
        rest = left(change, skipped, kept_files)
        if rest is not None:
            source.append(rest)
        back = _back(change, work.change, reverse)
        if back.changes:
            self._push(target, back)
        return undone

    def _restore(self, change: Change, skipped: frozenset[str], undone: Undone) -> None:
        namespace = self._namespace()
        restored: set[str] = set()
        for memento, names in change.contents:
            if not names & skipped:
                try:
                    memento.restore()
                    restored |= names & set(change.changes.changed)
                except Exception as error:  # noqa: BLE001 - restoring may run anybody's code
                    undone.failures.append(f"{', '.join(sorted(names))}: {error}")
        for name, value in change.before.items():
            if name in skipped:
                continue
            if isinstance(value, Absent):
                if namespace.pop(name, ABSENT) is not ABSENT:
                    undone.removed.append(name)
            else:
                namespace[name] = value
                restored.add(name)
        undone.restored = sorted(restored)
        undone.removed.sort()
        undone.failures += [
            f"what changed inside {entry}" for entry in change.unsaved if entry.name not in restored
        ]

    def _restore_files(
        self, change: Change, skipped: frozenset[str], undone: Undone
    ) -> tuple[FileChange, ...]:
        """Put files back; the change that this is."""
        if self._blobs is None:
            return ()
        folder = Path(change.folder)
        wanted = []
        for entry in change.files:
            if entry.can_be_undone and entry.path not in skipped:
                wanted.append(entry)
            elif entry.path not in skipped:
                reason = change.file_reasons.get(entry.path) or "it was not kept"
                undone.failures.append(f"file {entry.path}: {reason}")
        started = [reversed_change(folder, entry, self._blobs) for entry in wanted]
        for path, what in put_back(folder, wanted, self._blobs).items():
            if what.startswith("! "):
                undone.failures.append(f"file {path}: {what[2:]}")
            else:
                undone.files[path] = what
        undone.failures += [f"file {path}: {ELSEWHERE}" for path in change.elsewhere]
        _remove_empty(folder, change.new_folders)
        return tuple(finished(folder, entry) for entry in started)

    @contextmanager
    def _recorded(
        self,
        scope: Scope,
        cause: Cause,
        work: Work,
        *,
        targets: list[Any] | None = None,
        what: Literal["names", "files", "both"] = "both",
    ) -> Iterator[None]:
        before = self._visible() if what != "files" else {}
        memory = Memory(Room(self.limits.run_bytes))
        memory.add(self._in_scope(scope))
        memory.name_also(before)
        memory.hold(targets or ())
        files = None
        if what != "names" and self._blobs is not None:
            room = self.limits.run_bytes if what == "both" else self.limits.folder_bytes
            files = FileWork(Path.cwd().resolve(), self._blobs, min(room, self.limits.run_bytes))
        try:
            if files is None:
                yield
            else:
                with files.watched(self._watcher, scope.files):
                    yield
        finally:
            now = self._visible() if what != "files" else {}
            change = self._seal(cause, (before, now), memory, files)
            work.changes = change.changes
            work.change = change if change.changes else None

    def _seal(
        self,
        cause: Cause,
        bound: tuple[dict[str, Any], dict[str, Any]],
        memory: Memory,
        files: FileWork | None,
    ) -> Change:
        """What is different now, with what is needed to take it back."""
        before, now = bound
        rebound = {
            name
            for name in before.keys() | now.keys()
            if not is_same(before.get(name, ABSENT), now.get(name, ABSENT))
        }
        contents = tuple(
            (memento, frozenset(memory.names_of([memento]))) for memento in memory.changed()
        )
        involved = rebound.union(*(names for _memento, names in contents))
        file_changes = files.changes() if files else ()
        changes = _changes(before, now, involved).with_files(file_changes)
        later = Memory(Room(self.limits.run_bytes))
        later.add({name: now[name] for name in involved & now.keys()})
        later.hold(memento.target for memento, _names in contents)
        return Change(
            number=self._n_made + 1,
            cause=cause,
            at=_now(),
            changes=replace(changes, files_outside=files.outside if files else ()),
            folder=str(files.folder) if files else "",
            before={name: before.get(name, ABSENT) for name in rebound},
            after={name: now.get(name, ABSENT) for name in rebound},
            contents=contents,
            later=later,
            files=file_changes,
            new_folders=files.new_folders() if files else (),
            unsaved=tuple(entry for entry in memory.unsaved if entry.name not in rebound),
            file_reasons=files.reasons if files else {},
            elsewhere=files.elsewhere if files else (),
        )

    def _made(self, work: Work) -> None:
        if work.change is None or not work.is_wanted:
            return
        if work.cause is not None:
            work.change = replace(work.change, cause=work.cause)
        self._n_made = work.change.number
        self._undone.clear()
        self._push(self._done, work.change)
        self.on_made(work.change)

    def _push(self, stack: list[Change], change: Change) -> None:
        stack.append(change)
        while len(self._done) > 1 and (
            len(self._done) > MAX_CHANGES
            or sum(known.size_bytes for known in (*self._done, *self._undone))
            > self.limits.total_bytes
        ):
            del self._done[0]
            self.n_dropped += 1
        if self._kept and stack is self._done:
            self._kept.write(change)

    def _former(self) -> list[Change]:
        return self._kept.former() if self._kept else []

    def _in_scope(self, scope: Scope) -> dict[str, Any]:
        visible = self._visible()
        if scope.names is None:
            return visible
        return {name: value for name, value in visible.items() if name in scope.names}

    def _visible(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self._namespace().items()
            if name not in _OF_IPYTHON and not _HISTORY.fullmatch(name)
        }


def _back(change: Change, names: Change | None, files: tuple[FileChange, ...]) -> Change:
    """The change that taking one back was, from what it did to names and to files."""
    made = names or replace(
        change, changes=Changes(), before={}, after={}, contents=(), later=None, unsaved=()
    )
    changes = made.changes.with_files(files)
    return replace(
        made,
        number=change.number,
        at=_now(),
        files=files,
        folder=change.folder,
        changes=changes,
        new_folders=(),
        is_former=False,
    )


def _changes(before: dict[str, Any], now: dict[str, Any], involved: set[str]) -> Changes:
    return Changes(
        added=tuple(sorted(now.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - now.keys())),
        changed=tuple(sorted(involved & before.keys() & now.keys())),
    )


def _remove_empty(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        try:
            (folder / name).rmdir()
        except OSError:
            continue


def _now() -> datetime:
    return datetime.now(UTC)
