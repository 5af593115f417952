"""Draws a plot as SVG: bars, lines, points, areas, histograms, pies and boxes.

Simple on purpose: a report is read, not played with. All text is escaped, nothing is fetched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

from notebook_agents.reports.series import NotDrawn, Plot, Series, Value

WIDTH, HEIGHT = 640, 360
UNTITLED = 26
COLOURS = (
    "#3b5bdb", "#e8590c", "#2b8a3e", "#ae3ec9", "#0b7285", "#c92a2a", "#846358", "#5c940d",
    "#d6336c", "#495057",
)  # fmt: skip
INK, GREY, GRID = "#212529", "#5c6470", "#e3e6ea"
FONT = "Inter, 'Noto Sans', 'Liberation Sans', 'DejaVu Sans', sans-serif"
MAX_SLICES = 12
MAX_NAMES = 24
"""Names that are written at an axis; of more every second, third … is."""
N_BINS = 20


@dataclass(slots=True)
class Canvas:
    """A picture that is being drawn, with the frame of its axes."""

    left: float = 64
    right: float = WIDTH - 20
    top: float = 46
    bottom: float = HEIGHT - 52
    has_title: bool = False
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, *, more: str = "", size: int = 11) -> None:
        """Write; the place is that of the baseline."""
        shown = escape(text)
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" {more}>{shown}</text>')

    def line(self, ends: tuple[float, float, float, float], colour: str, width: float = 1) -> None:
        """Draw a straight line."""
        x1, y1, x2, y2 = ends
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            f' stroke="{colour}" stroke-width="{width}"/>'
        )

    def rect(self, box: tuple[float, float, float, float], colour: str) -> None:
        """Fill a rectangle: left, top, width, height."""
        x, y, width, height = box
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}"'
            f' height="{max(height, 0):.1f}" fill="{colour}"/>'
        )

    def svg(self, label: str) -> str:
        """The whole picture, without the room above it that no title needs."""
        above = 0 if self.has_title else UNTITLED
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img"'
            f' viewBox="0 {above} {WIDTH} {HEIGHT - above}"'
            f' aria-label="{escape(label)}" font-family="{FONT}" fill="{INK}">'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>{"".join(self.parts)}</svg>'
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From values to places along an axis."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value."""
        span = self.high - self.low or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)


def draw(plot: Plot, label: str) -> str:
    """The plot as SVG; NotDrawn when there is nothing to draw."""
    canvas = Canvas()
    if plot.title:
        canvas.has_title = True
        canvas.text(20, 24, plot.title, size=15, more='font-weight="600"')
    kinds = {series.kind for series in plot.series}
    if kinds == {"pie"}:
        _draw_pie(canvas, plot)
    elif kinds == {"box"}:
        _draw_boxes(canvas, plot)
    else:
        _draw_axes_and_series(canvas, _binned(plot) if kinds == {"histogram"} else plot)
    return canvas.svg(label)


def ticks(low: float, high: float, n: int = 5) -> list[float]:
    """Round values between two."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    step: float = 10 ** math.floor(math.log10(span / n))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= n)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A number at an axis."""
    if value and (abs(value) >= 1e7 or abs(value) < 1e-3):
        return f"{value:.3g}"
    return f"{value:,.4f}".rstrip("0").rstrip(".") or "0"


def _draw_axes_and_series(canvas: Canvas, plot: Plot) -> None:
    bars = [series for series in plot.series if series.kind == "bar"]
    is_named = not plot.is_time and any(isinstance(x, str) for s in plot.series for x in s.x)
    is_named = is_named or (bool(bars) and not plot.is_time) or plot.is_horizontal
    is_named = is_named and (not plot.bin_width or plot.is_horizontal)
    names = list(dict.fromkeys(_name(x) for s in plot.series for x in s.x)) if is_named else []
    _legend(canvas, plot)
    if plot.is_horizontal:
        longest = max(map(len, names), default=0)
        canvas.left = min(240, 44 + 6.2 * longest)
    y = _value_axis(canvas, plot)
    x = _named_axis(canvas, plot, names) if is_named else _number_axis(canvas, plot)
    place = {name: n for n, name in enumerate(names)}

    def across(value: Value) -> float:
        return x.at(place[_name(value)] + 0.5) if is_named else x.at(float(value))

    _draw_bars(canvas, plot, bars, (x, y, across, len(names) or 1))
    for n, series in enumerate(plot.series):
        if series.kind in ("line", "points", "area"):
            colour = COLOURS[n % len(COLOURS)]
            _draw_line(canvas, series, (y, across), colour)
    _axis_titles(canvas, plot)


