"""The commonest mistakes, mended by rule where the built-in model cannot: it writes no code.

A rule proposes nothing unless the result is Python again, and says what it did. What it guesses, a
close name, it guesses from names that exist.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from notebook_agents.magics.cells import CellError
from notebook_agents.magics.errors import close_to

IMPORTS: Mapping[str, str] = {
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "plt": "import matplotlib.pyplot as plt",
    "sns": "import seaborn as sns",
    "px": "import plotly.express as px",
    "go": "import plotly.graph_objects as go",
    "torch": "import torch",
    "Path": "from pathlib import Path",
    "Counter": "from collections import Counter",
    "defaultdict": "from collections import defaultdict",
    **{name: f"import {name}" for name in ("math", "os", "re", "json", "sys", "time", "random")},
}
"""What people mean by names that they forgot to import."""
CLOSENESS = 0.75
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Repair:
    """A cell as it may have been meant."""

    code: str
    reason: str


def repair(error: CellError, namespace: Mapping[str, Any]) -> Repair | None:
    """The cell with one likely mistake mended, or None when no rule knows it."""
    rule = _RULES.get(error.name)
    found = rule(error, namespace) if rule else None
    if found is None or found.code == error.source:
        return None
    try:
        ast.parse(found.code)
    except (SyntaxError, ValueError):
        return None
    return found


def _name(error: CellError, namespace: Mapping[str, Any]) -> Repair | None:
    said = re.match(r"name '(\w+)' is not defined", error.message)
    if said is None:
        return None
    name = said[1]
    line = IMPORTS.get(name, "")
    if line and _is_installed(line.split()[1]):
        return Repair(f"{line}\n{error.source}", f"{name} was not imported")
    known = [known for known in namespace if not known.startswith("_")]
    near = close_to(name, [*known, *_bound(error.source), *dir(builtins)], cutoff=CLOSENESS)
    if not near:
        return None
    code = _renamed(error.source, name, near)
    return Repair(code, f"there is no {name}; {near} is close") if code else None


def _key(error: CellError, namespace: Mapping[str, Any]) -> Repair | None:
    try:
        key = ast.literal_eval(error.message)
        tree = ast.parse(error.source)
    except (SyntaxError, ValueError):
        return None
    if not isinstance(key, str):
        return None
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)):
            continue
        near = close_to(key, _keys(namespace.get(node.value.id)), cutoff=CLOSENESS)
        places = [
            constant
            for constant in ast.walk(node.slice)
            if isinstance(constant, ast.Constant) and constant.value == key
        ]
        if near and places:
            code = _replaced(error.source, places[0], repr(near))
            return Repair(code, f"{node.value.id} has no {key!r}; {near!r} is close")
    return None


def _attribute(error: CellError, namespace: Mapping[str, Any]) -> Repair | None:
    said = re.search(r"has no attribute '(\w+)'", error.message)
    try:
        tree = ast.parse(error.source)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
            continue
        owner = namespace.get(node.value.id)
        if said is None or owner is None or node.attr != said[1]:
            continue
        kind = owner if isinstance(owner, ModuleType | type) else type(owner)
        if near := close_to(node.attr, [*_keys(owner), *dir(kind)], cutoff=CLOSENESS):
            place = ast.Constant(node.attr, lineno=node.end_lineno or node.lineno)
            place.end_col_offset = node.end_col_offset
            place.col_offset = (node.end_col_offset or 0) - len(node.attr.encode())
            reason = f"{node.value.id} has no {node.attr}; {near} is close"
            return Repair(_replaced(error.source, place, near), reason)
    return None


def _syntax(error: CellError, _namespace: Mapping[str, Any]) -> Repair | None:
    lines = error.source.split("\n")
    if not 0 < error.line <= len(lines):
        return None
    at, message = error.line - 1, error.message
    if message == "expected ':'":
        text, hash_, comment = lines[at].partition("#")
        gap = "  " if hash_ else ""
        lines[at] = f"{text.rstrip()}:{gap}{hash_}{comment}"
        return Repair("\n".join(lines), f"line {error.line} lacks its colon")
    if opened := re.match(r"'([(\[{])' was never closed", message):
        lines[at] = f"{lines[at].rstrip()}{_CLOSING[opened[1]]}"
        return Repair("\n".join(lines), f"a {opened[1]} of line {error.line} was never closed")
    if message.startswith("Missing parentheses in call to 'print'"):
        lines[at] = re.sub(r"^(\s*)print\s+(.*\S)\s*$", r"\1print(\2)", lines[at])
        return Repair("\n".join(lines), "print is a function")
    return None


_RULES: Mapping[str, Callable[[CellError, Mapping[str, Any]], Repair | None]] = {
    "NameError": _name,
    "KeyError": _key,
    "AttributeError": _attribute,
    "SyntaxError": _syntax,
}


def _is_installed(module: str) -> bool:
    with suppress(ImportError, ValueError):
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    return False


def _bound(source: str) -> list[str]:
    """The names that the code itself binds."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    return [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def _renamed(source: str, name: str, other: str) -> str:
    """The code with one name in place of another; nothing when it cannot be read."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return ""
    lines = source.split("\n")
    for before, token in reversed(list(zip([None, *tokens], tokens, strict=False))):
        is_attribute = before is not None and before.string == "."
        if token.type == tokenize.NAME and token.string == name and not is_attribute:
            row, column = token.start
            line = lines[row - 1]
            lines[row - 1] = line[:column] + other + line[column + len(name) :]
    return "\n".join(lines)


def _replaced(source: str, node: ast.Constant, text: str) -> str:
    lines = source.encode().split(b"\n")
    row, end = node.lineno - 1, node.end_col_offset
    line = lines[row]
    lines[row] = line[: node.col_offset] + text.encode() + line[end:]
    return b"\n".join(lines).decode()


def _keys(value: Any) -> list[str]:
    keys: Iterable[Any] = ()
    with suppress(Exception):
        keys = value.keys() if isinstance(value, dict) else list(getattr(value, "columns", ()))
    return [key for key in keys if isinstance(key, str)]
