"""The contents of variables and of everything they hold, at one moment.

One walk visits each object once, however many names lead to it. What cannot be kept, because of its
kind or because there is no room for it, is reported under the names that lead there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from notebook_agents.live.copies import Keeper
from notebook_agents.live.copies_kinds import ATOMS, keeper_of, parts_of

MAX_OBJECTS = 300_000
"""Of one checkpoint; a larger structure is not kept."""
MAX_SECONDS = 2.0
"""What looking at the variables may take before each run."""


@dataclass(frozen=True, slots=True)
class Unsaved:
    """A variable whose contents cannot be put back."""

    name: str
    reason: str
    """``an open file``, ``holds a generator``, ``too large: 300 MB``."""

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


@dataclass(slots=True)
class Room:
    """How much may still be kept, and until when."""

    size_bytes: int
    n_objects: int = MAX_OBJECTS
    deadline: float = field(default_factory=lambda: time.monotonic() + MAX_SECONDS)

    def why_not(self, size_bytes: int) -> str:
        """Why so much more cannot be kept; empty when it was taken into account."""
        self.n_objects -= 1
        if self.n_objects < 0:
            return f"more than {MAX_OBJECTS:,} objects"
        if time.monotonic() > self.deadline:
            return "too much to look at in time"
        if size_bytes > self.size_bytes:
            return f"too large: {megabytes(size_bytes)}"
        self.size_bytes -= size_bytes
        return ""


@dataclass(slots=True)
class Memento:
    """The contents of one object."""

    target: Any
    keeper: Keeper
    state: Any
    size_bytes: int

    @property
    def is_same(self) -> bool:
        """Whether the object still has them; one that cannot be compared counts as changed."""
        try:
            return self.keeper.is_same(self.target, self.state)
        except Exception:  # noqa: BLE001 - comparing may run anybody's code
            return False

    def restore(self) -> None:
        """Put them back."""
        self.keeper.restore(self.target, self.state)


class Memory:
    """Walks from names to objects and keeps what they contain."""

    def __init__(self, room: Room, *, is_copying: bool = True) -> None:
        self._room = room
        self._is_copying = is_copying
        self._known: dict[type, bool] = {}
        self._parents: dict[int, list[int]] = {}
        """Who holds an object, by id."""
        self._held: dict[int, Any] = {}
        """Keeps every object that was seen alive, so that its id stays its own."""
        self._roots: dict[int, list[str]] = {}
        self._reasons: dict[int, str] = {}
        self.mementos: dict[int, Memento] = {}

    def add(self, values: Mapping[str, Any]) -> None:
        """Keep what names stand for, and all that is held by it."""
        for name, value in values.items():
            if type(value) in ATOMS:
                continue
            self._roots.setdefault(id(value), []).append(name)
            self._walk(value)

    def name_also(self, values: Mapping[str, Any]) -> None:
        """Learn further names of objects that were met: what changes, changes under them too."""
        for name, value in values.items():
            names = self._roots.get(id(value), [])
            if name not in names and self._held.get(id(value)) is value:
                self._roots.setdefault(id(value), []).append(name)

    def hold(self, targets: Iterable[Any]) -> None:
        """Keep objects that no name needs to lead to."""
        for target in targets:
            self._walk(target)

    def changed(self) -> list[Memento]:
        """What has other contents by now."""
        return [memento for memento in self.mementos.values() if not memento.is_same]

    def names_of(self, mementos: Iterable[Memento]) -> set[str]:
        """The names that lead to these objects."""
        return self._names({id(memento.target) for memento in mementos})

    @property
    def unsaved(self) -> tuple[Unsaved, ...]:
        """Whose contents are not kept, and why."""
        found: dict[str, str] = {}
        for object_id, reason in self._reasons.items():
            for name in self._names({object_id}):
                is_itself = name in self._roots.get(object_id, ())
                found.setdefault(name, reason if is_itself else f"holds {reason}")
        return tuple(Unsaved(name, found[name]) for name in sorted(found))

    @property
    def saved(self) -> tuple[str, ...]:
        """The names whose contents are kept."""
        lost = {entry.name for entry in self.unsaved}
        return tuple(name for names in self._roots.values() for name in names if name not in lost)

    @property
    def size_bytes(self) -> int:
        """What the copies need."""
        return sum(memento.size_bytes for memento in self.mementos.values())

    def keep_only(self, mementos: Iterable[Memento]) -> None:
        """Let go of all others."""
        self.mementos = {id(memento.target): memento for memento in mementos}

    def _walk(self, root: Any) -> None:
        waiting = [root]
        while waiting:
            value = waiting.pop()
            if id(value) in self._held:
                continue
            self._held[id(value)] = value
            for child in self._keep(value):
                if type(child) not in ATOMS:
                    self._parents.setdefault(id(child), []).append(id(value))
                    waiting.append(child)

    def _keep(self, value: Any) -> list[Any]:
        """Keep one object; what it holds."""
        keeper = keeper_of(value, self._known)
        if keeper is None:
            return parts_of(value)
        if isinstance(keeper, str):
            self._reasons[id(value)] = keeper
            return []
        try:
            size = keeper.size_bytes(value)
            if reason := self._room.why_not(size):
                self._reasons[id(value)] = reason
                return []
            children = list(keeper.children(value))
            if self._is_copying:
                state = keeper.capture(value)
                self.mementos[id(value)] = Memento(value, keeper, state, size)
        except Exception as error:  # noqa: BLE001 - copying may run anybody's code
            self._reasons[id(value)] = f"cannot be copied: {type(error).__name__}"
            return []
        return children

    def _names(self, ids: set[int]) -> set[str]:
        """The names that lead to any of these objects."""
        found: set[str] = set()
        seen, waiting = set(ids), list(ids)
        while waiting:
            here = waiting.pop()
            found.update(self._roots.get(here, ()))
            for parent in self._parents.get(here, ()):
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return found


def megabytes(size_bytes: int) -> str:
    """A size for people."""
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if size_bytes >= size:
            return f"{size_bytes / size:,.3g} {unit}"
    return f"{size_bytes} bytes"
