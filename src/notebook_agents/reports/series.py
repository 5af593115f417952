"""What a plotly figure plots: its traces as plain numbers and names.

A figure is data of others. What is not understood raises `NotDrawn`; the report then shows the
figure's data as a table, and never runs anything of it.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from notebook_agents.core.report_documents import Grid
from notebook_agents.reports.nodes import clean

MAX_POINTS = 20_000
"""Points of a figure that are drawn."""
MAX_TRACES = 30
MAX_TABLE_ROWS = 50
MAX_LABEL_CHARS = 80
Kind: TypeAlias = Literal["bar", "line", "points", "area", "histogram", "pie", "box"]
Value: TypeAlias = float | str
_CODES = {
    "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q",
    "f4": "f", "f8": "d",
}  # fmt: skip
_TAGS = ("<b>", "</b>", "<i>", "</i>", "<br>", "<sub>", "</sub>", "<sup>", "</sup>", "<extra>")


class NotDrawn(Exception):
    """The figure has a kind or a form that is not drawn here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One trace."""

    kind: Kind
    name: str
    x: list[Value]
    y: list[float]
    has_points: bool = False
    """Whether a line marks its points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A figure that can be drawn."""

    title: str = ""
    x_title: str = ""
    y_title: str = ""
    is_stacked: bool = False
    is_horizontal: bool = False
    is_time: bool = False
    """Whether x is epoch seconds."""
    bin_width: float = 0.0
    """Of bars that stand for ranges of x; 0 where there are none."""
    series: list[Series] = field(default_factory=list)


def plot_of(content: str) -> Plot:
    """The figure behind its JSON; NotDrawn when it is of another kind."""
    try:
        figure: Any = json.loads(content)
        data, layout = figure["data"], figure.get("layout")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotDrawn from None
    layout = layout if isinstance(layout, dict) else {}
    if not isinstance(data, list) or not 0 < len(data) <= MAX_TRACES:
        raise NotDrawn
    lying = {isinstance(t, dict) and t.get("orientation") == "h" for t in data}
    if len(lying) > 1:
        raise NotDrawn
    is_horizontal = lying.pop()
    found = [part for trace in data for part in _by_name(_series(trace, is_horizontal))]
    if len(found) > MAX_TRACES:
        raise NotDrawn
    kinds = {series.kind for series in found}
    mixes = kinds <= {"line", "points", "area", "bar"} or len(kinds) == 1
    if not mixes or sum(len(series.y) for series in found) > MAX_POINTS:
        raise NotDrawn
    is_time = _make_times(found)
    names = ("yaxis", "xaxis") if is_horizontal else ("xaxis", "yaxis")
    return Plot(
        title=_title(layout),
        x_title=_title(layout.get(names[0])),
        y_title=_title(layout.get(names[1])),
        is_stacked=layout.get("barmode") in ("relative", "stack"),
        is_horizontal=is_horizontal,
        is_time=is_time,
        series=found,
    )


def table_of(content: str) -> Grid | None:
    """The data of a figure's traces side by side; None when there are none to show."""
    try:
        traces = json.loads(content)["data"]
        columns: dict[str, list[Value]] = {}
        for number, trace in enumerate(traces[:MAX_TRACES], start=1):
            name = clean(str(trace.get("name") or f"trace {number}"))[:MAX_LABEL_CHARS]
            for key in ("x", "y", "z", "labels", "values", "lat", "lon", "r", "theta"):
                try:
                    columns[f"{name}: {key}"] = values_of(trace.get(key))
                except NotDrawn:
                    continue
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    kept = {name: values for name, values in columns.items() if values}
    if not kept:
        return None
    n_rows = max(map(len, kept.values()))
    rows = tuple(
        tuple(_cell(values[n]) if n < len(values) else "" for values in kept.values())
        for n in range(min(n_rows, MAX_TABLE_ROWS))
    )
    return Grid(columns=tuple(kept), rows=rows, n_left_out=max(0, n_rows - MAX_TABLE_ROWS))


def values_of(value: Any) -> list[Value]:
    """An array as plotly writes it: a list, or its bytes in base64."""
    if isinstance(value, dict):
        return [float(number) for number in _typed(value)]
    if not isinstance(value, list):
        raise NotDrawn
    if len(value) > MAX_POINTS:
        raise NotDrawn
    return [_value(v) for v in value]


