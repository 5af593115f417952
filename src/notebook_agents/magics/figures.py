"""Figures as a notebook's output and as words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from notebook_agents.core.figures import PLOTLY, Figure
from notebook_agents.magics.markdown import plain

CONFIG = {"config": {"showSendToCloud": False}}
"""Without the button that uploads the data."""


def show(figure: Figure) -> None:
    """Make it an output of the running cell; words stand in where it cannot be drawn."""
    from IPython.display import display

    is_plotly = figure.media_type == PLOTLY
    content = json.loads(figure.content) | CONFIG if is_plotly else figure.content
    bundle = {figure.media_type: content, "text/plain": named(figure)}
    display(bundle, raw=True)  # type: ignore[no-untyped-call]


def named(figure: Figure) -> str:
    """One line that says what it shows."""
    return f"[figure] {' '.join(plain(figure.label).split())}"


def terminal_lines(figures: Iterable[Figure]) -> list[str]:
    """What a terminal, which cannot draw, says of them."""
    lines: list[str] = []
    n_plotly = 0
    for figure in figures:
        how = ""
        if figure.media_type == PLOTLY:
            how = f"; to open it: import plotly.io; plotly.io.show(_.figures[{n_plotly}])"
            n_plotly += 1
        lines.append(named(figure) + how)
    return lines


def plotly_figures(figures: Iterable[Figure]) -> tuple[dict[str, Any], ...]:
    """Those that plotly can draw again: ``plotly.graph_objects.Figure(figure)``."""
    return tuple(json.loads(f.content) for f in figures if f.media_type == PLOTLY)
