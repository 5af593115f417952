"""What a cell of a notebook uses: the variables it reads before it binds them, and its texts."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_NAMES = 500
"""Of functions that call functions; a cell that uses more is not followed further."""
_BINDING = (ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Reads:
    """What a piece of code may depend on."""

    names: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    """Texts in it, one of which may be the path of a file."""


def reads_of(source: str, namespace: Mapping[str, Any]) -> Reads:
    """The variables that the code reads, also in functions of the notebook, and its texts.

    Code that cannot be parsed, such as a cell in another language, reads nothing.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return Reads()
    names: set[str] = set()
    bound: set[str] = set()
    for statement in tree.body:
        names |= set(_read_in(statement)) - bound
        if isinstance(statement, _BINDING):
            bound |= set(_bound_in(statement))
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return Reads(frozenset(_followed(names, namespace)), frozenset(texts))


def _read_in(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Load, ast.Del)):
            yield node.id
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _bound_in(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _followed(names: set[str], namespace: Mapping[str, Any]) -> set[str]:
    """The names, and those that functions of the notebook among them read in their turn."""
    found, waiting = set(names), list(names)
    while waiting and len(found) < MAX_NAMES:
        value = namespace.get(waiting.pop())
        if isinstance(value, types.FunctionType) and value.__globals__ is namespace:
            fresh = set(value.__code__.co_names) - found
            found |= fresh
            waiting += fresh
    return found
