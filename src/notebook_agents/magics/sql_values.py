"""The notebook's variables as values of a query: ``$name`` is bound, never pasted."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

from notebook_agents.core.sql_text import parameters_in
from notebook_agents.magics.errors import AgentError, close_to

PLAIN = (str, bool, int, float, datetime, date, time, timedelta, Decimal, uuid.UUID)
ALLOWED = "texts, numbers, truth values, dates, times, None, and lists of them"
MAX_LIST = 10_000
"""Values of one list."""


def bound_values(sql: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the query's parameters; AgentError names one that is not there or no value."""
    return {name: _value(name, variables) for name in parameters_in(sql)}


def own_names(variables: Mapping[str, Any]) -> list[str]:
    """The notebook's variables that may be values: not what IPython, modules or code put there."""
    return [
        name
        for name, value in variables.items()
        if not name.startswith("_")
        and name not in ("In", "Out")
        and not callable(value)
        and not isinstance(value, ModuleType)
    ]


def plain_value(value: Any) -> Any:
    """The value as SQL takes it: scalars of numpy and pandas as Python's own, a missing one None.

    TypeError for what is no value.
    """
    if value is None or _is_missing(value):
        return None
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        # First, because an index of times has the methods of one time, with other parameters.
        value = _as_python(value)
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)
    if hasattr(value, "to_pytimedelta"):
        return value.to_pytimedelta()
    if isinstance(value, str):
        _check_text(value)
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return _plain_list(value)
    raise TypeError(f"a {type(value).__name__} cannot stand in a query, only {ALLOWED}")


def _as_python(value: Any) -> Any:
    """What an array, a column or a scalar of numpy holds."""
    if type(value).__module__ == "numpy" and value.dtype.kind in "mM":
        value = value.astype(f"{value.dtype.kind}8[us]")  # nanoseconds would come as numbers
    return value.tolist()


def _check_text(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise TypeError(
            f"character {error.start + 1} of the text is half of a pair (a surrogate), which no "
            "column holds; take it out"
        ) from None


def _plain_list(values: Iterable[Any]) -> list[Any]:
    plain = [plain_value(one) for one in values]
    if len(plain) > MAX_LIST:
        raise TypeError(f"it has {len(plain):,} values, and a query takes {MAX_LIST:,} at most")
    return plain


def _value(name: str, variables: Mapping[str, Any]) -> Any:
    if name not in variables:
        near = close_to(name, own_names(variables))
        hint = f"did you mean ${near}?" if near else f"define it first: {name} = …"
        raise AgentError(f"${name} in the query is no variable of this notebook; {hint}")
    try:
        return plain_value(variables[name])
    except TypeError as error:
        raise AgentError(f"${name} in the query: {error}") from error


def _is_missing(value: Any) -> bool:
    """Whether it is NaN, NaT or NA, which no text, number or date equals, not even itself."""
    if isinstance(value, float):
        return value != value
    return type(value).__name__ in ("NaTType", "NAType")