def _value_axis(canvas: Canvas, plot: Plot) -> Scale:
    values = [v for series in plot.series for v in series.y if math.isfinite(v)]
    if not values:
        raise NotDrawn
    sums: dict[tuple[str, bool], float] = {}
    has_bars = any(series.kind == "bar" for series in plot.series)
    if plot.is_stacked and has_bars:
        for series in plot.series:
            for x, v in zip(series.x, series.y, strict=False):
                if math.isfinite(v):
                    sums[_name(x), v < 0] = sums.get((_name(x), v < 0), 0.0) + v
    values += sums.values()
    low, high = min(values), max(values)
    if has_bars or any(series.kind == "area" for series in plot.series):
        low, high = min(low, 0.0), max(high, 0.0)
    margin = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    low, high = (low if low == 0 else low - margin), (high if high == 0 else high + margin)
    if plot.is_horizontal:
        scale = Scale(low=low, high=high, start=canvas.left, end=canvas.right)
        for tick in ticks(low, high):
            x = scale.at(tick)
            canvas.line((x, canvas.top, x, canvas.bottom), GRID)
            canvas.text(
                x, canvas.bottom + 16, number(tick), more=f'text-anchor="middle" fill="{GREY}"'
            )
        return scale
    marks = ticks(low, high)
    canvas.left = max(canvas.left, 34 + 6.5 * max((len(number(t)) for t in marks), default=1))
    scale = Scale(low=low, high=high, start=canvas.bottom, end=canvas.top)
    for tick in marks:
        y = scale.at(tick)
        canvas.line((canvas.left, y, canvas.right, y), GRID)
        canvas.text(canvas.left - 8, y + 4, number(tick), more=f'text-anchor="end" fill="{GREY}"')
    return scale


def _named_axis(canvas: Canvas, plot: Plot, names: Sequence[str]) -> Scale:
    n = max(len(names), 1)
    every = math.ceil(n / MAX_NAMES)
    if plot.is_horizontal:
        scale = Scale(low=0, high=n, start=canvas.bottom, end=canvas.top)
        for k in range(0, n, every):
            text = _short(names[k], 32)
            canvas.text(canvas.left - 8, scale.at(k + 0.5) + 4, text, more='text-anchor="end"')
        return scale
    room = (canvas.right - canvas.left) / n * every
    slanted = max((len(_short(name, 18)) for name in names), default=0) * 6.2 > room
    scale = Scale(low=0, high=n, start=canvas.left, end=canvas.right)
    for k in range(0, n, every):
        x, y = scale.at(k + 0.5), canvas.bottom + 16
        turn = f' transform="rotate(-28 {x:.1f} {y:.1f})"' if slanted else ""
        anchor = "end" if slanted else "middle"
        canvas.text(x, y, _short(names[k], 18), more=f'text-anchor="{anchor}"{turn}')
    canvas.line((canvas.left, canvas.bottom, canvas.right, canvas.bottom), GREY)
    return scale


def _number_axis(canvas: Canvas, plot: Plot) -> Scale:
    found = [float(x) for s in plot.series for x in s.x if math.isfinite(float(x))]
    if not found:
        raise NotDrawn
    low, high = min(found), max(found)
    margin = (high - low) * 0.03 or 1.0
    scale = Scale(low=low - margin, high=high + margin, start=canvas.left, end=canvas.right)
    marks = [low + (high - low) * k / 4 for k in range(5)] if plot.is_time else ticks(low, high, 7)
    for tick in dict.fromkeys(marks):
        text = _moment(tick, high - low) if plot.is_time else number(tick)
        more = f'text-anchor="middle" fill="{GREY}"'
        canvas.text(scale.at(tick), canvas.bottom + 16, text, more=more)
    canvas.line((canvas.left, canvas.bottom, canvas.right, canvas.bottom), GREY)
    return scale


