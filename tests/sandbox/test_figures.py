"""Figures are checked, bounded, and cannot make a browser fetch anything."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from notebook_agents.core.figures import PLOTLY, PNG
from notebook_agents.sandbox.channels import KernelMessage
from notebook_agents.sandbox.config import OutputBudget
from notebook_agents.sandbox.output import CallOutput

BUDGET = OutputBudget(n_figures=3, figure_bytes=1000, image_bytes=100)
PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes([0, 0, 0, 30, 0, 0, 0, 20]) + bytes(9)


@pytest.fixture
def output() -> CallOutput:
    return CallOutput("mine", BUDGET, lambda _text: None)


def show(output: CallOutput, *, size_bytes: int = 0, **data: Any) -> None:
    shown = {{"plotly": PLOTLY, "png": PNG, "text": "text/plain"}[k]: v for k, v in data.items()}
    output.published(KernelMessage("display_data", "mine", {"data": shown}, size_bytes))


def counts(output: CallOutput) -> tuple[int, int]:
    return len(output.drawings.kept), output.drawings.n_left_out


def cleaned(output: CallOutput, **figure: Any) -> dict[str, Any]:
    """What is left of a figure."""
    show(output, plotly={"data": [], **figure})
    content: dict[str, Any] = json.loads(output.drawings.kept[-1].content)
    return content


def test_only_the_parts_of_a_figure_are_kept(output: CallOutput) -> None:
    figure = {"data": [{"x": [1.5, None, "a"]}], "layout": {}, "frames": [], "config": {"a": 1}}
    show(output, plotly=figure, text="Figure()")
    [kept] = output.drawings.kept
    assert kept.content == '{"data":[{"x":[1.5,null,"a"]}],"layout":{},"frames":[]}'
    assert kept.media_type == PLOTLY
    assert output.text == "Figure()\n"


@pytest.mark.parametrize(
    "figure",
    [
        None,
        "x",
        [],
        {},
        {"data": {}},
        {"data": [float("nan")]},
        {"data": [1e999]},
        {"data": ["\ud800"]},
        {"data": json.loads("[" * 60 + "]" * 60)},
        {"data": ["x" * 1000]},
    ],
)
def test_a_figure_that_is_malformed_or_too_large_is_left_out(
    output: CallOutput, figure: object
) -> None:
    show(output, plotly=figure)
    assert counts(output) == (0, 1)


def test_the_figures_of_a_call_share_their_room(output: CallOutput) -> None:
    show(output, plotly={"data": ["x" * 600]})
    show(output, plotly={"data": ["x" * 600]})
    show(output, png=base64.b64encode(PICTURE).decode())
    show(output, plotly={"data": ["x" * 400]})
    assert counts(output) == (2, 2)
    show(output, plotly={"data": []})
    show(output, plotly={"data": []})
    assert counts(output) == (3, 3)


def test_a_message_that_is_far_too_large_is_not_looked_at(output: CallOutput) -> None:
    show(output, plotly={"data": []}, size_bytes=5000)
    assert counts(output) == (0, 1)


@pytest.mark.parametrize(
    "picture",
    [
        5,
        "",
        "no base64!",
        base64.b64encode(b"GIF89a" + bytes(30)).decode(),
        base64.b64encode(PICTURE[:20]).decode(),
        base64.b64encode(PICTURE[:16] + b"\xff" * 8).decode(),
        base64.b64encode(PICTURE + bytes(80)).decode(),
    ],
)
def test_a_picture_that_is_none_or_too_large_is_left_out(
    output: CallOutput, picture: object
) -> None:
    show(output, png=picture, text="<Picture>")
    assert counts(output) == (0, 1)
    assert output.text == ""


def test_a_picture_is_kept_without_the_name_of_its_object(output: CallOutput) -> None:
    show(output, png=base64.encodebytes(PICTURE).decode(), text="<Figure size 640x480 with 1 Axes>")
    [kept] = output.drawings.kept
    assert (kept.media_type, base64.b64decode(kept.content)) == (PNG, PICTURE)
    assert kept.label == "picture of 30 by 20 pixels"
    assert output.text == ""
    show(output, png=base64.b64encode(PICTURE).decode(), text="x**2")
    assert output.text == "x**2\n"


@pytest.mark.parametrize("address", ["https://a.b/?secret", "//a.b", "x.png", "data:text/html,x"])
def test_addresses_that_a_browser_would_fetch_are_taken_out(
    output: CallOutput, address: str
) -> None:
    layers = [{"source": address, "type": "raster"}, {"source": [address]}]
    layout = {
        "images": [{"source": address, "x": 1}, {"source": "data:image/png;base64,AA"}],
        "map": {"style": address, "layers": layers, "zoom": 3},
        "mapbox": {"style": {"sources": {"a": {"url": address}}}},
        "template": {"layout": {"images": [{"source": address}]}},
        "updatemenus": [{"buttons": [{"args": [{"images[0].source": address}]}]}],
    }
    data = [{"type": "choropleth", "geojson": address, "locations": [address]}]
    left = cleaned(output, data=data, layout=layout)
    assert left == {
        "data": [{"type": "choropleth", "locations": [address]}],
        "layout": {
            "images": [{"x": 1}, {"source": "data:image/png;base64,AA"}],
            "map": {"layers": [{"type": "raster"}, {}], "zoom": 3},
            "mapbox": {},
            "template": {"layout": {"images": [{}]}},
            "updatemenus": [{"buttons": [{"args": [{}]}]}],
        },
    }


@pytest.mark.parametrize(
    "args",
    [
        ["images[0].source", "//a.b"],
        ["map.layers[0].source[0]", "//a.b"],
        ["map.style", "//a.b/style.json"],
        ["geojson", ["//a.b"], [0]],
    ],
)
def test_a_button_cannot_bring_an_address_in(output: CallOutput, args: list[object]) -> None:
    kept = ["type", "bar"]
    buttons = [{"args": args, "args2": args, "label": "go"}, {"args": kept}]
    by_name = {"args": [{"geojson": ["//a.b"]}, {"map.layers[0].source[0]": "//a.b"}]}
    layout = {"updatemenus": [{"buttons": buttons}], "sliders": [{"steps": [by_name]}]}
    assert cleaned(output, layout=layout)["layout"] == {
        "updatemenus": [{"buttons": [{"label": "go"}, {"args": kept}]}],
        "sliders": [{"steps": [{"args": [{}, {}]}]}],
    }


def test_what_only_looks_like_an_address_stays(output: CallOutput) -> None:
    figure = {
        "data": [
            {"link": {"source": [0, 1], "target": [1, 2]}, "line": {"style": "italic"}},
            {"link": {"source": {"dtype": "i1", "bdata": "AAE="}}},
            {"geojson": {"type": "FeatureCollection", "features": []}},
        ],
        "layout": {
            "map": {"style": "open-street-map"},
            "updatemenus": [{"buttons": [{"args": ["map.style", "white-bg"]}]}],
        },
    }
    assert cleaned(output, **figure) == figure


def test_markup_has_no_attributes(output: CallOutput) -> None:
    """They could hold addresses; plotly shows an entity as the character it names."""
    data = [{"hovertemplate": "<b>%{x}</b><br>n=%{y}<extra></extra>"}]
    layout = {"title": {"text": '<span style="cursor:url(//a.b)">5 <6</span><a href="//a">b</a>'}}
    left = cleaned(output, data=data, layout=layout)
    assert left["data"] == data
    assert left["layout"]["title"]["text"] == (
        '&lt;span style="cursor:url(//a.b)">5 &lt;6&lt;/span>&lt;a href="//a">b&lt;/a>'
    )


@pytest.mark.parametrize(
    ("figure", "label"),
    [
        ({}, "empty figure"),
        ({"data": [{}]}, "line chart"),
        ({"data": [{"type": "scattergl", "mode": "markers"}]}, "scatter plot"),
        ({"data": [{"type": "scatter", "fill": "tozeroy"}]}, "area chart"),
        ({"data": [{"type": "bar"}, {"type": "bar"}, {"type": "pie"}]}, "bar chart and pie chart"),
        ({"layout": {"title": "Old <b>way</b>"}}, "Old way (empty figure)"),
        (
            {
                "data": [{"type": "histogram"}],
                "layout": {
                    "title": {"text": "Ages\n<5"},
                    "xaxis": {"title": {"text": "age"}},
                    "yaxis": {"title": {"text": "count"}},
                },
            },
            "Ages <5 (histogram of count by age)",
        ),
        ({"data": [5], "layout": []}, "empty figure"),
        ({"data": [{"type": ["x"]}], "layout": {"title": 5, "xaxis": 6}}, "['x']"),
        ({"layout": {"title": "x" * 200}}, "x" * 119 + "…"),
    ],
)
def test_a_label_says_what_a_figure_shows(
    output: CallOutput, figure: dict[str, Any], label: str
) -> None:
    show(output, plotly={"data": [], **figure})
    assert output.drawings.kept[0].label == label
