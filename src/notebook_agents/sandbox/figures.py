"""What code drew: taken from what it displays, checked, bounded and made harmless.

A figure is drawn in a person's browser, which has the network that the sandbox has not. So what
would make the browser fetch an address, and markup beyond plain tags, are taken out of it here.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from notebook_agents.core.figures import PLOTLY, PNG, Figure
from notebook_agents.sandbox.config import OutputBudget

PARTS = ("data", "layout", "frames")
"""Of a plotly figure. Its ``config`` is not the code's matter: it names servers."""
MAX_DEPTH = 32
MAX_PIXELS = 4096 * 4096
MAX_LABEL_CHARS = 120
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER_BYTES = 24
KINDS = {
    "bar": "bar chart",
    "box": "box plot",
    "choropleth": "map",
    "choroplethmap": "map",
    "histogram2d": "heatmap",
    "pie": "pie chart",
    "scatter": "scatter plot",
    "scattergeo": "map",
    "scattergl": "scatter plot",
    "scattermap": "map",
    "violin": "violin plot",
}
"""Traces by other names than plotly's."""
_MARKUP = re.compile(r"<(?!/?(?:b|br|em|extra|i|s|strong|sub|sup|u) ?/?>)")
"""The beginning of anything but a plain tag: attributes can fetch addresses."""
_NAME = re.compile(r"[\w -]*")
_UPDATES = ("args", "args2")
"""What a button or a step of a slider changes, also written as a name and then its value."""

Maker = Callable[[dict[str, Any], OutputBudget], Figure]


class Unfit(Exception):
    """A figure that is malformed or too large."""


@dataclass(slots=True)
class Drawings:
    """The figures of one call, within its budget."""

    budget: OutputBudget
    kept: list[Figure] = field(default_factory=list)
    n_left_out: int = 0
    _n_bytes: int = 0

    def take(self, data: dict[str, Any], size_bytes: int) -> bool:
        """Whether a display is a figure; it is kept when it fits."""
        make = next((make for kind, make in MAKERS.items() if kind in data), None)
        if make is None:
            return False
        try:
            self._keep(make, data, size_bytes)
        except Unfit:
            self.n_left_out += 1
        return True

    def _keep(self, make: Maker, data: dict[str, Any], size_bytes: int) -> None:
        room = self.budget.figure_bytes - self._n_bytes
        # What cannot fit is not even looked at: looking takes time in proportion to its size.
        if len(self.kept) >= self.budget.n_figures or size_bytes > 2 * self.budget.figure_bytes:
            raise Unfit
        figure = make(data, self.budget)
        size = len(figure.content.encode())
        if size > room:
            raise Unfit
        self._n_bytes += size
        self.kept.append(figure)


def plotly_figure(data: dict[str, Any], _budget: OutputBudget) -> Figure:
    """The figure of a display with plotly's own type."""
    shown = data[PLOTLY]
    if not isinstance(shown, dict) or not isinstance(shown.get("data"), list):
        raise Unfit
    parts = {name: _harmless(shown[name], 0) for name in PARTS if name in shown}
    try:
        content = json.dumps(parts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        content.encode()
    except ValueError:
        raise Unfit from None
    return Figure(media_type=PLOTLY, content=content, label=plotly_label(parts))


def png_figure(data: dict[str, Any], budget: OutputBudget) -> Figure:
    """The figure of a display with a picture; of several it is the one without loss."""
    text = data[PNG]
    if not isinstance(text, str) or len(text) > budget.image_bytes * 3 // 2:
        raise Unfit
    try:
        picture = base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        raise Unfit from None
    if len(picture) > budget.image_bytes or not picture.startswith(PNG_SIGNATURE):
        raise Unfit
    if len(picture) < PNG_HEADER_BYTES:
        raise Unfit
    width, height = (int.from_bytes(picture[start : start + 4]) for start in (16, 20))
    if width * height > MAX_PIXELS:
        raise Unfit
    content = base64.b64encode(picture).decode()
    return Figure(media_type=PNG, content=content, label=f"picture of {width} by {height} pixels")


MAKERS: dict[str, Maker] = {PLOTLY: plotly_figure, PNG: png_figure}


def plotly_label(figure: dict[str, Any]) -> str:
    """What a plotly figure shows: its title, the kinds of its traces, what stands at its axes."""
    layout = figure.get("layout")
    traces = [trace for trace in figure["data"] if isinstance(trace, dict)]
    kinds = list(dict.fromkeys(_kind(trace) for trace in traces)) or ["empty figure"]
    axes = [axis for name in ("yaxis", "xaxis") if (axis := _title(_get(layout, name)))]
    shows = " and ".join(kinds) + (f" of {' by '.join(axes)}" if axes else "")
    title = _title(layout)
    text = f"{title} ({shows})" if title else shows
    return text if len(text) <= MAX_LABEL_CHARS else f"{text[: MAX_LABEL_CHARS - 1]}…"


def _kind(trace: dict[str, Any]) -> str:
    kind = str(trace.get("type", "scatter"))
    if kind.startswith("scatter") and "fill" in trace:
        return "area chart"
    if kind in ("scatter", "scattergl") and str(trace.get("mode", "lines")).startswith("lines"):
        return "line chart"
    return KINDS.get(kind, kind)


def _title(of: Any) -> str:
    title = _get(of, "title")
    text = _get(title, "text") if isinstance(title, dict) else title
    if not isinstance(text, str):
        return ""
    return " ".join(re.sub(r"<[^>]*>", " ", text).replace("&lt;", "<").split())


def _get(of: Any, name: str) -> Any:
    return of.get(name) if isinstance(of, dict) else None


def _harmless(value: Any, depth: int) -> Any:
    """A copy without addresses and with plain markup only."""
    if depth > MAX_DEPTH:
        raise Unfit
    if isinstance(value, str):
        return _MARKUP.sub("&lt;", value) if "<" in value else value
    if isinstance(value, list):
        return [_harmless(v, depth + 1) if isinstance(v, str | list | dict) else v for v in value]
    if isinstance(value, dict):
        return {k: _harmless(v, depth + 1) for k, v in value.items() if not _fetches(k, v)}
    return value


def _fetches(name: str, value: Any) -> bool:
    """Whether an attribute makes a browser fetch something, at once or at the press of a button."""
    if name in _UPDATES and isinstance(value, list):
        return len(value) > 1 and isinstance(value[0], str) and _is_address(*value[:2])
    return _is_address(name, value)


def _is_address(name: str, value: Any) -> bool:
    """Whether it is one of a picture, tiles, a style or outlines, or a list with one of them.

    ``name`` may be a path such as ``layout.images[0].source``.
    """
    match name.rpartition(".")[2].partition("[")[0]:
        case "source" if isinstance(value, str):
            return not value.startswith("data:image/")
        case "source" | "geojson":
            entries = value if isinstance(value, list) else [value]
            return any(isinstance(entry, str) for entry in entries)
        case "style":
            return not isinstance(value, str) or not _NAME.fullmatch(value)
    return False
