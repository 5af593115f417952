"""Figures as still pictures, for pages that run no script: nbconvert, GitHub, a saved notebook.

What is drawn is what plotly would draw of the same figure, without its details. Text and lines take
the colour of the page's text, so that a picture can be read in a light page and in a dark one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape, unescape
from itertools import pairwise
from math import isfinite
from typing import Any

from notebook_agents.dashboards.figures import LABEL_CHARS, PALETTE, Figure, shortened
from notebook_agents.dashboards.tables import shown

WIDTH, HEIGHT = 640, 200
"""Of what is drawn, in pixels; lying bars are as high as there are names."""
ROW = 26
CHAR = 6.6
"""About the width of a letter."""
LINE = 18
"""Of the title, and of names of series."""
BOTTOM, RIGHT = 36, 70
N_LABELS = 6
"""So many moments are named along the axis of time, at most."""
THICK = 0.7
"""The part of its room that a bar takes."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar or an interval from one length to another, or a point where both are the same."""

    trace: int
    place: Any
    begin: Any
    end: Any


@dataclass(frozen=True, slots=True)
class Paper:
    """Where names, moments and lengths are on the picture."""

    is_flat: bool
    places: dict[Any, float]
    """From 0 to 1 along the axis of names or times."""
    lengths: dict[Any, float] | tuple[float, float]
    """The least and the greatest; of a strip its names, from 0 to 1."""
    left: float
    top: float
    height: float

    def along(self, place: Any) -> float:
        """In pixels, downwards where names stand one below the other."""
        size = self.height if self.is_flat else WIDTH - self.left - RIGHT
        return (self.top if self.is_flat else self.left) + size * self.places[place]

    def across(self, length: Any) -> float:
        """In pixels."""
        if isinstance(self.lengths, dict):
            share = self.lengths[length]
        else:
            share = (length - self.lengths[0]) / ((self.lengths[1] - self.lengths[0]) or 1)
        if self.is_flat:
            return self.left + (WIDTH - self.left - RIGHT) * share
        return self.top + self.height * (1 - share)


def picture(figure: Figure, title: str) -> str:
    """A figure as SVG to stand in HTML; empty where there is none.

    Empty too for a query of somebody's own that gives words for lengths.
    """
    if not figure:
        return ""
    try:
        return _whole(figure, title)
    except (KeyError, TypeError, ValueError, OverflowError):
        return ""


def _whole(figure: Figure, title: str) -> str:
    marks = list(_marks(figure))
    paper = _paper(figure, marks)
    head = f'<text x="4" y="13" font-size="13" font-weight="600">{escape(title)}</text>'
    parts = [head, *_legend(figure), *_axes(figure, paper), *_drawn(figure, paper, marks)]
    height = paper.top + paper.height + BOTTOM
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {height:g}"'
        f' width="{WIDTH}" height="{height:g}" style="max-width:100%;height:auto;display:block"'
        f' font-size="11" font-family="sans-serif" fill="currentColor">{"".join(parts)}</svg>'
    )


def _axis_names(figure: Figure) -> tuple[bool, str, str]:
    is_flat = figure["layout"]["yaxis"].get("autorange") == "reversed"
    return (True, "y", "x") if is_flat else (False, "x", "y")


def _marks(figure: Figure) -> Iterator[Mark]:
    """What there is to draw; stacked bars begin where the one before ends."""
    _, along, across = _axis_names(figure)
    is_stacked = figure["layout"].get("barmode") == "stack"
    ends: dict[Any, float] = {}
    for number, trace in enumerate(figure["data"]):
        for at, (place, given) in enumerate(zip(trace[along], trace[across], strict=True)):
            if (length := _length(given)) is None:
                continue
            if trace["type"] != "bar":
                yield from _interval(trace, number, at)
                yield Mark(number, place, length, length)
                continue
            begin = trace["base"][at] if "base" in trace else 0.0
            begin = ends.get(place, begin) if is_stacked else begin
            ends[place] = begin + length
            yield Mark(number, place, begin, begin + length)


def _length(given: Any) -> Any:
    """A number, or a name of a strip; None leaves a gap, also for what has no end."""
    if given is None or isinstance(given, str):
        return given
    return number if isfinite(number := float(given)) else None


def _interval(trace: dict[str, Any], number: int, at: int) -> Iterator[Mark]:
    ends = trace.get("error_x", {"array": {}})
    if ends["array"] and ends["array"][at] is not None:
        length = trace["x"][at]
        low, high = length - ends["arrayminus"][at], length + ends["array"][at]
        yield Mark(number, trace["y"][at], low, high)


def _paper(figure: Figure, marks: Sequence[Mark]) -> Paper:
    is_flat, along, _ = _axis_names(figure)
    places = list(dict.fromkeys(place for trace in figure["data"] for place in trace[along]))
    words = [str(mark.end) for mark in marks if isinstance(mark.end, str)]
    ends = [each for mark in marks for each in (mark.begin, mark.end)]
    lengths: dict[Any, float] | tuple[float, float] = _evenly(list(dict.fromkeys(words)))
    if not words:
        lengths = (min([0.0, *ends]), max([*ends, 0.0]))
    names = [str(place) for place in places] if is_flat else words or ["0000000"]
    left = 16 + CHAR * min(LABEL_CHARS, max(len(name) for name in names))
    height = ROW * len(places) if is_flat else ROW * (len(set(words)) or HEIGHT / ROW)
    top = LINE * (1.6 + max((row + 1 for _, row, _, _ in _series(figure)), default=0))
    return Paper(is_flat, _spread(places), lengths, left, top, height)


def _evenly(places: Sequence[Any]) -> dict[Any, float]:
    return {place: (at + 0.5) / len(places) for at, place in enumerate(places)}