def _draw_bars(canvas: Canvas, plot: Plot, bars: Sequence[Series], axes: tuple) -> None:  # type: ignore[type-arg]
    x, y, across, n_names = axes
    if not bars:
        return
    slot = abs(x.end - x.start) / n_names * 0.8
    if plot.is_time:
        slot = abs(x.end - x.start) / max(len(s.x) for s in bars) * 0.7
    elif plot.bin_width and not plot.is_horizontal:
        slot = abs(x.at(plot.bin_width) - x.at(0.0)) * 0.94
    width = slot if plot.is_stacked else slot / len(bars)
    reached: dict[tuple[Value, bool], float] = {}
    for n, series in enumerate(bars):
        colour = COLOURS[plot.series.index(series) % len(COLOURS)]
        for at, value in zip(series.x, series.y, strict=False):
            if not math.isfinite(value):
                continue
            base = reached.get((at, value < 0), 0.0) if plot.is_stacked else 0.0
            reached[at, value < 0] = base + value
            first = across(at) - slot / 2 + (0 if plot.is_stacked else n * width)
            ends = sorted((y.at(base), y.at(base + value)))
            box = (first, ends[0], width, ends[1] - ends[0])
            lying = (ends[0], first, ends[1] - ends[0], width)
            canvas.rect(lying if plot.is_horizontal else box, colour)


def _draw_line(canvas: Canvas, series: Series, axes: tuple, colour: str) -> None:  # type: ignore[type-arg]
    y, across = axes
    pieces: list[list[tuple[float, float]]] = [[]]
    for at, value in zip(series.x, series.y, strict=False):
        if math.isfinite(value) and (isinstance(at, str) or math.isfinite(at)):
            pieces[-1].append((across(at), y.at(value)))
        elif pieces[-1]:
            pieces.append([])
    for points in filter(None, pieces):
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        if series.kind == "area":
            ground = y.at(0.0)
            closed = f"{points[0][0]:.1f},{ground:.1f} {path} {points[-1][0]:.1f},{ground:.1f}"
            canvas.parts.append(f'<polygon points="{closed}" fill="{colour}" opacity="0.25"/>')
        if series.kind != "points":
            canvas.parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"'
                ' stroke-linejoin="round"/>'
            )
        if series.kind == "points" or series.has_points:
            canvas.parts += [
                f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}" opacity="0.85"/>'
                for px, py in points
            ]


def _binned(plot: Plot) -> Plot:
    """A histogram as bars over bins that all its series share."""
    values = [v for series in plot.series for v in series.y if math.isfinite(v)]
    if not values:
        raise NotDrawn
    low, high = min(values), max(values)
    step = (high - low) / N_BINS or 1.0
    names: list[Value] = [low + step * (k + 0.5) for k in range(N_BINS)]
    found = []
    for series in plot.series:
        counts = [0.0] * N_BINS
        for value in series.y:
            if math.isfinite(value):
                counts[min(int((value - low) / step), N_BINS - 1)] += 1
        found.append(Series(kind="bar", name=series.name, x=list(names), y=counts))
    y_title = plot.y_title or "count"
    return Plot(title=plot.title, x_title=plot.x_title, y_title=y_title, is_stacked=True,
                is_horizontal=plot.is_horizontal, bin_width=step, series=found)  # fmt: skip


