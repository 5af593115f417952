"""Charts of panels: plotly figures as plain JSON, so that nothing heavy is imported to draw them.

Colours are those of Okabe and Ito, which people with any colour vision tell apart; series differ in
their pattern, line or sign too. Text and grid lines take the front end's colours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
PATTERNS = ("", "/", ".", "x", "-", "\\", "+", "|")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SIGNS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "star", "hexagon")
PHASES = ("queue", "load", "prefill", "decode", "tools", "person")
"""Where the time of a run can go; the last is waiting for an answer of the person."""
FEW = 8
"""Up to so many, whole numbers are counted one by one along an axis."""
MANY_SIGNS = 24
"""More signs in a row than that stand too close for letters."""
LEGEND_PX = 40
"""Room above a chart for two lines of names."""
AXIS_CHARS = 22
"""Longer names stand above their bars: plotly cuts them where they take half of a narrow card."""
ABOVE_CHARS = 56
"""What fits across a narrow card."""
LABEL_CHARS = 34
"""Of longer names at an axis the middle is left out."""
CONFIG = {"showSendToCloud": False, "displaylogo": False, "responsive": True}

Figure = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What is told apart by colour: lengths or heights at places."""

    name: str
    places: Sequence[Any]
    lengths: Sequence[Any]
    clicks: Sequence[dict[str, Any] | None] = ()
    """For each place what a click on it asks for: filters by name, or ``run_id``."""
    look: int | None = None
    """Its number in the palette; None is its own place among the series."""
    words: Sequence[str] = field(default=())
    """For each place what is said beside the number."""


def series(number: int) -> dict[str, Any]:
    """The look of the bars of that number."""
    at = number % len(PALETTE)
    pattern = {
        "shape": PATTERNS[at],
        "fillmode": "overlay",
        "fgcolor": "rgba(255,255,255,0.7)",
        "size": 7,
    }
    return {"color": PALETTE[at], "pattern": pattern}


def bars(groups: Iterable[Series], unit: str, *, is_flat: bool = False) -> Figure:
    """Stacked bars; ``is_flat`` lays them down. A length of None is not drawn."""
    groups = list(groups)
    data = [_bar(group, number, is_flat=is_flat) for number, group in enumerate(groups)]
    n_places = len({place for group in groups for place in group.places})
    layout = frame(unit, is_flat=is_flat, height=110 + 34 * n_places if is_flat else 260)
    if is_flat:
        _make_room(layout, list(dict.fromkeys(p for group in groups for p in group.places)))
    if len(data) > 1:
        _name_series(layout)
    if not is_flat and n_places == 1:  # an axis of time around one moment has absurd ticks
        layout["xaxis"]["type"] = "category"
    lengths: list[float] = [length or 0.0 for group in groups for length in group.lengths]
    if all(length == int(length) for length in lengths) and sum(lengths) <= FEW:
        layout["xaxis" if is_flat else "yaxis"]["dtick"] = 1
    return {"data": data, "layout": layout}


def lines(groups: Iterable[Series], unit: str) -> Figure:
    """Lines over time with a sign at each moment; a gap where nothing is known."""
    data = []
    for number, group in enumerate(groups):
        look = number if group.look is None else group.look
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": group.name,
                "x": list(group.places),
                "y": list(group.lengths),
                "line": {"color": PALETTE[look % 8], "dash": DASHES[look % 6], "width": 2},
                "marker": {"symbol": SIGNS[look % 8], "size": 7},
                **_clicks(group),
            }
        )
    layout = frame(unit, height=260)
    _name_series(layout)
    if len({place for trace in data for place in trace["x"]}) == 1:
        layout["xaxis"]["type"] = "category"
    return {"data": data, "layout": layout}


def strip(groups: Iterable[Series], letters: dict[str, str]) -> Figure:
    """A row for each name and a sign with a letter for each moment; lengths are the names.

    Where they would stand on each other there are signs alone, and smaller ones.
    """
    groups = list(groups)
    rows = Counter(name for group in groups for name in group.lengths)
    is_dense = max(rows.values(), default=0) > MANY_SIGNS
    data = []
    for number, group in enumerate(groups):
        look = number if group.look is None else group.look
        data.append(
            {
                "type": "scatter",
                "mode": "markers" if is_dense else "markers+text",
                "name": group.name
                if is_dense
                else f"{letters.get(group.name, '?')} = {group.name}",
                "x": list(group.places),
                "y": list(group.lengths),
                "text": [letters.get(group.name, "?")] * len(group.places),
                "textposition": "top center",
                "hovertext": list(group.words),
                "hoverinfo": "text" if group.words else "x+y+name",
                "marker": {
                    "symbol": SIGNS[look % 8],
                    "size": 7 if is_dense else 12,
                    "color": PALETTE[look % 8],
                },
                **_clicks(group),
            }
        )
    names = list(dict.fromkeys(name for trace in data for name in trace["y"]))
    layout = frame("", height=130 + 40 * len(names))
    layout["yaxis"] = {"type": "category", "automargin": True, "title": {"text": "task"}}
    layout["yaxis"]["range"] = [-0.6, len(names) - 0.3]
    _name_series(layout)
    return {"data": data, "layout": layout}


