"""Arguments of a call as JSON: an object that says everything once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any


def json_once(text: str) -> Any:
    """The value of a JSON text; ValueError where a name stands twice or something is no JSON.

    Readers disagree about which of two equal names counts, and what a person allows must be what
    the tool gets. Raises RecursionError where lists stand in each other too deep.
    """
    return json.loads(text, object_pairs_hook=once, parse_constant=_no_constant)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these names and values; ValueError where a name stands twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, n in counts.items() if n > 1)
        raise ValueError(f"the name {twice[:80]!r} stands twice")
    return made


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