def _draw_boxes(canvas: Canvas, plot: Plot) -> None:
    names = [series.name or f"{n}" for n, series in enumerate(plot.series, start=1)]
    y = _value_axis(canvas, plot)
    x = _named_axis(canvas, plot, names)
    for n, series in enumerate(plot.series):
        values = sorted(v for v in series.y if math.isfinite(v))
        if not values:
            continue
        colour, middle = COLOURS[n % len(COLOURS)], x.at(n + 0.5)
        width = min(60.0, abs(x.end - x.start) / len(names) * 0.5)
        low, first, median, third, high = (
            y.at(values[round(q * (len(values) - 1))]) for q in (0, 0.25, 0.5, 0.75, 1)
        )
        canvas.line((middle, low, middle, high), colour, 1.5)
        canvas.rect((middle - width / 2, third, width, first - third), colour)
        canvas.line((middle - width / 2, median, middle + width / 2, median), "#ffffff", 2)
    _axis_titles(canvas, plot)


def _draw_pie(canvas: Canvas, plot: Plot) -> None:
    series = plot.series[0]
    pairs = [(str(_name(x)), v) for x, v in zip(series.x, series.y, strict=False) if v > 0]
    pairs.sort(key=lambda pair: -pair[1])
    if len(pairs) > MAX_SLICES:
        rest = sum(v for _, v in pairs[MAX_SLICES - 1 :])
        pairs = [*pairs[: MAX_SLICES - 1], ("others", rest)]
    total = sum(v for _, v in pairs)
    if not total:
        raise NotDrawn
    cx, cy, radius, turned = 190.0, 200.0, 130.0, -math.pi / 2
    for n, (name, value) in enumerate(pairs):
        angle, colour = 2 * math.pi * value / total, COLOURS[n % len(COLOURS)]
        if len(pairs) == 1:
            canvas.parts.append(f'<circle cx="{cx}" cy="{cy}" r="{radius}" fill="{colour}"/>')
        else:
            ends = [(cx + radius * math.cos(a), cy + radius * math.sin(a))
                    for a in (turned, turned + angle)]  # fmt: skip
            canvas.parts.append(
                f'<path d="M{cx} {cy} L{ends[0][0]:.1f} {ends[0][1]:.1f} A{radius} {radius} 0'
                f' {int(angle > math.pi)} 1 {ends[1][0]:.1f} {ends[1][1]:.1f} Z" fill="{colour}"'
                ' stroke="#ffffff" stroke-width="1.5"/>'
            )
        turned += angle
        y = 84 + n * 21
        canvas.rect((370, y - 9, 10, 10), colour)
        canvas.text(388, y, f"{_short(name, 26)}  {value / total:.1%}", size=12)


def _legend(canvas: Canvas, plot: Plot) -> None:
    named = [(n, series.name) for n, series in enumerate(plot.series) if series.name]
    if len(named) < 2:
        return
    x = 20.0
    for n, name in named:
        text = _short(name, 20)
        if x + 24 + 6.4 * len(text) > canvas.right:
            break
        canvas.rect((x, canvas.top - 9, 10, 10), COLOURS[n % len(COLOURS)])
        canvas.text(x + 15, canvas.top, text)
        x += 30 + 6.4 * len(text)
    canvas.top += 14


def _axis_titles(canvas: Canvas, plot: Plot) -> None:
    along, up = (plot.y_title, plot.x_title) if plot.is_horizontal else (plot.x_title, plot.y_title)
    middle = (canvas.left + canvas.right) / 2
    if along:
        canvas.text(middle, HEIGHT - 8, along, more=f'text-anchor="middle" fill="{GREY}"', size=12)
    if up:
        y = (canvas.top + canvas.bottom) / 2
        more = f'text-anchor="middle" fill="{GREY}" transform="rotate(-90 14 {y:.1f})"'
        canvas.text(14, y, up, more=more, size=12)


def _moment(seconds: float, span: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    if span > 300 * 86400:
        return f"{moment:%Y-%m}"
    return f"{moment:%Y-%m-%d}" if span > 3 * 86400 else f"{moment:%d %H:%M}"


def _name(value: Value) -> str:
    return value if isinstance(value, str) else number(value)


def _short(text: str, n: int) -> str:
    return text if len(text) <= n else f"{text[: n - 1]}…"
