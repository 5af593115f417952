"""What a piece of code could change: the variables it mentions, and the files it may write.

An object can only be changed through a name that leads to it. So the variables that the code
mentions, with everything they hold, are enough, unless it calls functions or objects of the
person's own, which may reach any variable, or cannot be read at all.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import Any

from notebook_agents.core.assessments import RISKS, Assessment
from notebook_agents.live.checkpoints_changes import Scope

_OPAQUE = frozenset(
    {
        "exec", "eval", "globals", "locals", "vars", "setattr", "delattr", "get_ipython",
        "__import__", "compile", "run_cell", "run_line_magic",
    }
)  # fmt: skip
"""Names with which code reaches what it does not mention."""
_HOLDERS = frozenset({list, dict, tuple, set, frozenset})
MAX_HELD = 1_000
"""Elements of a list or values of a dict that are looked at, as of a table of functions."""
_MUTATES = RISKS.index("mutates")
_FILES = RISKS.index("writes_files")


def scope_of(
    code: str, namespace: Mapping[str, Any], assessment: Assessment | None = None
) -> Scope:
    """What the code could change; what cannot be seen is everything."""
    risk = RISKS.index(assessment.risk) if assessment else len(RISKS)
    files = None if risk >= _FILES else ()
    if risk < _MUTATES:
        return Scope(names=frozenset(), files=files)
    mentioned = _mentioned(code)
    if mentioned is None:
        return Scope(names=None, files=files)
    known = frozenset(mentioned & namespace.keys())
    if any(_reaches_more(namespace[name]) for name in known):
        return Scope(names=None, files=files)
    return Scope(names=known, files=files)


def _mentioned(code: str) -> set[str] | None:
    """Every name in the code; None when it cannot be read or reaches what it does not mention."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and node.attr in _OPAQUE:
            return None
        elif isinstance(node, ast.Global):
            names.update(node.names)
    return None if names & _OPAQUE else names


def _reaches_more(value: Any) -> bool:
    """Whether using a value may run code of the person's, which may use any variable."""
    if type(value) in _HOLDERS:
        held = value.values() if type(value) is dict else value
        return any(_is_the_persons_code(part) for part in islice(held, MAX_HELD))
    return _is_the_persons_code(value)


def _is_the_persons_code(value: Any) -> bool:
    if isinstance(value, partial):
        value = value.func
    kind = value if isinstance(value, type) else type(value)
    if isinstance(value, types.FunctionType | types.MethodType):
        return value.__module__ in ("__main__", None)
    return kind.__module__ == "__main__"
