"""Charts: plotly figures drawn as SVG, or told as tables; nothing of them is believed."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.reports.documents import HOSTILE

from notebook_agents.reports.drawing import draw, number, ticks
from notebook_agents.reports.series import MAX_POINTS, NotDrawn, plot_of, table_of

SVG = "{http://www.w3.org/2000/svg}"
NUMBERS = [1.0, 4.0, 2.0, 8.0]
NAMES = ["a", "b", "c", "d"]
DAYS = ["2026-01-01", "2026-01-02T12:00:00", "2026-01-03", "2026-02-01"]
TYPED = {"dtype": "f8", "bdata": base64.b64encode(struct.pack("<4d", *NUMBERS)).decode()}


def figure(*traces: Any, **layout: Any) -> str:
    return json.dumps({"data": traces, "layout": layout})


def drawn(content: str) -> ElementTree.Element:
    return ElementTree.fromstring(draw(plot_of(content), "a chart"))  # noqa: S314 - made here


def shapes(svg: ElementTree.Element) -> dict[str, int]:
    names = [element.tag.removeprefix(SVG) for element in svg.iter()]
    return {name: names.count(name) for name in set(names)}


@pytest.mark.parametrize(
    ("traces", "layout", "name", "n"),
    [
        ([{"type": "bar", "x": NAMES, "y": NUMBERS}], {}, "rect", 5),
        ([{"type": "bar", "x": NUMBERS, "y": NAMES, "orientation": "h"}], {}, "rect", 5),
        ([{"type": "bar", "x": NAMES, "y": TYPED}] * 2, {"barmode": "stack"}, "rect", 9),
        ([{"x": DAYS, "y": NUMBERS, "mode": "lines"}], {}, "polyline", 1),
        ([{"x": NUMBERS, "y": [1, None, 3, 4]}], {}, "circle", 3),
        ([{"type": "scattergl", "x": NUMBERS, "y": NUMBERS, "mode": "markers"}], {}, "circle", 4),
        ([{"x": NAMES, "y": NUMBERS, "fill": "tozeroy"}], {}, "polygon", 1),
        ([{"type": "histogram", "x": NUMBERS * 30}], {}, "rect", 21),
        ([{"type": "pie", "labels": NAMES, "values": NUMBERS}], {}, "path", 4),
        ([{"type": "box", "x": ["a", "a", "b", "b"], "y": NUMBERS}], {}, "rect", 3),
    ],
)
def test_charts_are_drawn(traces: list[Any], layout: Any, name: str, n: int) -> None:
    svg = drawn(figure(*traces, title={"text": "A <b>title</b>"}, **layout))
    assert shapes(svg)[name] == n
    assert "A title" in "".join(svg.itertext())
    for element in svg.iter():
        for value in (element.get("x"), element.get("y"), element.get("height")):
            assert value is None or -100 < float(value) < 1000


def test_what_people_wrote_is_text_in_a_drawing() -> None:
    svg = drawn(figure({"type": "bar", "name": HOSTILE, "x": [HOSTILE], "y": [1]}, title=HOSTILE))
    assert set(shapes(svg)) == {"svg", "rect", "line", "text"}
    assert '#panic("typst")' in "".join(svg.itertext())


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", '{"data": []}', '{"data": {}}', '{"data": [1]}', '{"data": [[]]}',
        figure({"type": "heatmap", "z": [[1]]}),
        figure({"type": "bar", "x": NAMES, "y": {"dtype": "f8", "bdata": "###"}}),
        figure({"type": "bar", "x": NAMES, "y": {"dtype": "O", "bdata": ""}}),
        figure({"type": "bar", "x": NAMES, "y": [{}, [], 1, 2]}),
        figure({"type": "bar", "x": NAMES, "y": "abcd"}),
        figure({"y": [1.0] * (MAX_POINTS + 1)}),
        figure({"y": NUMBERS}, {"type": "pie", "values": NUMBERS, "labels": NAMES}),
        figure(*[{"y": NUMBERS}] * 31),
        figure({"type": "bar", "x": NAMES, "y": [None] * 4}),
        figure({"type": "pie", "labels": NAMES, "values": [0, 0, -1, 0]}),
        "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_not_understood_is_not_drawn(content: str) -> None:
    with pytest.raises(NotDrawn):
        draw(plot_of(content), "")


def test_numbers_stand_in_for_a_chart_that_is_not_drawn() -> None:
    table = table_of(figure({"type": "heatmap", "x": list(range(80)), "y": NAMES}))
    assert table is not None
    assert (table.columns, len(table.rows), table.n_left_out) == (
        ("trace 1: x", "trace 1: y"), 50, 30
    )  # fmt: skip
    assert table.rows[0] == ("0", "a")
    assert table_of("nonsense") is None
    assert table_of(figure({"type": "table"})) is None


def test_ticks_are_round() -> None:
    assert ticks(0, 97) == [0, 20, 40, 60, 80]
    assert ticks(-0.3, 0.5) == pytest.approx([-0.2, 0, 0.2, 0.4])
    assert ticks(5, 5) == [5]
    assert [number(v) for v in (0, 1234.5, 0.25, 1e9, 1e-6)] == [
        "0", "1,234.5", "0.25", "1e+09", "1e-06"
    ]  # fmt: skip
