"""Tables of polars, and figures of matplotlib."""

from __future__ import annotations

from typing import Any

import polars
from matplotlib.figure import Figure

from notebook_agents.live.changes import differences, snapshot
from notebook_agents.live.describe import details_of, head_of
from notebook_agents.live.describe_figures import thumbnail
from notebook_agents.live.describe_words import Look

CELLS = {"a": [1, 2, None], "s": ["x", "y", "x"], "password": ["p1", "p2", "p3"]}


def lines(value: Any) -> list[str]:
    return list(details_of(value, Look()))


def test_frames_of_polars() -> None:
    frame = polars.DataFrame(CELLS)
    assert head_of(frame, Look()) == "polars DataFrame, 3 rows, 3 columns"
    assert lines(frame) == [
        "a: Int64, 1 null, 1 to 2",
        "s: String, 0 null, 2 distinct, such as 'x', 'y'",
        "password - String, 0 null, values not told",
        "first 3 rows:",
        "  1 | 'x' | [masked]",
        "  2 | 'y' | [masked]",
        "  None | 'x' | [masked]",
    ]
    assert head_of(frame.lazy(), Look()) == "polars LazyFrame, not computed yet"
    after = frame.head(2).with_columns(polars.col("a").cast(polars.Float64))
    [change] = differences(snapshot({"df": frame}), snapshot({"df": after}))
    assert change.text == "3 rows → 2 rows; column a now Float64"


def test_figures_of_matplotlib() -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2], [3, 4])
    axes.set(title="Sales", xlabel="day")
    assert head_of(figure, Look()) == "matplotlib figure 'Sales', 1 plot"
    assert lines(figure) == ["plot 'Sales': x 'day', 1 line"]
    assert head_of(axes, Look()) == "matplotlib axes 'Sales'"
    assert thumbnail(figure).startswith(b"\x89PNG")
    assert thumbnail(axes) == b""
