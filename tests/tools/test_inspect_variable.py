"""`inspect_variable`: what a model is told about one variable of the tool kernel."""

from __future__ import annotations

import ast
import collections
import math
import signal
import time
from types import FrameType
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

from notebook_agents.tools import frames, inspecting
from notebook_agents.tools.inspect_variable import inspect_variable
from notebook_agents.tools.inspecting import described

from .conftest import ToolBench

MAKE_FRAME = """
import pandas as pd
df = pd.DataFrame({
    "price": [1.5, 99, 20], "region": ["north", None, "south"],
    "day": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-01-15"]).astype("datetime64[ns]"),
})
y = 42
"""
FRAME = """DataFrame, 3 rows, 3 columns
price: float64, 0 missing, 1.5 to 99
region: str, 1 missing, 2 distinct
day: datetime64[ns], 0 missing, 2024-01-01 to 2024-02-01"""


def line(value: object) -> str:
    (only,) = described(value).lines
    return only


def times(*texts: str, zone: str | None = None, unit: Literal["us", "ns"] = "ns") -> Any:
    index = pd.DatetimeIndex([pd.Timestamp(text) for text in texts], tz=zone)
    return pd.Series(index.as_unit(unit))


@pytest.mark.parametrize(
    ("series", "kind", "facts"),
    [
        (pd.Series([1, 2, 3]), "int64", "0 missing, 1 to 3"),
        (pd.Series([0.1 + 0.2, math.nan, 7.0]), "float64", "1 missing, 0.3 to 7"),
        (pd.Series([math.nan, math.nan]), "float64", "2 missing"),
        (pd.Series([], dtype="float64"), "float64", "0 missing"),
        (pd.Series([1, None], dtype="Int64"), "Int64", "1 missing, 1 to 1"),
        (pd.Series([1 + 2j]), "complex128", "0 missing"),
        (pd.Series([True, False, True, True]), "bool", "0 missing, 3 true"),
        (pd.Series([True, None], dtype="boolean"), "boolean", "1 missing, 1 true"),
        (pd.Series(["a", "b", "a", None], dtype="str"), "str", "1 missing, 2 distinct"),
        (pd.Series(["a", "b", "a", None], dtype=object), "str", "1 missing, 2 distinct"),
        (pd.Series(["a", "b"], dtype="string"), "string", "0 missing, 2 distinct"),
        (pd.Series(["a", 1, None], dtype=object), "object", "1 missing"),
        (pd.Series([[1], [2]]), "object", "0 missing"),
        (pd.Series([None, None], dtype=object), "object", "2 missing"),
        (pd.Series(["a", "b", "a"], dtype="category"), "category", "0 missing, 2 distinct"),
        (pd.Series([True, None], dtype="category"), "category", "1 missing, 1 distinct"),
        (
            pd.Series([1.5, None], dtype="Sparse[float]"),
            "Sparse[float64, nan]",
            "1 missing, 1.5 to 1.5",
        ),
        (
            times("2024-01-01 08:30", "2024-01-02"),
            "datetime64[ns]",
            "0 missing, 2024-01-01 08:30:00 to 2024-01-02 00:00:00",
        ),
        (
            times("2024-01-01", "NaT", unit="us"),
            "datetime64[us]",
            "1 missing, 2024-01-01 to 2024-01-01",
        ),
        (
            times("2024-01-01", zone="UTC"),
            "datetime64[ns, UTC]",
            "0 missing, 2024-01-01 00:00:00+00:00 to 2024-01-01 00:00:00+00:00",
        ),
        (times("NaT"), "datetime64[ns]", "1 missing"),
        (
            pd.Series(pd.to_timedelta([1, 2], unit="D")).dt.as_unit("s"),
            "timedelta64[s]",
            "0 missing, 1 days 00:00:00 to 2 days 00:00:00",
        ),
        (pd.Series(pd.period_range("2024-01", periods=2, freq="M")), "period[M]", "0 missing"),
    ],
    ids=lambda value: "" if isinstance(value, pd.Series) else value,
)
def test_a_column_says_type_missing_and_range_as_its_type_has_it(
    series: pd.Series[Any], kind: str, facts: str
) -> None:
    assert described(pd.DataFrame({"c": series})).lines[1] == f"c: {kind}, {facts}"
    assert line(series) == f"Series of {kind}, {len(series)} values, {facts}"


def test_the_columns_beyond_a_dozen_are_counted() -> None:
    found = described(pd.DataFrame([[0] * 16]))
    assert found.lines[0] == "DataFrame, 1 rows, 16 columns"
    assert found.lines[-1] == "11: int64, 0 missing, 0 to 0"
    assert found.n_more == 4


def test_columns_of_the_same_name_and_odd_names_are_one_line_each() -> None:
    found = described(pd.DataFrame([[1, 2, 3]], columns=["a", "a", "b\n c"]))
    assert [text.partition(":")[0] for text in found.lines[1:]] == ["a", "a", "b c"]


