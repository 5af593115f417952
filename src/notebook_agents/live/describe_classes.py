"""What a value is, found out without asking it.

``isinstance`` asks the value for its ``__class__`` and ``vars`` for its ``__dict__``; both may be
code of the notebook that raises, waits or has effects. Here only the type's own slots are read.
Libraries are looked up among the modules that are loaded and never imported: who has a data frame
has imported pandas.
"""

from __future__ import annotations

import sys
from types import GetSetDescriptorType
from typing import Any

_MRO = type.__dict__["__mro__"].__get__
_CLASS_DICT = type.__dict__["__dict__"].__get__
_MODULE = type.__dict__["__module__"].__get__
_NAME = type.__dict__["__name__"].__get__


def classes_of(value: object) -> tuple[type, ...]:
    """The class of a value and those it is derived from."""
    mro: tuple[type, ...] = _MRO(type(value))
    return mro


def is_a(value: object, module: str, *names: str) -> bool:
    """Whether its class is one of those or derived from one; False while nobody has the module."""
    found = loaded(module)
    wanted = [found.get(name) for name in names] if found else []
    return any(kind in wanted for kind in classes_of(value) if kind is not object)


def loaded(module: str) -> dict[str, Any]:
    """The names of a module that is loaded; nothing when it is not."""
    found = sys.modules.get(module)
    names: dict[str, Any] = getattr(found, "__dict__", {})
    return names


def class_name(kind: type) -> str:
    """The name of a class, without asking its metaclass."""
    return str(_NAME(kind))[:80]


def library_of(kind: type) -> str:
    """The package that a class is made in: ``sklearn`` for ``sklearn.linear_model._base``."""
    module = _MODULE(kind)
    return module.partition(".")[0] if type(module) is str else ""


def class_dict(kind: type) -> dict[str, Any]:
    """What a class defines itself."""
    return dict(_CLASS_DICT(kind))


def instance_dict(value: object) -> dict[str, Any]:
    """The attributes that a value holds itself; none where that cannot be told for certain."""
    for kind in classes_of(value):
        found = _CLASS_DICT(kind).get("__dict__")
        if found is None:
            continue
        if type(found) is not GetSetDescriptorType:
            return {}
        names = found.__get__(value)
        return names if type(names) is dict else {}
    return {}
