"""JSON that programs read in different ways is refused, before anything is made of it.

A key that is there twice means its first value to one reader and its last to another; ``NaN`` and
numbers that no double holds are JSON to some readers only. What one of them checks, the next would
not see. How deep values may lie, and that texts are whole characters, pydantic sees to.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn

from notebook_agents.core.errors import InvalidRequest

MAX_OBJECTS = 100_000
"""Of one text; to look at more would keep everybody else waiting."""


class _Ambiguous(Exception):
    """What is wrong, in words."""


class _Objects:
    """Makes an object of each list of keys and values, and counts them."""

    def __init__(self) -> None:
        self._n_made = 0

    def __call__(self, pairs: list[tuple[str, Any]]) -> int:
        self._n_made += 1
        if self._n_made > MAX_OBJECTS:
            raise _Ambiguous(f"the JSON has more than {MAX_OBJECTS} objects")
        if len({name for name, _ in pairs}) != len(pairs):
            counts = Counter(name for name, _ in pairs)
            twice = next(name for name, n in counts.items() if n > 1)
            raise _Ambiguous(f"the JSON names {twice[:80]!r} twice in one object")
        return 0


def refuse_ambiguous(said: bytes) -> None:
    """InvalidRequest for JSON that is not the same to all readers; other mistakes are not seen."""
    try:
        json.loads(
            said,
            object_pairs_hook=_Objects(),
            parse_constant=_refuse_constant,
            parse_float=_refuse_infinite,
        )
    except _Ambiguous as error:
        raise InvalidRequest(str(error)) from None
    except RecursionError:
        raise InvalidRequest("the JSON is nested too deep") from None
    except ValueError:
        return  # whoever reads it next says where it ends to be JSON


def _refuse_constant(name: str) -> NoReturn:
    raise _Ambiguous(f"{name} is no value of JSON")


def _refuse_infinite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _Ambiguous(f"the number {text[:40]} is too large")
    return value