def test_many_distinct_values_are_estimated_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_COUNTED", 1000)
    monkeypatch.setattr(frames, "SAMPLE_ROWS", 1000)
    few = pd.Series([f"k{number % 7}" for number in range(10_000)])
    assert line(few).endswith(" 0 missing, about 7 distinct")
    each = pd.Series([f"k{number}" for number in range(10_000)])
    assert line(each).endswith(" 0 missing, about 10000 distinct")
    pairs = pd.Series([f"k{number // 2}" for number in range(10_000)])
    estimate = int(line(pairs).split()[-2])
    assert 4000 < estimate < 6000
    sparse = pd.Series([None] * 10_000 + ["a", "b"], dtype="str")
    assert line(sparse).endswith(" 10000 missing, 2 distinct")


@pytest.mark.slow
def test_a_frame_of_ten_million_rows_answers_soon() -> None:
    n_rows = 10_000_000
    numbers = np.arange(n_rows)
    names = np.array([f"name {number}" for number in range(1000)], dtype=object)[numbers % 1000]
    frame = pd.DataFrame({"i": numbers, "f": numbers / 7, "s": pd.Series(names), "b": numbers > 5})
    started = time.monotonic()
    lines = described(frame).lines
    assert time.monotonic() - started < 5
    assert lines[3] == "s: str, 0 missing, about 1000 distinct"


class Point:
    """A place in the plane.

    More words.
    """

    def __init__(self, x: int, y: int = 2) -> None:
        self.x = x


class Broken:
    def __repr__(self) -> str:
        raise ValueError("no")


class Endless:
    def __repr__(self) -> str:
        while True:
            pass


