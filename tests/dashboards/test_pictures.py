"""Still pictures of charts: well-formed, whole, in the page's own colours, without a script."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from tests.dashboards.recording import DAY

from notebook_agents.dashboards.board import load_board
from notebook_agents.dashboards.figures import Series, bars, intervals, lines, literal
from notebook_agents.dashboards.filters import Filters
from notebook_agents.dashboards.pictures import WIDTH, picture

if TYPE_CHECKING:
    from notebook_agents.analytics.queries import EventAnalytics

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314 - our own


def boxes(svg: str, colour: str) -> list[dict[str, float]]:
    """The bars of a colour, without the sign beside the name of their series."""
    found = (each.attrib for each in parsed(svg).iter(f"{SVG}rect") if each.get("fill") == colour)
    wanted = ("x", "y", "width", "height")
    read = [{name: float(box[name]) for name in wanted} for box in found]
    return [box for box in read if (box["width"], box["height"]) != (10, 10)]


async def test_every_chart_has_a_picture_in_its_bounds(recorded: EventAnalytics) -> None:
    board = await load_board(recorded, Filters(days=2, now=DAY.replace(hour=22)), None)
    for drawn in board.charts:
        svg = picture(drawn.figure() or {}, drawn.chart.title)
        root = parsed(svg)
        height = float(root.attrib["height"])
        assert root.attrib["fill"] == "currentColor"
        assert [*root.iter(f"{SVG}rect"), *root.iter(f"{SVG}circle")], drawn.chart.name
        for each in root.iter():
            x, y = (float(each.get(name, each.get(f"c{name}", 0))) for name in ("x", "y"))
            assert 0 <= x <= WIDTH, drawn.chart.name
            assert 0 <= y <= height, drawn.chart.name


def test_stacked_bars_stand_on_each_other_and_are_as_long_as_they_say() -> None:
    days = ["2026-03-03", "2026-03-04"]
    low = Series(name="low", places=days, lengths=[1, 2])
    figure = bars([low, Series(name="high", places=days, lengths=[3, None])], "runs")
    below, above = (boxes(picture(figure, "Runs"), colour) for colour in ("#0072B2", "#E69F00"))
    assert below[1]["height"] == pytest.approx(2 * below[0]["height"], abs=0.2)
    assert above[0]["height"] == pytest.approx(3 * below[0]["height"], abs=0.2)
    assert above[0]["y"] + above[0]["height"] == pytest.approx(below[0]["y"], abs=0.2)
    assert len(above) == 1


def test_moments_are_by_the_clock_and_intervals_have_their_ends() -> None:
    days = ["2026-03-01", "2026-03-02", "2026-03-05"]
    line = picture(lines([Series(name="p50", places=days, lengths=[1, 1, 1])], "s"), "Latency")
    first, second, last = (float(dot.attrib["cx"]) for dot in parsed(line).iter(f"{SVG}circle"))
    assert last - second == pytest.approx(3 * (second - first), abs=0.3)
    [box] = boxes(
        picture(intervals(["steps", "cost"], [5, 2], [(0, 10), None]), "A or B"), "#0072B2"
    )
    [spot, _] = parsed(picture(intervals(["steps", "cost"], [5, 2], [(0, 10), None]), "")).iter(
        f"{SVG}circle"
    )
    assert box["x"] + box["width"] / 2 == pytest.approx(float(spot.attrib["cx"]), abs=0.2)


def test_names_are_text_and_a_long_legend_has_rows() -> None:
    named = [
        Series(name=f"<b>{number} {'<' * 40}", places=["a & b"], lengths=[1]) for number in range(6)
    ]
    root = parsed(picture(literal(bars(named, "runs", is_flat=True)), "<Runs>"))
    rows = {each.get("y") for each in root.iter(f"{SVG}rect") if each.get("width") == "10"}
    assert len(rows) == 3
    assert root.attrib["aria-label"] == "<Runs>"
    assert picture({}, "Nothing") == ""


def test_what_a_query_of_ones_own_counts_exactly_is_drawn() -> None:
    own = Series(name="own", places=["a", "b"], lengths=[Decimal("1.5"), 3.0])
    short, long = boxes(picture(bars([own], "runs"), "Own"), "#0072B2")
    assert long["height"] == pytest.approx(2 * short["height"], abs=0.2)


@pytest.mark.parametrize("length", [float("nan"), float("inf"), None])
def test_what_has_no_length_is_a_gap(length: float | None) -> None:
    days = ["2026-03-03", "2026-03-04"]
    svg = picture(lines([Series(name="own", places=days, lengths=[length, 1.0])], "runs"), "Own")
    assert len([*parsed(svg).iter(f"{SVG}circle")]) == 1
    assert "nan" not in svg


@pytest.mark.parametrize("length", ["many", [1]])
def test_words_for_lengths_have_no_picture(length: object) -> None:
    own = Series(name="own", places=["2026-03-03", "2026-03-04"], lengths=[1.0, length])
    assert picture(lines([own], "runs"), "Own") == ""