def intervals(names: Sequence[str], middles: Sequence[float], ends: Sequence[Any]) -> Figure:
    """A point for each name with the interval that it lies in, and a line at zero."""
    low = [
        None if each is None else middle - each[0]
        for middle, each in zip(middles, ends, strict=True)
    ]
    high = [
        None if each is None else each[1] - middle
        for middle, each in zip(middles, ends, strict=True)
    ]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": list(middles),
        "y": list(names),
        "error_x": {"type": "data", "symmetric": False, "array": high, "arrayminus": low},
        "marker": {"color": PALETTE[0], "size": 10, "symbol": "diamond"},
    }
    layout = frame("", is_flat=True, height=110 + 34 * len(names))
    line = {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1}
    layout["shapes"] = [line | {"line": {"color": PALETTE[7], "dash": "dot", "width": 1}}]
    layout["xaxis"] |= {"rangemode": "normal", "zeroline": False}
    return {"data": [trace], "layout": layout}


def frame(unit: str, *, is_flat: bool = False, height: int = 260) -> dict[str, Any]:
    """Axes and margins; the unit stands at the axis of lengths."""
    lengths: dict[str, Any] = {"title": {"text": unit}, "rangemode": "tozero", "automargin": True}
    places: dict[str, Any] = {"automargin": True, "type": "category" if is_flat else "-"}
    if is_flat:
        places |= {"autorange": "reversed", "ticklabelstandoff": 4}
    return {
        "height": height,
        "barmode": "stack",
        "bargap": 0.4,
        "margin": {"l": 56, "r": 12, "t": 8, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "legend": {
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.02,
            "x": 0,
            "traceorder": "normal",
        },
        "uirevision": "kept",  # zoom and hidden series outlive a refresh
        "xaxis": lengths if is_flat else places,
        "yaxis": places if is_flat else lengths,
    }


def shortened(name: str, n_chars: int = LABEL_CHARS) -> str:
    """A long name with its middle left out, for axes."""
    if len(name) <= n_chars:
        return name
    half = (n_chars - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def literal(drawn: Any) -> Any:
    """The same figure with every text as text: Plotly would take ``<a href=…>`` for a link.

    What a click gives stays as it is.
    """
    match drawn:
        case str():
            return escape(drawn, quote=False)
        case dict():
            return {
                name: each if name == "customdata" else literal(each)
                for name, each in drawn.items()
            }
        case list() | tuple():
            return [literal(each) for each in drawn]
        case _:
            return drawn


def _bar(group: Series, number: int, *, is_flat: bool) -> dict[str, Any]:
    axes: dict[str, Any] = {"x": list(group.places), "y": list(group.lengths)}
    if is_flat:
        axes = {"x": list(group.lengths), "y": list(group.places), "orientation": "h"}
    marker = series(number if group.look is None else group.look)
    return {"type": "bar", "name": group.name, "marker": marker, **axes, **_clicks(group)}


def _make_room(layout: dict[str, Any], names: Sequence[Any]) -> None:
    """Long names stand above their bars."""
    if not names or max(len(str(name)) for name in names) <= AXIS_CHARS:
        return
    layout["height"] += 14 * len(names)
    layout["bargap"] = 0.7
    layout["margin"]["l"] = 16
    layout["yaxis"]["showticklabels"] = False
    margins = layout["margin"]["t"] + layout["margin"]["b"]
    half_bar = 0.15 * (layout["height"] - margins) / len(names)
    look = {"xref": "paper", "x": 0, "xanchor": "left", "yanchor": "bottom", "yshift": half_bar}
    layout["annotations"] = [
        look | {"y": name, "text": shortened(str(name), ABOVE_CHARS), "showarrow": False}
        for name in names
    ]


def _clicks(group: Series) -> dict[str, Any]:
    return {"customdata": list(group.clicks)} if group.clicks else {}


def _name_series(layout: dict[str, Any]) -> None:
    layout["showlegend"] = True
    layout["height"] += LEGEND_PX
    layout["margin"]["t"] += LEGEND_PX
