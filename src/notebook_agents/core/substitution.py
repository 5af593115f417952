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
RESERVED = frozenset({"self", "request", "config"})
"""Names of variables that template engines have, and that nobody should think to find here."""
_LOOKALIKE = re.compile(r"\{\{\s*([^\W\d]\w*)\s*\}\}")
_PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}")


def variables_of(text: str) -> tuple[str, ...]:
    """The names in a text, each once, in their order."""
    return tuple(dict.fromkeys(_PLACE.findall(text)))


def check_names(text: str, *, field: str) -> None:
    """InvalidRequest naming the first variable of a text that none may be called.

    A letter of another alphabet that looks like one of these would make another variable.
    """
    for name in dict.fromkeys(_LOOKALIKE.findall(text)):
        if not is_name(name):
            raise InvalidRequest(
                f"{ascii(name)[1:-1][:80]!r} is no name of a variable", field=field
            )


def is_name(name: str) -> bool:
    """Whether a variable may be called so."""
    return NAME.fullmatch(name) is not None and not name.startswith("__") and name not in RESERVED


def substitute(text: str, values: Mapping[str, str], *, field: str = "variables") -> str:
    """The text with a value in each place.

    Raises InvalidRequest naming a variable that has no value, or when the result is too long.
    """
    # Also names that no variable can have: a letter that only looks like another one's.
    named = dict.fromkeys(_LOOKALIKE.findall(text))
    if missing := [ascii(name)[1:-1] for name in named if name not in values]:
        raise InvalidRequest(
            f"the variable {missing[0]!r:.80} has no value; give it in {field!r}",
            problems=[(f"{field}.{name}", "has no value") for name in missing],
        )
    size = len(text) + sum(len(values[name]) for name in _PLACE.findall(text))
    if size > MAX_CHARS:
        raise InvalidRequest(
            f"the text has {size:,} characters with its variables, the most is {MAX_CHARS:,}",
            field=field,
        )
    return _PLACE.sub(lambda found: values[found[1]], text)
