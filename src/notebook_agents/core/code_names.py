"""What a name or an expression of code stands for, as far as nobody runs it.

The question is always whether changing a thing changes something that was there before the code
ran: such a thing is *live*. Whatever is not known is live.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Literal

from notebook_agents.core.code_guards import is_private, may_leave
from notebook_agents.core.code_origins import is_quiet

FRAME_MODULES = ("pandas", "polars", "geopandas", "modin")
ARRAY_MODULES = ("numpy", "torch", "jax", "jaxlib", "cupy", "scipy")
FIGURE_MODULES = ("matplotlib", "plotly", "seaborn")
CONTROL_LIBRARIES = ("notebook_agents", "ipykernel")
"""What is of these decides how the session itself works."""
NAMED_SECRET = "named-secret "  # noqa: S105 - a mark before kinds
"""Before the kind of a variable that is named like a secret."""
LIVE_KINDS = frozenset(
    {"frame", "array", "figure", "container", "database", "generator", "control"}
)
FUNCTIONS_INSIDE = "container:functions"
"""The kind of a list or dict that holds functions."""
MAX_PARTS = 1_000
"""As many parts of a container are looked at."""
MAX_PATH_CHARS = 1_000
NUMBERS = (int, float, complex, bool, type(None))
NEVER_CHANGE = frozenset({"value", "text", "url", "path"})
"""Kinds whose objects cannot be changed. ``value``: numbers and such, never a string."""
SHELL_NAMES = frozenset(
    {"In", "Out", "get_ipython", "exit", "quit", "open", "_", "__", "___", "_i", "_ii", "_iii",
     "_ih", "_oh", "_dh", "_exit_code", "__name__", "__doc__", "__package__", "__loader__",
     "__spec__", "__builtin__", "__builtins__"}
)  # fmt: skip
"""What IPython itself puts into the namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What is known of a thing."""

    kind: str = ""
    """``frame``, ``array``, ``value``, ``text``, ``url``, ``path``, ``container``, ``figure``,
    ``function`` and ``class`` (of this code), ``namespace``, ``database``; empty is unknown."""
    origin: str = ""
    """The dotted name of what a library offers: ``pandas``, ``pandas.read_csv``."""
    is_live: bool = False
    """Whether it was there before, or may be part of what was."""
    holds_live: bool = False
    """Whether it is new but holds such things."""
    text: str | None = None
    """The string it is, where that can be seen."""
    is_local: bool = False
    """Of a text or path whose end cannot be seen: whether it names a file of this machine."""
    calls: bool = False
    """Whether it is or holds a function whose code is not in the cell; handed on, it is called."""
    node: ast.AST | None = None
    """The function or class of this code that it is."""
    scope: Scope | None = None
    """Where that was defined; of a class its own."""
    fields: dict[str, Value] | None = field(default=None, compare=False, repr=False)
    """The attributes of an object of a class of this code."""

    @property
    def part(self) -> Value:
        """An element or attribute of it."""
        if self.kind in NEVER_CHANGE:
            return Value(kind=self.kind, is_local=self.is_local)
        is_live = self.is_live or self.holds_live
        calls = self.calls and self.kind != "callable"
        return Value(is_live=is_live, holds_live=is_live, calls=calls)

    @property
    def is_guarded(self) -> bool:
        """Whether it is a text that names what is not data of the person."""
        return self.text is not None and is_private(self.text, "", is_path=True)

    @property
    def stays_local(self) -> bool:
        """Whether it is a text or path that names data of this machine."""
        if self.text is None:
            return self.is_local
        return not may_leave(self.text) and not is_private(self.text, "", is_path=True)

    def joined(self, other: Value) -> Value:
        """What it is when it may be either."""
        if self == other:
            return self
        is_same_kind = self.kind == other.kind
        return Value(
            kind=self.kind if is_same_kind else "",
            is_live=self.is_live or other.is_live or bool(self.node or other.node),
            holds_live=self.holds_live or other.holds_live,
            is_local=self.stays_local and other.stays_local,
            calls=self.calls or other.calls,
        )


UNKNOWN = Value(is_live=True, holds_live=True)
NEW = Value()
NUMBER = Value(kind="value")
FRAME = Value(kind="frame")


@dataclass(slots=True, eq=False)
class Scope:
    """The names of a module, function, class or comprehension."""

    kind: Literal["module", "function", "class", "comprehension"]
    parent: Scope | None = None
    names: dict[str, Value] = field(default_factory=dict)
    borrowed: set[str] = field(default_factory=set)
    """Names that ``global`` or ``nonlocal`` declares to be somebody else's."""

    def find(self, name: str) -> Value | None:
        """The value of a name here or further out."""
        if name in self.names and name not in self.borrowed:
            return self.names[name]
        return self.parent.find(name) if self.parent else None

    def home_of(self, name: str) -> Scope:
        """Where an assignment to the name puts it."""
        scope = self
        while scope.parent and (scope.kind == "comprehension" or name in scope.borrowed):
            scope = scope.parent
        return scope


