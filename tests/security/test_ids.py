"""Every abuse case has a test named after it; docs/security-model.md explains the letters."""

from __future__ import annotations

import re
from pathlib import Path

CASES = {
    **{"A": 13, "B": 12, "C": 18, "D": 11, "E": 21, "F": 12, "G": 10, "H": 12, "I": 6, "J": 13},
    **{"K": 6, "L": 12, "M": 10, "N": 18, "P": 13, "Q": 7},
}
NOT_OURS = {"J11", "J12"}
"""Connections to PostgreSQL and SQLite as tools, which the product does not have."""


def test_every_case_has_a_test_of_its_name() -> None:
    names = re.findall(
        r"def test_((?:[a-q]\d\d_)+)",
        "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py")),
    )
    tested = {id.upper() for name in names for id in name.strip("_").split("_")}
    wanted = {f"{letter}{n:02}" for letter, last in CASES.items() for n in range(1, last + 1)}
    assert wanted - tested == NOT_OURS
