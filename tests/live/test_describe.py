"""Variables in words."""

from __future__ import annotations

import datetime
import enum
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import torch
from tests.live.hostile import Hostile, hostile_namespace

from notebook_agents.live.describe import describer_of, details_of, head_of
from notebook_agents.live.describe_words import Look

LogisticRegression: Any = pytest.importorskip("sklearn.linear_model").LogisticRegression
make_pipeline: Any = pytest.importorskip("sklearn.pipeline").make_pipeline
StandardScaler: Any = pytest.importorskip("sklearn.preprocessing").StandardScaler
FRAME = pd.DataFrame(
    {
        "age": [18, 30, 90],
        "city": ["Bern", None, "Bern"],
        "score": [0.5, np.nan, 2.0],
        "when": pd.date_range("2024-01-01", periods=3),
        "ok": [True, False, True],
        "kind": pd.Categorical(["a", "b", "a"]),
        "maybe": pd.array([1, None, 3], dtype="Int64"),
        "api_key": ["k1", "k2", "k3"],
    }
)


class Color(enum.Enum):
    RED = 1


@dataclass
class Person:
    name: str = "Ada"
    password: str = "hunter2"
    tags: tuple[str, ...] = ()


Point = namedtuple("Point", "x y")


class Net(torch.nn.Module):
    """A small network."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, 4)
        self.head = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(4, 2))


def clean(frame: Any, *columns: str, limit: int = 3, pwd: str = "abc", **more: Any) -> None:  # noqa: S107
    """Remove what is above the limit.

    And more.
    """


def head(value: object) -> str:
    return head_of(value, Look())


def lines(value: object, *, thorough: bool = False) -> list[str]:
    return list(details_of(value, Look(is_thorough=thorough)))


def test_a_frame_has_schema_nulls_ranges_and_rows() -> None:
    assert head(FRAME).startswith("DataFrame, 3 rows, 8 columns, ")
    assert lines(FRAME)[:8] == [
        "age: int64, 0 null, 18 to 90",
        "city: str, 1 null, 1 distinct, such as 'Bern'",
        "score: float64, 1 null, 0.5 to 2",
        "when: datetime64[us], 0 null, 2024-01-01 to 2024-01-03",
        "ok: bool, 0 null, 2 true",
        "kind: category, 0 null, 2 categories: 'a', 'b'",
        "maybe: Int64, 1 null, 1 to 3",
        "api_key - str, 0 null, values not told",
    ]
    rows = lines(FRAME)[8:]
    assert rows[0] == "first 3 rows:"
    assert rows[1] == "  18 | 'Bern' | 0.5 | 2024-01-01 00:00:00 | True | 'a' | 1 | [masked]"


def test_a_long_frame_is_read_in_part_and_says_so() -> None:
    frame = pd.DataFrame({"n": np.arange(1_000_000), "x": [None, 1.0] * 500_000})
    told = lines(frame)
    assert told[0] == "n: int64, 0 null, about 0 to 999990"
    assert "(of every 10th row)" in told
    assert "about" in told[1]


def test_a_wide_frame_names_its_other_columns() -> None:
    frame = pd.DataFrame([[0] * 500], columns=[f"c{n}" for n in range(500)])
    [more] = [line for line in lines(frame) if line.startswith("…")]
    assert more.startswith("… 480 more columns: c20, c21")


def test_the_index_is_told_when_it_says_something() -> None:
    by_city = FRAME.set_index("city")
    assert "index: Index city, Bern to Bern" in "\n".join(lines(by_city))
    assert not any(line.startswith("index") for line in lines(FRAME))


def test_series_and_index() -> None:
    assert head(FRAME["age"]) == "Series 'age' of int64, 3 values"
    assert lines(FRAME["age"])[0] == "0 null, 18 to 90"
    assert head(pd.Index(["a", "b"])) == "Index of str, 2 values"
    assert lines(pd.Series(["k"], name="password")) == [
        "0 null, values not told",
        "first: [masked]",
    ]


def test_arrays_and_tensors() -> None:
    array = np.array([[1.0, np.nan], [3.0, 8.0]])
    assert head(array) == "ndarray, shape (2, 2), float64, 32 bytes"
    assert lines(array)[0] == "min 1, mean 4, max 8, 1 nan"
    assert lines(np.array([True, False])) == ["1 true", "first: True, False"]
    tensor = torch.ones(2, 3, requires_grad=True)
    assert head(tensor) == "Tensor, shape (2, 3), float32, cpu, requires grad, 24 bytes"
    assert lines(tensor)[0] == "min 1, mean 1, max 1, 0 nan"
    assert "values read" in lines(np.zeros(200_001))[0]
    assert lines(np.zeros((1000, 1000)).T[::2])[0].startswith("min 0, mean 0, max 0, 0 nan (of")
    assert lines(torch.tensor([], dtype=torch.float32)) == []


def test_models_of_scikit_learn() -> None:
    model = LogisticRegression(C=0.5)
    assert head(model) == "LogisticRegression (sklearn model), not fitted, C=0.5"
    model.fit([[0.0], [1.0]], [0, 1])
    assert ", fitted, " in head(model)
    assert "coef_" in " ".join(lines(model))
    pipeline = make_pipeline(StandardScaler(), model)
    assert "standardscaler: StandardScaler, logisticregression: LogisticRegression" in head(
        pipeline
    )


def test_networks_of_torch_count_shared_parameters_once() -> None:
    net = Net()
    n_all = sum(p.numel() for p in net.parameters())
    assert head(net) == f"Net (torch network), {n_all} parameters, cpu, float32, training"
    assert "first Linear(in_features=3, out_features=4)" in lines(net)[0]
    net.head[1].weight.requires_grad_(False)
    net.again = net.first
    assert head(net.eval()).endswith(
        f"{n_all} parameters, 8 of them frozen, cpu, float32, evaluating"
    )


def test_figures() -> None:
    layout = {"title": "Sales", "xaxis": {"title": "day"}}
    figure = go.Figure([go.Scatter(y=[1, 2, 3], name="north"), go.Bar(y=[1])], layout=layout)
    assert head(figure) == "plotly figure 'Sales', 1 scatter, 1 bar"
    assert lines(figure) == ["axes: x 'day'", "traces: scatter 'north' of 3 points, bar of 1 point"]


def test_functions_classes_and_modules() -> None:
    assert head(clean) == (
        "def clean(frame, *columns, limit=3, pwd=[masked], **more): Remove what is above the limit."
    )
    assert head(Net) == "class Net(Module), made with (): A small network."
    assert head(np) == "module numpy"
    assert head(len) == "function len"
    assert any("Remove what is above" in line for line in lines(clean, thorough=True))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, "int 3"),
        (2.5, "float 2.5"),
        (None, "None"),
        (True, "bool True"),
        ("hi", "str 'hi'"),
        ("x" * 100, f"str of 100 characters: '{'x' * 100}'"),
        (b"abc", "bytes of 3 bytes"),
        (datetime.date(2024, 1, 2), "date 2024-01-02"),
        ([1, 2, 3], "list of 3: 1, 2, 3"),
        ([1, "a"] * 10, "list of 20: int, str"),
        ((), "tuple, empty"),
        ({"a": 1, "b": [1, 2]}, "dict of 2 keys: a 1, b list[2]"),
        ({"token": "abc"}, "dict of 1 key: token [masked]"),
        (Point(1, 2), "Point of 2: 1, 2"),
        (Color.RED, "Color.RED"),
        (Person(), "Person object of tests with name 'Ada', password [masked], tags tuple[0]"),
        (10**100, "int an integer of 333 bits"),
        (np.float64(0.25), "float64 0.25"),
        (pd.Timestamp("2024-01-02"), "Timestamp 2024-01-02 00:00:00"),
    ],
)  # fmt: skip
def test_everything_else(value: object, told: str) -> None:
    assert head(value) == told


def test_the_code_of_hostile_objects_is_never_run() -> None:
    for name, value in hostile_namespace().items():
        told = [head(value), *lines(value, thorough=True)]
        assert told[0], name
        assert "cannot be described" not in " ".join(told), (name, told)


def test_what_a_library_raises_is_caught() -> None:
    broken = object.__new__(pd.DataFrame)
    assert head(broken) == "DataFrame, cannot be described"
    assert lines(broken) == ["(the rest cannot be described)"]
    assert describer_of(object.__new__(Hostile)).kind == "value"


def test_details_end_when_time_is_up() -> None:
    look = Look(ends_at=0.0)
    assert list(details_of(FRAME, look)) == []
