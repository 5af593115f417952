"""Figures of matplotlib and plotly: kind, title, axes, and what is drawn; a picture when wanted."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

from notebook_agents.live.describe_classes import instance_dict, is_a
from notebook_agents.live.describe_words import Look, counted, listed

MAX_AXES = 6
MAX_TRACES = 8
THUMBNAIL_INCHES = 5.0
THUMBNAIL_DPI = 80
_DRAWN = (
    ("line", "lines"),
    ("patch", "patches"),
    ("collection", "collections"),
    ("image", "images"),
    ("text", "texts"),
)
"""What axes of matplotlib hold: one of them, and the attribute with all."""


def is_figure(value: object) -> bool:
    """Whether it is a figure, or the axes of one."""
    return _is_plotly(value) or _is_matplotlib(value)


def head(value: Any, look: Look) -> str:
    """``plotly figure 'Sales', 2 traces``."""
    if _is_plotly(value):
        title, traces = _plotly_title(value), _traces(value)
        kinds = Counter(str(trace.get("type", "scatter")) for trace in traces)
        drawn = ", ".join(f"{n} {look.label(kind)}" for kind, n in kinds.most_common(4))
        return f"plotly figure{_quoted(title, look)}, {drawn or 'empty'}"
    if not _is_figure_itself(value):
        return f"matplotlib axes{_quoted(_axes_title(value), look)}"
    over_all: Any = instance_dict(value).get("_suptitle")
    axes = _axes(value)
    title = _axes_title(axes[0]) if axes else ""
    text = title if over_all is None else over_all.get_text()
    return f"matplotlib figure{_quoted(text, look)}, {counted(len(axes), 'plot')}"


def more(value: Any, look: Look) -> Iterator[str]:
    """The axes and what is drawn on them."""
    if _is_plotly(value):
        yield from _plotly_lines(value, look)
        return
    for axes in (_axes(value) if _is_figure_itself(value) else [value])[:MAX_AXES]:
        yield _axes_line(axes, look)


def thumbnail(value: Any) -> bytes:
    """A small PNG of a matplotlib figure; nothing for others, which need a browser to be drawn."""
    if not (_is_matplotlib(value) and _is_figure_itself(value)):
        return b""
    width, height = value.get_size_inches()
    scale = min(1.0, THUMBNAIL_INCHES / max(width, height, 0.1))
    file = io.BytesIO()
    value.savefig(file, format="png", dpi=THUMBNAIL_DPI * scale)
    return file.getvalue()


def _is_plotly(value: object) -> bool:
    return is_a(value, "plotly.basedatatypes", "BaseFigure")


def _is_matplotlib(value: object) -> bool:
    return _is_figure_itself(value) or is_a(value, "matplotlib.axes", "Axes")


def _is_figure_itself(value: object) -> bool:
    return is_a(value, "matplotlib.figure", "FigureBase", "Figure")


def _axes(figure: Any) -> list[Any]:
    return list(figure.axes)


def _axes_title(axes: Any) -> str:
    return str(axes.get_title())


def _axes_line(axes: Any, look: Look) -> str:
    drawn = [(one, many, len(getattr(axes, many))) for one, many in _DRAWN]
    facts = [counted(n, one, many) for one, many, n in drawn if n]
    labels = [
        f"{name} {look.quoted(str(text), 60)}"
        for name, text in (("x", axes.get_xlabel()), ("y", axes.get_ylabel()))
        if text
    ]
    title = _quoted(_axes_title(axes), look)
    return f"plot{title}: {', '.join([*labels, *facts]) or 'empty'}"


def _traces(figure: Any) -> list[dict[str, Any]]:
    traces = instance_dict(figure).get("_data")
    return [trace for trace in traces if type(trace) is dict] if type(traces) is list else []


def _plotly_title(figure: Any) -> str:
    layout = instance_dict(figure).get("_layout")
    return _title(layout) if type(layout) is dict else ""


def _title(part: dict[str, Any]) -> str:
    title = part.get("title")
    text = title.get("text") if type(title) is dict else title
    return text if type(text) is str else ""


def _plotly_lines(figure: Any, look: Look) -> Iterator[str]:
    layout = instance_dict(figure).get("_layout")
    axes = [
        f"{look.label(name.removesuffix('axis'))} {look.quoted(_title(part), 60)}"
        for name, part in (layout.items() if type(layout) is dict else ())
        if type(name) is str and "axis" in name and type(part) is dict and _title(part)
    ]
    if axes:
        yield f"axes: {', '.join(axes[:MAX_AXES])}"
    traces = _traces(figure)
    if traces:
        yield f"traces: {listed((_trace(t, look) for t in traces), len(traces), MAX_TRACES)}"


def _trace(trace: dict[str, Any], look: Look) -> str:
    name = trace.get("name")
    label = f" {look.quoted(name, 40)}" if type(name) is str and name else ""
    values: Any = trace.get("y", trace.get("values", trace.get("x")))
    kind = type(values)
    n_points = ""
    if kind in (list, tuple):
        n_points = f" of {counted(len(values), 'point')}"
    elif is_a(values, "numpy", "ndarray"):
        n_points = f" of {counted(int(values.size), 'point')}"
    return f"{look.label(trace.get('type', 'scatter'))}{label}{n_points}"


def _quoted(title: str, look: Look) -> str:
    return f" {look.quoted(title, 80)}" if title else ""