def _spread(places: Sequence[Any]) -> dict[Any, float]:
    """Moments by the clock, names one after another."""
    try:
        times = [datetime.fromisoformat(str(place)).replace(tzinfo=UTC) for place in places]
    except ValueError:
        return _evenly(places)
    first, last = min(times), max(times)
    if first == last:
        return _evenly(places)
    room = 1 / (len(places) + 1)
    spread = [(time - first) / (last - first) for time in times]
    return {p: room / 2 + (1 - room) * at for p, at in zip(places, spread, strict=True)}


def _series(figure: Figure) -> Iterator[tuple[float, int, int, str]]:
    """Where each series is named: how far to the right, in which row, its number and its name."""
    x, row = 4.0, 0
    for number, trace in enumerate(figure["data"] if figure["layout"].get("showlegend") else ()):
        name = _short(trace["name"])
        width = 30 + CHAR * len(unescape(name))
        if x > 4 and x + width > WIDTH:
            x, row = 4.0, row + 1
        yield x, row, number, name
        x += width


def _legend(figure: Figure) -> Iterator[str]:
    for x, row, number, name in _series(figure):
        y, colour = LINE * (row + 1) + 4, _colour(figure, number)
        yield f'<rect x="{x:g}" y="{y}" width="10" height="10" fill="{colour}"/>'
        yield f'<text x="{x + 14:g}" y="{y + 9}">{name}</text>'


def _axes(figure: Figure, paper: Paper) -> Iterator[str]:
    names = list(paper.places)
    step = 1 if paper.is_flat else -(-len(names) // N_LABELS)
    for name in names[::step]:
        at = paper.along(name)
        x, y = (paper.left - 6, at + 4) if paper.is_flat else (at, paper.top + paper.height + 14)
        anchor = "end" if paper.is_flat else "middle"
        yield f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{_short(str(name))}</text>'
    yield from _lengths(paper)
    title = figure["layout"]["xaxis" if paper.is_flat else "yaxis"].get("title", {}).get("text", "")
    y = paper.top + paper.height + 30
    yield f'<text x="{paper.left:g}" y="{y:g}" opacity="0.8">{title}</text>'


def _lengths(paper: Paper) -> Iterator[str]:
    """Lines with the length, or the name, that they stand for."""
    ends = paper.lengths
    ticks = list(ends) if isinstance(ends, dict) else _ticks(*ends)
    line = 'stroke="currentColor" stroke-opacity="0.25"'
    for tick in ticks:
        at = paper.across(tick)
        told = _short(tick) if isinstance(tick, str) else shown(tick)
        if paper.is_flat:
            foot = paper.top + paper.height
            yield f'<path d="M{at:g} {paper.top:g}V{foot:g}" {line}/>'
            yield f'<text x="{at:g}" y="{foot + 14:g}" text-anchor="middle">{told}</text>'
        else:
            yield f'<path d="M{paper.left:g} {at:g}H{WIDTH - RIGHT}" {line}/>'
            yield f'<text x="{paper.left - 6:g}" y="{at + 4:g}" text-anchor="end">{told}</text>'


def _ticks(low: float, high: float) -> list[float]:
    """The ends and zero, and the middle unless it were a part of what is counted."""
    middle = (low + high) / 2
    is_counted = low == int(low) and high == int(high)
    return sorted({low, high, 0.0} | ({middle} if not is_counted or middle % 1 == 0 else set()))


def _drawn(figure: Figure, paper: Paper, marks: Sequence[Mark]) -> Iterator[str]:
    """Bars, else points with lines between those of a series."""
    data = figure["data"]
    room = _room(paper)
    n_beside = len(data) if figure["layout"].get("barmode") == "group" else 1
    for number, trace in enumerate(data):
        mine = [mark for mark in marks if mark.trace == number]
        colour = _colour(figure, number)
        if trace["type"] == "bar":
            thick = room * THICK / n_beside
            shift = thick * (number % n_beside) - room * THICK / 2
            yield from (_bar(paper, mark, shift, thick, colour) for mark in mine)
            continue
        spots = [_spot(paper, mark) for mark in mine if mark.begin == mark.end]
        yield from (_bar(paper, mark, -1, 2, colour) for mark in mine if mark.begin != mark.end)
        if "lines" in trace["mode"]:
            way = " ".join(f"{x:g},{y:g}" for x, y in spots)
            yield f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="{colour}"/>' for x, y in spots)


def _room(paper: Paper) -> float:
    """The least distance between two places, in pixels."""
    at = sorted(paper.along(place) for place in paper.places)
    return min([ROW if paper.is_flat else 60.0, *(b - a for a, b in pairwise(at))])


def _bar(paper: Paper, mark: Mark, shift: float, thick: float, colour: str) -> str:
    low, high = sorted((paper.across(mark.begin), paper.across(mark.end)))
    at = paper.along(mark.place) + shift
    x, y, width, height = (at, low, thick, high - low)
    if paper.is_flat:
        x, y, width, height = (low, at, high - low, thick)
    box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {box} fill="{colour}"/>'


def _spot(paper: Paper, mark: Mark) -> tuple[float, float]:
    along, across = round(paper.along(mark.place), 1), round(paper.across(mark.end), 1)
    return (across, along) if paper.is_flat else (along, across)


def _short(name: str) -> str:
    """A name of a figure, in which signs of HTML are written out already."""
    return escape(shortened(unescape(name)), quote=False)


def _colour(figure: Figure, number: int) -> str:
    trace = figure["data"][number]
    look = trace.get("line") or trace.get("marker") or {}
    return str(look.get("color") or PALETTE[number % len(PALETTE)])
