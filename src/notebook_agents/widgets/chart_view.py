"""A chart in a page that is changed in place, and the switch that keeps a panel fresh.

Plotly's own FigureWidget does this too, and sends five megabytes of program for every figure; here
a page gets the program once, for all charts of a board. See `static/plot.js`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anywidget
import traitlets

from notebook_agents.dashboards.charts_program import charts_program
from notebook_agents.widgets.assets import esm

PERIOD_MS = 5_000
"""How often a live panel looks again."""


class ChartView(anywidget.AnyWidget):  # type: ignore[misc]
    """A plotly figure, given as JSON; an empty one shows nothing."""

    _esm = esm("plot")
    figure = traitlets.Dict().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    """What it shows, for those who do not see it."""

    def __init__(self, clicked: Callable[[dict[str, Any]], None], **traits: Any) -> None:
        """``clicked`` gets what a point says of itself, see `dashboards.figures.Series`."""
        super().__init__(**traits)
        self._clicked = clicked
        self.on_msg(self._receive)

    def save(self, name: str, media_type: str, content: bytes) -> None:
        """Have the page save a file."""
        self.send({"kind": "file", "name": name, "type": media_type}, [content])

    def _receive(self, _widget: Any, content: Any, _buffers: Sequence[Any]) -> None:
        asked = content if isinstance(content, dict) else {}
        if asked.get("kind") == "library":
            self.send({"kind": "library"}, [charts_program()])
        elif asked.get("kind") == "click" and isinstance(asked.get("wish"), dict):
            self._clicked(asked["wish"])


class Opened(anywidget.AnyWidget):  # type: ignore[misc]
    """A heading that takes the focus, and a button that gives it back and closes what is below."""

    _esm = esm("opened")
    title = traitlets.Unicode().tag(sync=True)
    takes_focus = traitlets.Bool(False).tag(sync=True)

    def __init__(self, closed: Callable[[], None], **traits: Any) -> None:
        super().__init__(**traits)
        self._closed = closed
        self.on_msg(self._receive)

    def _receive(self, _widget: Any, content: Any, _buffers: Sequence[Any]) -> None:
        if isinstance(content, dict) and content.get("kind") == "close":
            self._closed()


class Pulse(anywidget.AnyWidget):  # type: ignore[misc]
    """The switch "Live": the page says when to look again, and only while it is looked at."""

    _esm = esm("pulse")
    is_live = traitlets.Bool(False).tag(sync=True)
    period_ms = traitlets.Int(PERIOD_MS).tag(sync=True)

    def __init__(self, beat: Callable[[], None], **traits: Any) -> None:
        super().__init__(**traits)
        self._beat = beat
        self.on_msg(self._receive)

    def answer(self) -> None:
        """It was looked again; the next beat may come."""
        self.send({"kind": "seen"})

    def _receive(self, _widget: Any, content: Any, _buffers: Sequence[Any]) -> None:
        if isinstance(content, dict) and content.get("kind") == "beat" and self.is_live:
            self._beat()
