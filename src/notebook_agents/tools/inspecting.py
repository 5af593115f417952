"""What `inspect_variable` does inside the tool kernel: one variable as a few lines of text.

Of a value's own code only its ``repr`` is run, and that not for long. What a value is, is told by
its class; its attributes are not looked at, for looking can run code as well. Only what derives
from a class of pandas or torch is asked as such, as all code that works with it does.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from notebook_agents.core.formatting import format_number
from notebook_agents.tools.deadlines import TooLong, limited_time
from notebook_agents.tools.frames import (
    MAX_COLUMNS,
    array_line,
    frame_lines,
    is_a,
    is_exactly,
    series_line,
    tensor_line,
)

MAX_CHARS = 200
MAX_KEYS = 12
MAX_NAMES = 12
MAX_REPR_SECONDS = 1.0
MAX_READ_CHARS = 10_000
MORE = "..."
LINE_BREAK = re.compile(r"\s*\n\s*")
FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType)
_ABSENT = object()


class VariableMissing(Exception):
    """There is no variable of that name; the message says which there are."""


@dataclass(frozen=True, slots=True)
class Description:
    """A value in words."""

    lines: list[str]
    n_more: int = 0
    """Columns that have no line."""


def inspect_name(name: str) -> dict[str, Any]:
    """Describe a variable that code in this kernel has made."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    hidden: Mapping[str, object] = shell.user_ns_hidden
    made = {n: v for n, v in shell.user_ns.items() if v is not hidden.get(n, _ABSENT)}
    if name not in made:
        raise VariableMissing(f"there is no variable {name!r}; variables here: {_names(made)}")
    found = described(made[name])
    return {"lines": found.lines, "n_more": found.n_more}


def described(value: object) -> Description:
    """What kind of thing it is, how large, and what is in it."""
    if is_a(value, "pandas", "DataFrame"):
        frame: Any = value
        return Description(frame_lines(frame), max(frame.shape[1] - MAX_COLUMNS, 0))
    return Description([_line(value)])


def _names(made: Mapping[str, object]) -> str:
    """The variables as one line for a message; modules and hidden names are not among them."""
    names = [n for n, v in made.items() if n[:1] != "_" and ModuleType not in type(v).__mro__]
    rest = len(names) - MAX_NAMES
    named = ", ".join(names[:MAX_NAMES]) or "none"
    return f"{named} and {rest} more" if rest > 0 else named


def _line(value: Any) -> str:
    classes = type(value).__mro__
    if is_a(value, "pandas", "Series"):
        return series_line(value)
    if is_a(value, "torch", "Tensor"):
        return tensor_line(value)
    if is_a(value, "numpy", "ndarray", "generic"):
        return _numpy_line(value)
    if type(value) in FUNCTIONS:
        return _cut(f"function {value.__name__}{_signature(value)}{_summary(value.__doc__)}")
    if type in classes:
        doc = type.__dict__["__dict__"].__get__(value).get("__doc__")
        return _cut(f"class {value.__name__}{_signature(value)}{_summary(doc)}")
    if ModuleType in classes:
        return f"module {value.__name__}"
    return _plain_line(value)


def _numpy_line(value: Any) -> str:
    """Arrays of numpy itself; those of derived classes, such as masked ones, say what they are."""
    if is_exactly(value, "numpy", "ndarray"):
        return array_line(value)
    if is_a(value, "numpy", "generic") and value.dtype.kind in "biuf":
        return f"{type(value).__name__}: {format_number(value.item())}"
    return _plain_line(value)


def _plain_line(value: Any) -> str:
    kind = type(value)
    if kind is float:
        return f"float: {format_number(value)}"
    if kind is str:
        return f"str, {len(value)} characters: {_written(lambda: repr(value[: MAX_CHARS + 1]))}"
    if kind in (bytes, bytearray):
        return f"{kind.__name__}: {_written(lambda: repr(value[: MAX_CHARS + 1]))}"
    if kind in (list, tuple, set, frozenset):
        return f"{kind.__name__}, {len(value)} items: {_written(lambda: _items(value))}"
    if kind is dict:
        keys = f": {_written(lambda: _keys(value))}" if value else ""
        return f"dict, {len(value)} keys{keys}"
    return f"{kind.__name__}: {_written(lambda: repr(value))}"


def _items(value: Any) -> str:
    """Its repr, of a large one only the beginning."""
    if len(value) <= MAX_CHARS:
        return repr(value)
    if type(value) in (list, tuple):
        return repr(value[:MAX_CHARS])
    inner = repr(list(islice(value, MAX_CHARS)))[1:-1]
    return f"{{{inner}}}" if type(value) is set else f"frozenset({{{inner}}})"


def _keys(value: Mapping[object, object]) -> str:
    keys = [key if type(key) is str else repr(key) for key in islice(value, MAX_KEYS)]
    return ", ".join([*keys, MORE] if len(value) > MAX_KEYS else keys)


def _signature(function: Callable[..., object]) -> str:
    """``(x, y=2)``, or nothing where it cannot be told."""
    empty = inspect.Parameter.empty
    try:
        with limited_time(MAX_REPR_SECONDS):
            found = inspect.signature(function)
            bare = [p.replace(annotation=empty) for p in found.parameters.values()]
            return str(found.replace(parameters=bare, return_annotation=empty))
    except (TooLong, Exception):  # noqa: BLE001 - the repr of a default may fail in any way
        return ""


def _summary(doc: object) -> str:
    lines = doc.strip().splitlines() if type(doc) is str else []
    return f": {lines[0].strip()}" if lines else ""


def _written(write: Callable[[], str]) -> str:
    """What it returns, cut, or why there is nothing to show."""
    try:
        with limited_time(MAX_REPR_SECONDS):
            return _cut(write())
    except TooLong:
        return "its repr takes too long"
    except Exception as error:  # noqa: BLE001 - the repr of a value may fail in any way
        return f"its repr raised {type(error).__name__}"


def _cut(text: str) -> str:
    shown = LINE_BREAK.sub(" ", text[:MAX_READ_CHARS])
    is_whole = len(shown) <= MAX_CHARS and len(text) <= MAX_READ_CHARS
    return shown if is_whole else f"{shown[:MAX_CHARS]}{MORE}"