class Posing:
    """Claims to be anything and fails when it is touched."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise AssertionError("touched")

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"touched {name}")

    def __len__(self) -> int:
        raise AssertionError("touched")

    def __repr__(self) -> str:
        return "posing\n  twice"


def double(x: float, y: float = 2) -> float:
    """Twice as much.

    Or more.
    """
    return x * y


Pair = collections.namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (42, "int: 42"),
        (0.1 + 0.2, "float: 0.3"),
        (True, "bool: True"),
        (None, "NoneType: None"),
        (10**300, f"int: 1{'0' * 199}..."),
        ("hello", "str, 5 characters: 'hello'"),
        ("it's\n", 'str, 5 characters: "it\'s\\n"'),
        ("x" * 10**6, f"str, 1000000 characters: '{'x' * 199}..."),
        (b"abc", "bytes: b'abc'"),
        (b"x" * 10**6, f"bytes: b'{'x' * 198}..."),
        ([1, 2, 3, 4, 5], "list, 5 items: [1, 2, 3, 4, 5]"),
        ([], "list, 0 items: []"),
        ((1,), "tuple, 1 items: (1,)"),
        ({3}, "set, 1 items: {3}"),
        (set(), "set, 0 items: set()"),
        (frozenset("a"), "frozenset, 1 items: frozenset({'a'})"),
        (list(range(10**6)), f"list, 1000000 items: {str(list(range(100)))[:200]}..."),
        (set(range(10**6)), f"set, 1000000 items: {str(set(range(100)))[:200]}..."),
        ({"a": 1, "b": 2, "c": 3}, "dict, 3 keys: a, b, c"),
        ({}, "dict, 0 keys"),
        ({1: "x", ("a", 2): "y"}, "dict, 2 keys: 1, ('a', 2)"),
        (
            dict.fromkeys("abcdefghijklmn", 0),
            "dict, 14 keys: a, b, c, d, e, f, g, h, i, j, k, l, ...",
        ),
        (np.arange(12.0).reshape(3, 4), "ndarray, shape (3, 4), float64, 0 to 11"),
        (np.array([1.5, math.nan]), "ndarray, shape (2,), float64, 1.5 to 1.5"),
        (np.array([True, False]), "ndarray, shape (2,), bool, 1 true"),
        (np.array([]), "ndarray, shape (0,), float64"),
        (np.array(["a"], dtype=object), "ndarray, shape (1,), object"),
        (np.float64(1.5), "float64: 1.5"),
        (np.int64(3), "int64: 3"),
        (double, "function double(x, y=2): Twice as much."),
        (len, "function len(obj, /): Return the number of items in a container."),
        ([].append, "function append(object, /): Append object to the end of the list."),
        (Point, "class Point(x, y=2): A place in the plane."),
        (Pair(1, 2), "Pair: Pair(a=1, b=2)"),
        (collections.Counter("aab"), "Counter: Counter({'a': 2, 'b': 1})"),
        (math, "module math"),
        (range(3), "range: range(0, 3)"),
        (Broken(), "Broken: its repr raised ValueError"),
        ([Broken()], "list, 1 items: its repr raised ValueError"),
        (pd.Timestamp("2024-01-01"), "Timestamp: Timestamp('2024-01-01 00:00:00')"),
    ],
    ids=lambda value: value[:20] if type(value) is str else type(value).__name__,
)
def test_a_value_is_one_short_line(value: object, expected: str) -> None:
    assert line(value) == expected


def test_of_a_value_that_wants_to_be_more_only_the_repr_is_run() -> None:
    assert line(Posing()) == "Posing: posing twice"


def test_a_tensor_says_its_device_too() -> None:
    torch = pytest.importorskip("torch")
    assert line(torch.arange(6.0).reshape(2, 3)) == "Tensor, shape (2, 3), float32, cpu, 0 to 5"
    assert line(torch.tensor([True, False])) == "Tensor, shape (2,), bool, cpu, 1 true"
    assert line(torch.tensor([1.0, math.nan])) == "Tensor, shape (2,), float32, cpu, 1 to 1"
    nan = torch.full((3,), math.nan, dtype=torch.bfloat16)
    assert line(nan) == "Tensor, shape (3,), bfloat16, cpu"
    assert line(torch.tensor([3, 1], dtype=torch.uint8)) == "Tensor, shape (2,), uint8, cpu, 1 to 3"
    assert line(torch.empty(0)) == "Tensor, shape (0,), float32, cpu"
    assert line(torch.empty(2, device="meta")) == "Tensor, shape (2,), float32, meta"
    assert line(torch.tensor([1j])) == "Tensor, shape (1,), complex64, cpu"


def test_a_repr_that_does_not_end_is_survived_and_the_alarm_is_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inspecting, "MAX_REPR_SECONDS", 0.05)

    def ring(number: int, frame: FrameType | None) -> None:
        pass

    before = signal.signal(signal.SIGALRM, ring)
    timer = signal.setitimer(signal.ITIMER_REAL, 60)
    try:
        assert line(Endless()) == "Endless: its repr takes too long"
        assert line({Endless(): 1}) == "dict, 1 keys: its repr takes too long"
        assert signal.getsignal(signal.SIGALRM) is ring
        assert 50 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)


def test_the_tool_reads_and_takes_a_name() -> None:
    spec = inspect_variable.spec
    assert (spec.title, spec.effect) == ("Inspect a variable", "read")
    assert list(spec.parameters["properties"]) == spec.parameters["required"] == ["name"]


async def test_a_frame_of_earlier_code_is_described(tools: ToolBench) -> None:
    await tools.use("python_executor", code=MAKE_FRAME)
    result = await tools.use("inspect_variable", name="df")
    assert result.content == FRAME
    assert result.value == {"name": "df", "description": FRAME}
    wide = "df = pd.DataFrame([[0] * 16]); df.columns = [f'c{n}' for n in range(16)]"
    await tools.use("python_executor", code=wide)
    lines = (await tools.use("inspect_variable", name="df")).content.split("\n")
    assert (len(lines), lines[-2]) == (14, "c11: int64, 0 missing, 0 to 0")
    assert lines[-1] == "... 4 more columns"


async def test_a_missing_variable_says_which_there_are(tools: ToolBench) -> None:
    none = await tools.use("inspect_variable", name="x")
    assert none.content == "Error: there is no variable 'x'; variables here: none"
    assert none.error_type == "NameError"
    await tools.use("python_executor", code=MAKE_FRAME + "_hidden = 1\nimport math")
    result = await tools.use("inspect_variable", name="x")
    assert result.content == "Error: there is no variable 'x'; variables here: df, y"
    assert (await tools.use("inspect_variable", name="In")).error_type == "NameError"
    assert (await tools.use("inspect_variable", name="_hidden")).content == "int: 1"
    assert (await tools.use("inspect_variable", name="math")).content == "module math"
    await tools.use("python_executor", code="\n".join(f"v{n} = 0" for n in range(14)))
    many = (await tools.use("inspect_variable", name="x")).content
    assert many.endswith("variables here: df, y, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9 and 4 more")


@pytest.mark.parametrize(
    "name", ["a.b", "df['x']", "f()", "", "1", "a b", "class", "__import__('os')"]
)
async def test_only_a_name_is_taken(tools: ToolBench, name: str) -> None:
    result = await tools.use("inspect_variable", name=name)
    assert result.content == f"Error: {name!r} is not the name of a variable"
    assert result.error_type == "INVALID_ARGUMENTS"


async def test_looking_changes_nothing(tools: ToolBench) -> None:
    await tools.use("python_executor", code="x = [1]\nbefore = set(globals())")
    await tools.use("inspect_variable", name="x")
    code = "x, sorted(set(globals()) - before - {'before'})"
    shown = (await tools.use("python_executor", code=code)).content
    assert shown.startswith("([1], [")
    assert all(name.startswith("_") for name in ast.literal_eval(shown)[1])


async def test_a_repr_that_does_not_end_costs_no_variables(tools: ToolBench) -> None:
    code = "class Endless:\n    def __repr__(self):\n        while True: pass\nx, y = Endless(), 1"
    await tools.use("python_executor", code=code)
    result = await tools.use("inspect_variable", name="x")
    assert result.content == "Endless: its repr takes too long"
    assert (await tools.use("inspect_variable", name="y")).content == "int: 1"


async def test_medium_sees_the_same(confined_tools: ToolBench) -> None:
    await confined_tools.use("python_executor", code=MAKE_FRAME)
    assert (await confined_tools.use("inspect_variable", name="df")).content == FRAME