def live_values(names: Mapping[str, str] | Collection[str]) -> dict[str, Value]:
    """What exists, by name, from kinds as `kinds_of` gives them, or from names alone."""
    if not isinstance(names, Mapping):
        return dict.fromkeys(names, UNKNOWN)
    return {name: _live(kind) for name, kind in names.items()}


def kinds_of(namespace: Mapping[str, Any]) -> dict[str, str]:
    """The kind of each variable of a namespace; looks at types, and at strings for addresses."""
    return {
        name: _kind(value)
        for name, value in dict(namespace).items()
        if name not in SHELL_NAMES and not _is_history(name)
    }


def _is_history(name: str) -> bool:
    return name.startswith("_") and name.lstrip("_i").isdigit()


def _kind(value: Any) -> str:
    if isinstance(value, ModuleType):
        return f"module:{value.__name__}"
    if type(value) is str:
        return "url" if _is_guarded(value) else "text"
    if type(value) in NUMBERS:
        return "value"
    if isinstance(value, PurePath):
        return "" if _is_guarded(str(value)) else "path"
    if isinstance(value, Iterator):
        return "generator"
    if _is_function(value):
        return _kind_of_callable(value)
    if type(value) in (list, dict, set, tuple):
        return FUNCTIONS_INSIDE if _holds_functions(value) else "container"
    library = type(value).__module__.partition(".")[0]
    if library in CONTROL_LIBRARIES:
        return "control"
    return _library_kind(library)


def _is_function(value: Any) -> bool:
    """Whether it is there to be called: also objects of the session's own classes that can be."""
    if isinstance(value, FunctionType | BuiltinFunctionType | MethodType | partial | type):
        return True
    return type(value).__module__ == "__main__" and callable(value)


def _holds_functions(value: Any) -> bool:
    parts = value.values() if type(value) is dict else value
    seen = list(islice(parts, MAX_PARTS))  # at once: the session may go on meanwhile
    return any(_live(_kind(part)).calls for part in seen if callable(part))


def _is_guarded(text: str) -> bool:
    return may_leave(text) or is_private(text, "", is_path=len(text) < MAX_PATH_CHARS)


def _library_kind(library: str) -> str:
    for kind, modules in (
        ("frame", FRAME_MODULES),
        ("array", ARRAY_MODULES),
        ("figure", FIGURE_MODULES),
    ):
        if library in modules:
            return kind
    return ""


def _kind_of_callable(value: Any) -> str:
    """A function or class of a library is what an import would have given."""
    if not isinstance(value, FunctionType | BuiltinFunctionType | type):
        return "function"
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", "")
    if not isinstance(module, str) or getattr(sys.modules.get(module), name, None) is not value:
        return "function"
    return "function" if module == "__main__" else f"import:{module}.{name}"


def _live(kind: str) -> Value:
    kind = kind.removeprefix(NAMED_SECRET)
    prefix, _, origin = kind.partition(":")
    if prefix in {"module", "import"}:
        is_own = origin.partition(".")[0] not in sys.stdlib_module_names and not is_quiet(origin)
        return Value(origin=origin, is_live=True, calls=prefix == "import" and is_own)
    if kind == FUNCTIONS_INSIDE:
        return replace(UNKNOWN, kind="container", calls=True)
    if kind in NEVER_CHANGE:
        return Value(kind=kind, is_local=kind in {"text", "path"})
    if kind == "function":
        return replace(UNKNOWN, kind="callable", calls=True)
    known = kind if kind in LIVE_KINDS else ""
    return replace(UNKNOWN, kind=known)
