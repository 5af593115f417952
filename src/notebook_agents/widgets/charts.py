"""Charts of panels: plotly figures as plain JSON, so that nothing heavy is imported to draw them.

Colours are those of Okabe and Ito, which people with any colour vision tell apart; series differ in
their pattern too. Text and grid lines take the front end's colours through the panel's style sheet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
PATTERNS = ("", "/", ".", "x", "-", "\\", "+", "|")
PHASES = ("queue", "load", "prefill", "decode", "tools", "person")
"""Where the time of a run can go; the last is waiting for an answer of the person."""
FEW = 8
"""Up to so many, whole numbers are counted one by one along an axis."""
LEGEND_PX = 40
"""Room above a chart for two lines of names."""
MIME = "application/vnd.plotly.v1+json"
CONFIG = {"showSendToCloud": False, "displaylogo": False}


def series(number: int) -> dict[str, Any]:
    """The look of the series of that number."""
    at = number % len(PALETTE)
    pattern = {
        "shape": PATTERNS[at],
        "fillmode": "overlay",
        "fgcolor": "rgba(255,255,255,0.7)",
        "size": 7,
    }
    return {"color": PALETTE[at], "pattern": pattern}


def bars(
    groups: Iterable[tuple[str, Sequence[Any], Sequence[float | None]]],
    unit: str,
    *,
    is_flat: bool = False,
) -> dict[str, Any]:
    """Stacked bars: (name, places, lengths) of each series; ``is_flat`` lays them down."""
    data: list[dict[str, Any]] = []
    groups = list(groups)
    for number, (name, places, lengths) in enumerate(groups):
        axes = {"x": list(lengths), "y": list(places), "orientation": "h"}
        if not is_flat:
            axes = {"x": list(places), "y": list(lengths)}
        data.append({"type": "bar", "name": name, "marker": series(number), **axes})
    n_places = len({place for _, places, _ in groups for place in places})
    layout = frame(unit, is_flat=is_flat, height=110 + 34 * n_places if is_flat else 260)
    if len(data) > 1:
        layout["showlegend"] = True
        layout["height"] += LEGEND_PX
        layout["margin"]["t"] += LEGEND_PX
    if not is_flat and n_places == 1:  # an axis of time around one moment has absurd ticks
        layout["xaxis"]["type"] = "category"
    all_lengths: list[float] = [length or 0.0 for _, _, each in groups for length in each]
    if all(length == int(length) for length in all_lengths) and sum(all_lengths) <= FEW:
        layout["xaxis" if is_flat else "yaxis"]["dtick"] = 1
    return {"data": data, "layout": layout}


def frame(unit: str, *, is_flat: bool = False, height: int = 260) -> dict[str, Any]:
    """Axes and margins; the unit stands at the axis of lengths."""
    lengths: dict[str, Any] = {"title": {"text": unit}, "rangemode": "tozero"}
    places: dict[str, Any] = {"automargin": True, "type": "category" if is_flat else "-"}
    if is_flat:
        places["autorange"] = "reversed"
    return {
        "height": height,
        "barmode": "stack",
        "bargap": 0.4,
        "margin": {"l": 56, "r": 12, "t": 8, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        "xaxis": lengths if is_flat else places,
        "yaxis": places if is_flat else lengths,
    }


def output(figure: dict[str, Any], words: str) -> dict[str, Any]:
    """The figure as an output of a cell, with words where it cannot be drawn."""
    data = {MIME: figure | {"config": CONFIG}, "text/plain": words}
    return {"output_type": "display_data", "data": data, "metadata": {}}
