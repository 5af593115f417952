"""What has changed since the last look."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.live.hostile import hostile_namespace

from notebook_agents.live.changes import Change, differences, snapshot

LogisticRegression: Any = pytest.importorskip("sklearn.linear_model").LogisticRegression


def frame() -> pd.DataFrame:
    return pd.DataFrame({"age": np.arange(1000), "city": ["Bern", "Genf"] * 500})


def changed(before: Any, change: Callable[[Any], Any]) -> str:
    """What is said of one variable after a change; in place when the change returns nothing."""
    first = snapshot({"x": before})
    after = change(before)
    found = differences(first, snapshot({"x": before if after is None else after}))
    return found[0].text if found else ""


def set_cell(table: pd.DataFrame) -> None:
    table.loc[500, "age"] = -1


def set_text(table: pd.DataFrame) -> None:
    table.loc[500, "city"] = "Basel"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda df: df.iloc[:980], "1,000 rows → 980 rows"),
        (lambda df: df.assign(age=df["age"].astype(float)), "column age now float64"),
        (lambda df: df.assign(new=1), "column new added"),
        (lambda df: df.drop(columns="city"), "column city removed"),
        (
            lambda df: df.iloc[:980].astype({"age": float}),
            "1,000 rows → 980 rows; column age now float64",
        ),
        (set_cell, "values changed"),
        (set_text, "values changed"),
        (lambda df: df.copy(), ""),
        (lambda df: df["age"], "was DataFrame, now Series"),
        (lambda df: 3, "was DataFrame, now int 3"),
    ],
)
def test_changes_of_frames(change: Callable[[Any], Any], told: str) -> None:
    assert changed(frame(), change) == told


def grow(values: list[int]) -> None:
    values.append(4)


def swap(values: list[int]) -> None:
    values[0] = 9


def fit(model: Any) -> None:
    model.fit([[0.0], [1.0]], [0, 1])


def train(net: torch.nn.Linear) -> None:
    net.weight.data.add_(1.0)


def put(array: Any) -> None:
    array[1] = 7


@pytest.mark.parametrize(
    ("before", "change", "told"),
    [
        (3, lambda n: n + 1, "3 → 4"),
        ("a", lambda _: "b", "'a' → 'b'"),
        ("a" * 50, lambda _: "b" * 60, "50 characters → 60 characters"),
        ("a" * 50, lambda text: text + "", ""),
        ([1, 2, 3], grow, "3 elements → 4 elements"),
        ([1, 2, 3], swap, "values changed"),
        ([1, 2, 3], list, ""),
        ({"a": [1]}, lambda d: {"a": [2]}, "values changed"),
        ({1, 2}, lambda s: {2, 1}, ""),
        (np.zeros(5), put, "values changed"),
        (np.zeros(5), lambda a: a.astype("float32"), "now float32"),
        (np.zeros(5), lambda a: a.reshape(1, 5), "shape (5,) → shape (1, 5)"),
        (np.array([np.nan]), lambda a: a.copy(), ""),
        ([float("nan")], lambda v: [float("nan")], ""),
        (torch.zeros(5), put, "values changed"),
        (torch.zeros(5), lambda t: t.clone(), ""),
        (torch.nn.Linear(2, 2), train, "values changed"),
        (torch.nn.Linear(2, 2), lambda net: net.eval(), "now in mode evaluating, cpu"),
        (LogisticRegression(), fit, "now fitted"),
        (LogisticRegression(C=1.0), lambda m: m.set_params(C=0.5), "C now 0.5"),
        (pd.Series([1, None], dtype="Int64"), lambda s: s.fillna(2), "values changed"),
        (pd.date_range("2024", periods=3), lambda i: i.copy(), ""),
        (1, lambda _: True, "was int 1, now bool True"),
    ],
)
def test_changes_of_other_values(before: Any, change: Callable[[Any], Any], told: str) -> None:
    assert changed(before, change) == told


def test_new_and_removed_variables() -> None:
    found = differences(snapshot({"a": 1, "b": 2}), snapshot({"b": 2, "c": 3}))
    assert found == (Change(name="c", kind="new"), Change(name="a", kind="removed"))
    assert [str(change) for change in found] == ["c new", "a removed"]


def test_a_function_that_is_defined_again_as_it_was_has_not_changed() -> None:
    def define(body: str) -> Any:
        names: dict[str, Any] = {}
        exec(f"def f(x):\n    return {body}", names)  # noqa: S102 - our own code
        return names["f"]

    assert changed(define("x"), lambda _: define("x")) == ""
    assert changed(define("x"), lambda _: define("x + 1")) == "values changed"


def test_the_values_of_secrets_are_not_told() -> None:
    secret = "sk-abcdefghijklmnop12345"
    told = changed(secret, lambda _: "sk-zzzzzzzzzzzzzzzz12345")
    assert "abcdef" not in told
    assert "zzzz" not in told


def test_hostile_values_are_remembered_without_running_their_code() -> None:
    names = hostile_namespace()
    assert differences(snapshot(names), snapshot(names)) == ()


def test_nothing_is_kept_of_what_is_looked_at_and_large_values_cost_little() -> None:
    usual = {"df": frame(), "n": 3}
    large = {"df": pd.DataFrame(np.zeros((4_000_000, 8))), "n": 3}
    snapshot(usual)
    started = time.perf_counter()
    for _ in range(5):
        snapshot(usual)
    small_s = time.perf_counter() - started
    started = time.perf_counter()
    for _ in range(5):
        snapshot(large)
    # A thousand times the bytes, far from a thousand times the work.
    assert time.perf_counter() - started < 50 * small_s
