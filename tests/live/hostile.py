"""Objects that fail, wait or lie when they are asked anything."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pytest
import torch


class Asked(BaseException):
    """Code of the notebook was run."""


def _refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
    raise Asked


_ASKING = (
    "__repr__", "__str__", "__len__", "__iter__", "__getattr__", "__getattribute__", "__bool__",
    "__eq__", "__hash__", "__getitem__", "__contains__", "__format__", "__dir__", "__float__",
    "__array__",
)  # fmt: skip


class HostileZone(datetime.tzinfo):
    """A zone of time that is asked whenever a time is written."""

    utcoffset = dst = tzname = _refuse


class Meta(type):
    """A class whose class refuses too."""

    def __instancecheck__(cls, _instance: object) -> bool:
        raise Asked

    def __repr__(cls) -> str:
        raise Asked


def _methods() -> dict[str, Any]:
    asked = dict.fromkeys(_ASKING, _refuse)
    return {**asked, "__class__": property(_refuse), "__dict__": property(_refuse)}


Hostile = type("Hostile", (), _methods())
HostileList = type(
    "HostileList", (list,), {name: _refuse for name in _ASKING if name != "__array__"}
)
HostileDict = type(
    "HostileDict", (dict,), {name: _refuse for name in _ASKING if name != "__array__"}
)
HostileMeta: Any = Meta("HostileMeta", (), {})


class HostileFrame(pd.DataFrame):
    """A frame that must be looked at as a plain one."""

    shape = columns = dtypes = index = property(_refuse)
    iloc = memory_usage = __len__ = __getitem__ = property(_refuse)


class HostileTensor(torch.Tensor):
    """A tensor that intercepts every function of torch."""

    shape = dtype = device = property(_refuse)

    @classmethod
    def __torch_function__(cls, *_args: Any, **_kwargs: Any) -> Any:
        raise Asked


class HostileArray(np.ndarray[Any, Any]):
    """An array that refuses to be computed with."""

    __array_ufunc__ = _refuse
    shape = dtype = size = property(_refuse)


class HostileNet(torch.nn.Module):
    """A network whose attributes are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(2, 3)

    def __getattr__(self, name: str) -> Any:
        raise Asked

    def parameters(self, recurse: bool = True) -> Iterator[torch.nn.Parameter]:
        raise Asked


sklearn_base: Any = pytest.importorskip("sklearn.base")


class HostileEstimator(sklearn_base.BaseEstimator):  # type: ignore[misc]
    """An estimator that does not want to say how it was made."""

    def __init__(self, depth: int = 3, api_key: str = "") -> None:
        self.depth = depth
        self.api_key = api_key

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        raise Asked

    __repr__ = _refuse


def endless() -> Iterator[int]:
    """A generator that must not be begun."""
    raise Asked
    yield 1


def recursive() -> list[Any]:
    """A list that is in itself, and a dictionary that holds it."""
    nested: list[Any] = [1]
    nested.append({"again": nested})
    return nested


def hostile_namespace() -> dict[str, Any]:
    """One of each."""
    frame = HostileFrame({"a": [1, 2], "o": [1, "x"]})
    cell = np.empty(3, dtype=object)
    cell[0], cell[1] = object.__new__(Hostile), 1
    cells = pd.DataFrame({"cell": pd.Series(cell, dtype=object)})
    array = np.arange(4.0).view(HostileArray)
    return {
        "hostile": object.__new__(Hostile),
        "meta": object.__new__(HostileMeta),
        "hostile_class": Hostile,
        "hostile_list": list.__new__(HostileList),
        "hostile_dict": dict.__new__(HostileDict),
        "hostile_frame": frame,
        "cells": cells,
        "hostile_tensor": torch.ones(3).as_subclass(HostileTensor),
        "hostile_array": array,
        "net": HostileNet(),
        "estimator": HostileEstimator(),
        "objects": cell,
        "holder": [object.__new__(Hostile), {"k": object.__new__(Hostile)}],
        "endless": endless(),
        "when": datetime.datetime(2024, 1, 2, tzinfo=HostileZone()),
        "part": slice(object.__new__(Hostile)),
        "recursive": recursive(),
        "long": "x" * 100_000_000,
        "huge_int": 10**100_000,
        "surrogate": "\ud800 lone",
        "nan": float("nan"),
    }
