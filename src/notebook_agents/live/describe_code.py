"""Functions, classes and modules: signatures and first lines of documentation.

A signature is read from the code object: ``inspect.signature`` asks decorators, and the text of a
default value may be code of the notebook.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Iterator
from itertools import islice
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from notebook_agents.live.describe_classes import (
    class_dict,
    class_name,
    classes_of,
    library_of,
)
from notebook_agents.live.describe_words import MORE, Look, listed

NO_DEFAULT: Any = object()
NOTEBOOK = "__main__"
FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType)
MAX_METHODS = 12
MAX_PARAMETERS = 30
MAX_SOURCE_LINES = 120
MAX_WRAPPERS = 10
_VARARGS, _VARKEYWORDS = 0x04, 0x08


def is_module(value: object) -> bool:
    """Whether it is a module."""
    return ModuleType in classes_of(value)


def is_function(value: object) -> bool:
    """Whether it is a function or a method."""
    return type(value) in FUNCTIONS or type(value).__name__ == "ufunc"


def is_class(value: object) -> bool:
    """Whether it is a class."""
    return type in classes_of(value)


def is_the_notebooks(value: object) -> bool:
    """Whether a function or class was made in the notebook, not imported."""
    if type(value) is FunctionType:
        return value.__globals__.get("__name__") == NOTEBOOK
    return is_class(value) and library_of(value) == NOTEBOOK  # type: ignore[arg-type]


def nothing(_value: Any, _look: Look) -> Iterator[str]:
    """No details."""
    return iter(())


def module_head(value: Any, look: Look) -> str:
    """``module numpy.linalg``."""
    return f"module {look.label(module_name(value))}"


def module_name(value: Any) -> str:
    """What a module is called, without asking one that loads itself when asked."""
    names = ModuleType.__getattribute__(value, "__dict__")
    name = names.get("__name__")
    return name if type(name) is str else "?"


def function_head(value: Any, look: Look) -> str:
    """``def clean(frame, *, limit=3): Remove what is above the limit.``."""
    if type(value) is MethodType:
        value = value.__func__
    if type(value) is not FunctionType:
        name = getattr(value, "__name__", "?")
        return f"function {look.label(name)}"
    is_async = bool(value.__code__.co_flags & 0x80)
    doc = first_line(value.__doc__)
    written = f"{'async ' if is_async else ''}def {value.__name__}{signature(value, look)}"
    return f"{written}: {doc}" if doc else written


def function_more(value: Any, look: Look) -> Iterator[str]:
    """The source, for somebody who looks at this one alone."""
    if type(value) is MethodType:
        value = value.__func__
    if not look.is_thorough or type(value) is not FunctionType:
        return
    yield from _source(unwrapped(value).__code__, look)


def class_head(value: Any, look: Look) -> str:
    """``class Net(Module)(sizes, rate=0.1): A small network.``."""
    bases = [class_name(base) for base in type.__dict__["__bases__"].__get__(value)]
    bases = [base for base in bases if base != "object"]
    own = class_dict(value)
    made = own.get("__init__")
    takes = f", made with {signature(made, look, skip=1)}" if type(made) is FunctionType else ""
    doc = first_line(own.get("__doc__"))
    shown = "" if doc.startswith(f"{class_name(value)}(") else doc
    base = f"({', '.join(bases[:4])})" if bases else ""
    return f"class {class_name(value)}{base}{takes}{f': {shown}' if shown else ''}"


def class_more(value: Any, look: Look) -> Iterator[str]:
    """Its methods."""
    own = class_dict(value)
    methods = [name for name, member in own.items() if type(member) is FunctionType]
    public = [name for name in methods if not name.startswith("_")]
    if public:
        shown = (f"{name}{signature(own[name], look, skip=1)}" for name in public)
        limit = MAX_METHODS * (4 if look.is_thorough else 1)
        yield f"methods: {listed(shown, len(public), limit)}"
    if look.is_thorough:
        # Decorators that make methods leave code of their own.
        home = own.get("__module__")
        for name in methods:
            if own[name].__globals__.get("__name__") == home:
                yield from _source(own[name].__code__, look)


def signature(function: Callable[..., Any], look: Look, *, skip: int = 0) -> str:
    """``(x, y=2, *, limit)``; of a decorated function that of the function inside."""
    if type(function) is not FunctionType:
        return "(…)"
    inside = unwrapped(function)
    code = inside.__code__
    written = []
    parameters = parameters_of(inside)
    n_positional = code.co_argcount
    for place, (name, default) in enumerate(parameters):
        if place == n_positional and code.co_kwonlyargcount and not code.co_flags & _VARARGS:
            written.append("*")
        if place == n_positional and code.co_flags & _VARARGS:
            written.append(f"*{_variadic(code)[0]}")
        shown = "" if default is NO_DEFAULT else f"={look.named_cell(name, default)}"
        written.append(f"{name}{shown}")
    if len(parameters) == n_positional and code.co_flags & _VARARGS:
        written.append(f"*{_variadic(code)[0]}")
    if code.co_flags & _VARKEYWORDS:
        written.append(f"**{_variadic(code)[-1]}")
    written = written[skip:]
    if len(written) > MAX_PARAMETERS:
        written = [*written[:MAX_PARAMETERS], MORE]
    return f"({', '.join(written)})"


def parameters_of(function: Any) -> list[tuple[str, Any]]:
    """The named parameters of a function with their defaults; none where they cannot be told."""
    if type(function) is not FunctionType:
        return []
    code = unwrapped(function).__code__
    function = unwrapped(function)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    given = function.__defaults__ or ()
    defaults = dict(
        zip(names[code.co_argcount - len(given) : code.co_argcount], given, strict=True)
    )
    defaults |= function.__kwdefaults__ or {}
    return [(name, defaults.get(name, NO_DEFAULT)) for name in names]


def unwrapped(function: FunctionType) -> FunctionType:
    """The function inside its decorators, where they say so."""
    for _ in range(MAX_WRAPPERS):
        inside = function.__dict__.get("__wrapped__")
        if type(inside) is not FunctionType:
            break
        function = inside
    return function


def first_line(doc: object) -> str:
    """Of a documentation."""
    lines = doc.strip().splitlines() if type(doc) is str else []
    return lines[0].strip() if lines else ""


def _variadic(code: CodeType) -> tuple[str, ...]:
    first = code.co_argcount + code.co_kwonlyargcount
    n_names = bool(code.co_flags & _VARARGS) + bool(code.co_flags & _VARKEYWORDS)
    return code.co_varnames[first : first + n_names]


def _source(code: CodeType, look: Look) -> Iterator[str]:
    """The lines of a function as they were typed; IPython keeps those of cells."""
    known = linecache.getlines(code.co_filename)
    if not known:
        return
    shown = inspect.getblock(known[code.co_firstlineno - 1 :])
    yield "source:"
    for line in islice(shown, MAX_SOURCE_LINES):
        yield f"  {look.masker.masked(line[:400]).rstrip()}"
    if len(shown) > MAX_SOURCE_LINES:
        yield f"  {MORE} {len(shown) - MAX_SOURCE_LINES:,} more lines"