def _series(trace: Any, is_horizontal: bool) -> Series:
    if not isinstance(trace, dict):
        raise NotDrawn
    kind = _kind(trace)
    name = clean(str(trace.get("name") or ""))[:MAX_LABEL_CHARS]
    if kind == "pie":
        labels, sizes = values_of(trace.get("labels")), numbers(trace.get("values"))
        return Series(kind=kind, name=name, x=labels[: len(sizes)], y=[max(0.0, v) for v in sizes])
    across, along = ("y", "x") if is_horizontal else ("x", "y")
    if kind == "histogram":
        return Series(kind=kind, name=name, x=[], y=numbers(trace.get(across)))
    y = numbers(trace.get(along))
    x: list[Value] = [float(n) for n in range(len(y))]
    if across in trace:
        x = values_of(trace[across])
    n = min(len(x), len(y))
    marks = kind == "line" and "markers" in _mode(trace)
    return Series(kind=kind, name=name, x=x[:n], y=y[:n], has_points=marks)


def _by_name(series: Series) -> list[Series]:
    """A trace of boxes as one series for each name that it has values of."""
    if series.kind != "box" or not any(isinstance(x, str) for x in series.x):
        return [series]
    parts: dict[str, list[float]] = {}
    for x, y in zip(series.x, series.y, strict=True):
        parts.setdefault(str(x), []).append(y)
    return [Series(kind="box", name=name, x=[], y=y) for name, y in parts.items()]


def _kind(trace: Mapping[str, Any]) -> Kind:
    kind = str(trace.get("type", "scatter"))
    if kind in ("bar", "histogram", "pie", "box"):
        return kind  # type: ignore[return-value]
    if kind not in ("scatter", "scattergl"):
        raise NotDrawn
    if trace.get("fill") not in (None, "none"):
        return "area"
    return "line" if "lines" in _mode(trace) else "points"


def _mode(trace: Mapping[str, Any]) -> str:
    """How a scatter trace is drawn; where it does not say so, few points are marked."""
    length = trace.get("x") or trace.get("y")
    few = isinstance(length, list) and len(length) < 20
    return str(trace.get("mode") or ("lines+markers" if few else "lines"))


def numbers(value: Any) -> list[float]:
    """An array of numbers; what is none is nothing (NaN)."""
    return [v if isinstance(v, float) else math.nan for v in values_of(value)]


def _typed(value: Mapping[str, Any]) -> Sequence[float]:
    code = _CODES.get(str(value.get("dtype", "")).lstrip("<|=>"))
    if code is None or "," in str(value.get("shape", "")):
        raise NotDrawn
    try:
        content = base64.b64decode(str(value.get("bdata")), validate=True)
        n = len(content) // struct.calcsize(f"<{code}")
        if n > MAX_POINTS:
            raise NotDrawn
        return struct.unpack(f"<{n}{code}", content)
    except (ValueError, binascii.Error, struct.error):
        raise NotDrawn from None


def _value(value: Any) -> Value:
    if isinstance(value, bool | None):
        return math.nan if value is None else str(value)
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e300 else math.nan
    if isinstance(value, str):
        return clean(value)[:MAX_LABEL_CHARS]
    raise NotDrawn


def _make_times(found: Sequence[Series]) -> bool:
    """Turn x into epoch seconds when all of it are moments."""
    texts = [x for series in found for x in series.x]
    if not texts or not all(isinstance(x, str) and len(x) >= 8 for x in texts):
        return False
    if any(series.kind not in ("line", "points", "area", "bar") for series in found):
        return False
    try:
        moments = {text: _epoch(str(text)) for text in texts}
    except ValueError:
        return False
    for series in found:
        series.x[:] = [moments[x] for x in series.x]
    return True


def _epoch(text: str) -> float:
    moment = datetime.fromisoformat(text[:26] if "." in text else text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _title(of: Any) -> str:
    title = of.get("title") if isinstance(of, dict) else None
    text = title.get("text") if isinstance(title, dict) else title
    if not isinstance(text, str):
        return ""
    for tag in _TAGS:
        text = text.replace(tag, " " if tag == "<br>" else "")
    return " ".join(clean(text).replace("&lt;", "<").split())[:MAX_LABEL_CHARS]


def _cell(value: Value) -> str:
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else f"{value:,.6g}"
