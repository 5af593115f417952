"""How the contents of one object are kept, compared and put back, kind by kind.

Contents are put back into the very object they came from. So whoever holds it, under another name,
in a list or in a closure, sees the same again, and two names for one object stay two names for one.
Containers keep references to what they hold: each of those objects has a copy of its own.
"""

from __future__ import annotations

import copy
import pickle
import random
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable
from typing import Any, Protocol


class Keeper(Protocol):
    """Keeps the contents of one kind of object."""

    def size_bytes(self, target: Any) -> int:
        """About what a copy needs."""
        ...

    def children(self, target: Any) -> Iterable[Any]:
        """The objects that it refers to, as far as they may change."""
        ...

    def capture(self, target: Any) -> Any:
        """Its contents now."""
        ...

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether it still has these contents."""
        ...

    def restore(self, target: Any, state: Any) -> None:
        """Give it these contents again."""
        ...


class Lists:
    """list and deque."""

    def size_bytes(self, target: Any) -> int:
        """A reference for each element."""
        return 56 + 8 * len(target)

    def children(self, target: Any) -> Iterable[Any]:
        """The elements."""
        return list(target)

    def capture(self, target: Any) -> Any:
        """The elements."""
        return list(target)

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether the elements are the same objects."""
        return len(target) == len(state) and all(a is b for a, b in zip(target, state, strict=True))

    def restore(self, target: Any, state: Any) -> None:
        """Replace the elements."""
        target.clear()
        target.extend(state)


class Dicts:
    """dict and its relatives in collections."""

    def size_bytes(self, target: Any) -> int:
        """Two references for each entry."""
        return 64 + 100 * len(target)

    def children(self, target: Any) -> Iterable[Any]:
        """The values, and keys that hold something themselves."""
        return [*target.values(), *(key for key in target if isinstance(key, tuple))]

    def capture(self, target: Any) -> Any:
        """The entries in order."""
        return list(target.items())

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether keys, values and their order are the same."""
        if len(target) != len(state):
            return False
        pairs = zip(target.items(), state, strict=True)
        return all(a[0] is b[0] and a[1] is b[1] for a, b in pairs)

    def restore(self, target: Any, state: Any) -> None:
        """Replace the entries."""
        base: Any = OrderedDict if isinstance(target, OrderedDict) else dict
        base.clear(target)
        for key, value in state:
            base.__setitem__(target, key, value)


class Sets:
    """set."""

    def size_bytes(self, target: Any) -> int:
        """A slot for each element."""
        return 200 + 60 * len(target)

    def children(self, target: Any) -> Iterable[Any]:
        """The elements that hold something themselves."""
        return [element for element in target if isinstance(element, tuple)]

    def capture(self, target: Any) -> Any:
        """The elements."""
        return frozenset(target)

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether the elements are equal."""
        return bool(target == state)

    def restore(self, target: Any, state: Any) -> None:
        """Replace the elements."""
        target.clear()
        target.update(state)


class Bytes:
    """bytearray."""

    def size_bytes(self, target: Any) -> int:
        """Its length."""
        return len(target)

    def children(self, target: Any) -> Iterable[Any]:  # noqa: ARG002
        """None."""
        return ()

    def capture(self, target: Any) -> Any:
        """The bytes."""
        return bytes(target)

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether the bytes are equal."""
        return bool(target == state)

    def restore(self, target: Any, state: Any) -> None:
        """Replace the bytes."""
        target[:] = state


class Instances:
    """Objects of Python classes: their attributes."""

    def size_bytes(self, target: Any) -> int:
        """About what their dictionary needs."""
        return 64 + 100 * len(_attributes(target))

    def children(self, target: Any) -> Iterable[Any]:
        """The attributes' values."""
        return list(_attributes(target).values())

    def capture(self, target: Any) -> Any:
        """The attributes."""
        return _attributes(target)

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether the attributes are the same objects."""
        now = _attributes(target)
        return now.keys() == state.keys() and all(now[name] is state[name] for name in now)

    def restore(self, target: Any, state: Any) -> None:
        """Replace the attributes, without asking the class's own setters."""
        for name in _attributes(target).keys() - state.keys():
            object.__delattr__(target, name)
        for name, value in state.items():
            object.__setattr__(target, name, value)


