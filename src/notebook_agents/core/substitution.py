"""Variables in a text: ``{{name}}`` becomes a value, once, in one pass.

Nothing is a template here: there is no logic, and a value that looks like a variable is text like
any other, so that what somebody else wrote into it can name nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from notebook_agents.core.errors import InvalidRequest

MAX_CHARS = 200_000
"""Of the text that comes out."""
MAX_VARIABLES = 100
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""Names that a notebook may also have as a Python variable."""
_PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}")


def variables_of(text: str) -> tuple[str, ...]:
    """The names in a text, each once, in their order."""
    return tuple(dict.fromkeys(_PLACE.findall(text)))


def substitute(text: str, values: Mapping[str, str], *, field: str = "variables") -> str:
    """The text with a value in each place.

    Raises InvalidRequest naming a variable that has no value, or when the result is too long.
    """
    if missing := [name for name in variables_of(text) if name not in values]:
        raise InvalidRequest(
            f"the variable {missing[0]!r} has no value; give it in {field!r}",
            problems=[(f"{field}.{name}", "has no value") for name in missing],
        )
    size = len(text) + sum(len(values[name]) for name in _PLACE.findall(text))
    if size > MAX_CHARS:
        raise InvalidRequest(
            f"the text has {size:,} characters with its variables, the most is {MAX_CHARS:,}",
            field=field,
        )
    return _PLACE.sub(lambda found: values[found[1]], text)
