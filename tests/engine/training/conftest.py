"""What the tests of the training data share: scenes, and results compared as a reader would."""

from __future__ import annotations

import random
import re

from notebook_agents.engine.training.fixtures import Names
from notebook_agents.engine.training.pools import Picker
from notebook_agents.engine.training.scene import Scene

_FRACTION = re.compile(r"-?\d*\.\d+")
TOLERANCE = 2e-4
"""Results are rounded to four places, and databases and pandas round halves differently."""


def scene_of(seed: int | str, *, held: bool = False, pieces: tuple[str, ...] = ()) -> Scene:
    """A scene of its own."""
    rng = random.Random(seed)  # noqa: S311
    return Scene(rng, Names(rng, held, pieces), Picker(rng, held=held))


def have_same_rows(found: str, expected: str) -> bool:
    """Whether two results have equal rows below their headers, in any order.

    Equal rows of a ranking may change places, and fractions may differ in their last digit.
    """
    rows, others = _rows(found), _rows(expected)
    return len(rows) == len(others) and all(map(_is_same_row, rows, others))


def _rows(text: str) -> list[str]:
    lines = text.split("\n")
    return sorted(lines[1:] or lines, key=lambda row: _FRACTION.sub(_rounded, row))


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}"


def _is_same_row(row: str, other: str) -> bool:
    pairs = list(zip(_FRACTION.findall(row), _FRACTION.findall(other), strict=False))
    is_near = all(abs(float(a) - float(b)) <= TOLERANCE for a, b in pairs)
    return is_near and _FRACTION.sub("", row) == _FRACTION.sub("", other)
