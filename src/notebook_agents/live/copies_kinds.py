"""Which objects can be kept, which need not be, and why the others cannot.

Kept is what consists of contents alone: containers, arrays, tensors, frames, estimators, and
objects of the person's own classes. An object that stands for something outside, a file or a
connection, must not be wound back: the thing outside would not go with it.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import io
import re
import sys
import types
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

from notebook_agents.live.copies import (
    CONTAINERS,
    DICTS,
    GENERATORS,
    INSTANCES,
    LISTS,
    SETS,
    Both,
    Keeper,
    States,
    loaded,
)
from notebook_agents.live.copies_data import Arrays, Frames, Tensors

ATOMS: frozenset[type] = frozenset(
    {
        type(None), bool, int, float, complex, str, bytes, range, slice, type(...), type,
        types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType,
        datetime.datetime, datetime.date, datetime.time, datetime.timedelta, datetime.timezone,
        Decimal, Fraction, UUID, re.Pattern, type(NotImplemented), object,
    }
)  # fmt: skip
"""Types whose objects never change, or are code."""
_ATOM_BASES = (
    type, types.ModuleType, enum.Enum, PurePath, functools.partial, property, staticmethod,
    classmethod, datetime.tzinfo, int, float, str, bytes,
)  # fmt: skip
_FIXED = {
    "numpy": ("generic", "dtype", "ufunc"),
    "pandas": ("Index", "Timestamp", "Timedelta", "Period", "Interval", "DateOffset"),
    "pyarrow": ("Table", "Array", "ChunkedArray", "Schema", "DataType", "Scalar"),
    "torch": ("dtype", "device", "layout", "memory_format"),
}
"""Classes of libraries whose objects never change."""
_REASONS: tuple[tuple[Any, str], ...] = (
    (io.IOBase, "an open file"),
    ((types.GeneratorType, types.AsyncGeneratorType), "a generator"),
    (types.CoroutineType, "a coroutine"),
    (Iterator, "an iterator"),
)
_REASONS_BY_PACKAGE = {
    "sqlite3": "a database connection",
    "duckdb": "a database connection",
    "_duckdb": "a database connection",
    "psycopg": "a database connection",
    "sqlalchemy": "a database connection",
    "redis": "a database connection",
    "socket": "a network connection",
    "_socket": "a network connection",
    "ssl": "a network connection",
    "requests": "a network connection",
    "httpx": "a network connection",
    "_thread": "a lock or thread",
    "threading": "a lock or thread",
    "asyncio": "work of the event loop",
    "_asyncio": "work of the event loop",
    "subprocess": "a process",
    "matplotlib": "a figure of matplotlib",
    "ipywidgets": "a widget",
    "anywidget": "a widget",
}
_OPEN_PACKAGES = frozenset({"sklearn", "plotly", "_plotly_utils", "types", "collections"})
"""Libraries whose Python objects consist of their attributes alone."""
_OPEN_BASES = frozenset(
    {
        ("torch.nn.modules", "Module"), ("torch.optim.optimizer", "Optimizer"),
        ("torch.optim.lr_scheduler", "LRScheduler"), ("torch.utils.data.dataset", "Dataset"),
        ("pydantic.main", "BaseModel"), ("abc", "ABC"), ("typing", "Generic"),
        ("typing", "Protocol"), ("builtins", "object"), ("builtins", "Exception"),
        ("builtins", "BaseException"),
    }
)  # fmt: skip
_COMMON: dict[type, Keeper | None] = {
    list: LISTS, dict: DICTS, set: SETS, tuple: None, frozenset: None,
}  # fmt: skip
"""What most structures consist of, found without looking any further."""
_ARRAYS, _FRAMES, _TENSORS, _STATES = Arrays(), Frames(), Tensors(), States()


def keeper_of(value: Any, known: dict[type, bool]) -> Keeper | str | None:
    """Who keeps an object's contents; None when they cannot change, or why nobody can.

    ``known`` remembers what was found out about classes.
    """
    kind = type(value)
    if kind in _COMMON:
        return _COMMON[kind]
    if kind in ATOMS or isinstance(value, _ATOM_BASES) or _is_fixed(value):
        return None
    found = _of_data(value) or _of_containers(value)
    if found is not None:
        return found
    if _is_frozen(value) or isinstance(value, tuple | frozenset):
        return None
    if kind not in known:
        known[kind] = all(_is_open_class(base) for base in kind.__mro__)
    if known[kind] and _has_attributes(value):
        return INSTANCES
    if _package(kind) == "sklearn":
        # Compiled parts, such as trees: a fit makes new ones and leaves the old as they were.
        return None
    return _STATES if _package(kind) == "polars" else _reason(value)


def parts_of(value: Any) -> list[Any]:
    """What an object that cannot change holds: that may."""
    if isinstance(value, tuple | frozenset):
        return list(value)
    if _is_frozen(value):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return []


def _is_fixed(value: Any) -> bool:
    return any(
        isinstance(value, kind)
        for package, names in _FIXED.items()
        if (module := loaded(package)) is not None
        for name in names
        if isinstance(kind := getattr(module, name, None), type)
    )


def _of_data(value: Any) -> Keeper | str | None:
    numpy, pandas, torch = loaded("numpy"), loaded("pandas"), loaded("torch")
    if hasattr(numpy, "ndarray") and isinstance(value, numpy.ndarray):
        return "a memory-mapped file" if isinstance(value, numpy.memmap) else _ARRAYS
    if hasattr(pandas, "DataFrame") and isinstance(value, pandas.DataFrame | pandas.Series):
        return _FRAMES
    if hasattr(torch, "Tensor") and isinstance(value, torch.Tensor):
        is_plain = value.layout is torch.strided and value.device.type != "meta"
        return _TENSORS if is_plain else f"a tensor of layout {value.layout}"
    random = getattr(numpy, "random", None)
    if random is not None and isinstance(value, random.Generator):
        return GENERATORS
    if random is not None and isinstance(value, random.RandomState):
        return _STATES
    return None


def _of_containers(value: Any) -> Keeper | None:
    for kind, keeper in CONTAINERS:
        if isinstance(value, kind):
            return Both(keeper) if getattr(value, "__dict__", None) else keeper
    return None


def _is_frozen(value: Any) -> bool:
    parameters = getattr(type(value), "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def _is_open_class(base: type) -> bool:
    """Whether a class is the person's own, or known to consist of attributes alone."""
    module = base.__module__ or ""
    if any(module.startswith(name) and base.__name__ == known for name, known in _OPEN_BASES):
        return True
    package = module.partition(".")[0]
    if package in _OPEN_PACKAGES or module == "__main__":
        return True
    if package in _REASONS_BY_PACKAGE:
        return False
    return _is_module(base) if package == "torch" else _is_own(package)


def _has_attributes(value: Any) -> bool:
    return hasattr(value, "__dict__") or any(
        "__slots__" in base.__dict__ for base in type(value).__mro__
    )


def _is_module(base: type) -> bool:
    """Whether it is one of torch's own layers or optimizers."""
    torch = loaded("torch")
    return issubclass(base, torch.nn.Module | torch.optim.Optimizer)


def _is_own(package: str) -> bool:
    """Whether a module's file lies in the working folder: the person wrote it."""
    file = getattr(sys.modules.get(package), "__file__", None)
    if not file or "site-packages" in file:
        return False
    try:
        return Path(file).is_relative_to(Path.cwd())
    except OSError:
        return False


def _package(kind: type) -> str:
    return (kind.__module__ or "").partition(".")[0]


def _reason(value: Any) -> str:
    for kind, reason in _REASONS:
        if isinstance(value, kind):
            return reason
    for base in type(value).__mro__:
        if reason := _REASONS_BY_PACKAGE.get(_package(base), ""):
            return reason
    return f"an object of {_package(type(value))}.{type(value).__name__}"
