"""Text that frames evaluate, ``df.query("a > 1")``: whether it only computes, and with what."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field

from notebook_agents.core.code_knowledge import words

MATH = words(
    """
    abs arccos arccosh arcsin arcsinh arctan arctan2 arctanh ceil cos cosh exp expm1 floor log
    log10 log1p sin sinh sqrt tan tanh
    """
)
"""What numexpr computes by itself; a variable of the name goes first."""
COLUMN_METHODS = words(
    """
    abs between count isin isna isnull max mean median min notna notnull quantile std sum
    """
)
PARTS = {
    "str": words(
        """
        contains endswith fullmatch isalpha isdigit isnumeric len lower match startswith strip
        upper
        """
    ),
    "dt": words(
        """
        date day dayofweek dayofyear hour minute month quarter second time weekday year
        """
    ),
}
"""What is computed of the texts and times of a column; none of it calls what it is given."""
_QUOTED = re.compile(r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|`[^`'\"#]*`")
_AT = re.compile(r"@\s*(?=[^\W\d])")
_MARK = "variable_of_the_notebook_"
_PLAIN = (
    ast.Constant, ast.List, ast.Tuple, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare,
    ast.boolop, ast.operator, ast.unaryop, ast.cmpop, ast.expr_context,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """The names in a text."""

    used: set[str] = field(default_factory=set)
    """Columns and variables."""
    called: set[str] = field(default_factory=set)
    """Functions of ``MATH``, or variables of the same name."""


def names_in(text: str, *, of_columns: bool) -> Named | None:
    """The names in a text that only computes; None where it does anything else.

    ``of_columns`` says whether names without ``@`` are columns, whose usual methods are known.
    pandas reads line by line, whatever quotes are open.
    """
    found = Named()
    for line in filter(None, map(str.strip, text.splitlines())):
        marked = _AT.sub(f" {_MARK}", _QUOTED.sub(_without_ticks, line)).strip()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd escapes in somebody's text
                body = ast.parse(marked).body
        except (SyntaxError, RecursionError, MemoryError, ValueError):
            return None
        inner = [_computed(statement) for statement in body]
        if any(one is None or not _is_plain(one, found, of_columns) for one in inner):
            return None
    return found


def _without_ticks(match: re.Match[str]) -> str:
    return match[1] or " column "


def _computed(statement: ast.stmt) -> ast.expr | None:
    """What a line computes: all of it, or what it gives to a column."""
    match statement:
        case ast.Expr():
            return statement.value
        case ast.Assign(targets=[ast.Name()]):
            return statement.value
    return None


def _is_plain(node: ast.AST, found: Named, of_columns: bool) -> bool:
    """Whether it only computes; puts its names into ``found``."""
    match node:
        case ast.Name():
            found.used.add(node.id.removeprefix(_MARK))
            return "__" not in node.id
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in MATH:
            found.called.add(name)
            parts: list[ast.expr] = node.args
        case ast.Call(func=ast.Attribute()) if of_columns and _is_of_column(node.func):
            parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        case ast.Attribute(value=ast.Attribute(attr="dt")) if of_columns:
            return _is_of_column(node)
        case _ if isinstance(node, _PLAIN):
            return all(_is_plain(child, found, of_columns) for child in ast.iter_child_nodes(node))
        case _:
            return False
    return all(_is_plain(part, found, of_columns) for part in parts)


def _is_of_column(node: ast.expr) -> bool:
    """Whether it is ``column.isna``, ``column.str.lower`` or the like."""
    match node:
        case ast.Attribute(value=ast.Name(id=column), attr=name):
            return name in COLUMN_METHODS and not column.startswith(_MARK)
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=column), attr=part), attr=name):
            return name in PARTS.get(part, ()) and not column.startswith(_MARK)
    return False
