"""One variable in full, for a model that asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.live.hostile import hostile_namespace

from notebook_agents.core.errors import ToolFailed
from notebook_agents.live.inspecting import SPEC, inspected
from notebook_agents.live.visibility import Visibility

ORDERS = pd.DataFrame(
    {"price": np.arange(100.0), "city": ["Bern"] * 60 + ["Genf"] * 40, "pin_token": ["t"] * 100}
)


def double(x: int) -> int:
    """Twice as much."""
    return 2 * x


def test_a_frame_with_percentiles_frequencies_and_both_ends() -> None:
    told = inspected({"orders": ORDERS}, "orders")
    assert told.startswith("orders: DataFrame, 100 rows, 3 columns")
    assert "first 6 rows:" in told
    assert "last 3 rows:\n  97 | 'Genf'" in told
    assert "price percentiles: 5% 4.95, 25% 24.75, 50% 49.5, 75% 74.25, 95% 94.05" in told
    assert "city most frequent: 'Bern' (60), 'Genf' (40)" in told
    assert "'t'" not in told


def test_all_columns_of_a_wide_frame() -> None:
    wide = pd.DataFrame([[0] * 60], columns=[f"c{n}" for n in range(60)])
    told = inspected({"wide": wide}, "wide")
    assert all(f"\nc{n}: int64" in told for n in range(60))


def test_the_source_of_a_function() -> None:
    told = inspected({"double": double}, "double")
    assert told.startswith("double: def double(x): Twice as much.")
    assert "      return 2 * x" in told


def test_a_container_and_a_long_text() -> None:
    names: dict[str, Any] = {"lists": [[1, 2], {"a": ORDERS}], "text": "word " * 1000}
    told = inspected(names, "lists")
    assert "[0]: list of 2: 1, 2" in told
    assert "[1]: dict of 1 key: a DataFrame" in told
    assert len(inspected(names, "text")) > 1500


@pytest.mark.parametrize(
    ("name", "reason", "message"),
    [
        ("ordrs", "NO_VARIABLE", "did you mean 'orders'?"),
        ("api_key", "HIDDEN", "looks like that of a secret"),
        ("hidden", "HIDDEN", "it is hidden"),
        ("_x", "HIDDEN", "begins with an underscore"),
    ],
)
def test_what_cannot_be_told_says_why(name: str, reason: str, message: str) -> None:
    names = {"orders": ORDERS, "api_key": "k", "hidden": 1, "_x": 2}
    with pytest.raises(ToolFailed, match=message) as failed:
        inspected(names, name, visible=Visibility(hidden=("hid*",)))
    assert failed.value.reason == reason


def test_every_description_is_bounded_and_runs_no_code_of_the_notebook() -> None:
    names = hostile_namespace()
    for name in names:
        assert 0 < len(inspected(names, name, max_chars=1000)) <= 1000


def test_the_tool_reads() -> None:
    assert (SPEC.effect, SPEC.name) == ("read", "inspect_variable")