class Both:
    """A container that has attributes too."""

    def __init__(self, container: Keeper) -> None:
        self._parts = (container, INSTANCES)

    def size_bytes(self, target: Any) -> int:
        """Of both."""
        return sum(part.size_bytes(target) for part in self._parts)

    def children(self, target: Any) -> Iterable[Any]:
        """Of both."""
        return [child for part in self._parts for child in part.children(target)]

    def capture(self, target: Any) -> Any:
        """Both."""
        return tuple(part.capture(target) for part in self._parts)

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether both are."""
        return all(
            part.is_same(target, kept) for part, kept in zip(self._parts, state, strict=True)
        )

    def restore(self, target: Any, state: Any) -> None:
        """Replace both."""
        for part, kept in zip(self._parts, state, strict=True):
            part.restore(target, kept)


class States:
    """Objects of compiled classes that can be asked for their state, as pickle does."""

    def __init__(self, get: str = "__getstate__", set: str = "__setstate__") -> None:
        self._get = get
        self._set = set

    def size_bytes(self, target: Any) -> int:
        """Of the pickled state."""
        return len(pickle.dumps(self._state(target)))

    def children(self, target: Any) -> Iterable[Any]:  # noqa: ARG002
        """None: the state is copied whole."""
        return ()

    def capture(self, target: Any) -> Any:
        """A copy of the state."""
        return copy.deepcopy(self._state(target))

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether the states are written alike."""
        # A copy again: what an original shares within itself is written in another way.
        return pickle.dumps(self.capture(target)) == pickle.dumps(state)

    def restore(self, target: Any, state: Any) -> None:
        """Give it a copy of the state."""
        getattr(target, self._set)(copy.deepcopy(state))

    def _state(self, target: Any) -> Any:
        return getattr(target, self._get)()


class Generators:
    """NumPy's random generators."""

    def size_bytes(self, target: Any) -> int:  # noqa: ARG002
        """Of the largest of their states."""
        return 4096

    def children(self, target: Any) -> Iterable[Any]:  # noqa: ARG002
        """None."""
        return ()

    def capture(self, target: Any) -> Any:
        """Where the sequence is."""
        return copy.deepcopy(target.bit_generator.state)

    def is_same(self, target: Any, state: Any) -> bool:
        """Whether no number was drawn."""
        return pickle.dumps(target.bit_generator.state) == pickle.dumps(state)

    def restore(self, target: Any, state: Any) -> None:
        """Go back in the sequence."""
        target.bit_generator.state = copy.deepcopy(state)


def loaded(module: str) -> Any:
    """A module if this process has imported it: before that there is no object of its."""
    return sys.modules.get(module)


def _attributes(target: Any) -> dict[str, Any]:
    found = dict(getattr(target, "__dict__", {}))
    for kind in type(target).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            name = f"_{kind.__name__.lstrip('_')}{name}" if _is_mangled(name) else name
            if name not in ("__dict__", "__weakref__") and hasattr(target, name):
                found[name] = getattr(target, name)
    return found


def _is_mangled(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")


LISTS, DICTS, SETS, BYTES, INSTANCES = Lists(), Dicts(), Sets(), Bytes(), Instances()
GENERATORS = Generators()
CONTAINERS: tuple[tuple[type, Keeper], ...] = (
    (list, LISTS),
    (deque, LISTS),
    (OrderedDict, DICTS),
    (defaultdict, DICTS),
    (dict, DICTS),
    (set, SETS),
    (bytearray, BYTES),
    (random.Random, States("getstate", "setstate")),
)
"""Whoever comes first keeps objects of the type and of classes derived from it."""
