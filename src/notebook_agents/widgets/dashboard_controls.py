"""The controls of the dashboard: which runs it looks at, which tools, which versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ipywidgets

from notebook_agents.dashboards.board import Board
from notebook_agents.dashboards.filters import Filters
from notebook_agents.dashboards.naming import labelled

RANGES = {"24 hours": 1.0, "7 days": 7.0, "30 days": 30.0, "90 days": 90.0, "Everything": None}
CHOSEN = "chosen"
"""Stands for a time that was chosen by a click in a chart."""
PICKED = {"model": "Model", "source": "Source", "notebook": "Notebook", "user": "User",
          "agent": "Agent"}  # fmt: skip
NEWEST = ("Best known", "")


class Controls:
    """Filters as widgets; whoever made them is told the filters that are wished for."""

    def __init__(self, filters: Filters, wished: Callable[[Filters], None]) -> None:
        self._wished = wished
        self._is_offering = False
        style = {"style": {"description_width": "auto"}, "layout": {"width": "215px"}}
        self.range = ipywidgets.Dropdown(description="Time", **style)
        self.picks = {
            name: ipywidgets.Dropdown(description=label, **style) for name, label in PICKED.items()
        }
        self.find = ipywidgets.Text(
            description="Find", placeholder="part of a tool's name", continuous_update=False
        )
        self.version_a = ipywidgets.Dropdown(description="Version")
        self.version_b = ipywidgets.Dropdown(description="against")
        self.show(filters)
        for control in (self.range, *self.picks.values(), self.find, *self.versions):
            control.observe(self._changed, "value")

    @property
    def versions(self) -> tuple[Any, Any]:
        """What chooses two versions of an agent."""
        return self.version_a, self.version_b

    @property
    def filters(self) -> Filters:
        """The filters that are shown."""
        return self._filters

    def show(self, filters: Filters, board: Board | None = None) -> None:
        """Show filters, and offer what the board knows; nobody is told of that."""
        self._is_offering = True  # new options change values for a moment
        self._filters = filters
        known = replace(board or Board(filters=filters), filters=filters)
        for name, control in self.picks.items():
            _set(control, [("All", ""), *known.offered(name)], getattr(filters, name))
        self._show_range(filters)
        labels = board.versions if board else {}
        versions = {*labels, filters.version_a, filters.version_b} - {""}
        for control, value in zip(
            self.versions, (filters.version_a, filters.version_b), strict=True
        ):
            _set(control, [NEWEST, *labelled(versions, labels)], value)
        self.find.value = filters.find
        self._is_offering = False

    def _show_range(self, filters: Filters) -> None:
        options: list[tuple[str, Any]] = list(RANGES.items())
        value: Any = filters.days
        if filters.since or filters.until:
            value = CHOSEN
            options.insert(0, ("as clicked", CHOSEN))
        elif value not in RANGES.values():
            options.insert(0, (f"{value:g} days", value))
        _set(self.range, options, value)

    def _changed(self, _change: Any) -> None:
        if self._is_offering:
            return
        picked: dict[str, Any] = {name: each.value or "" for name, each in self.picks.items()}
        wished = replace(
            self._filters,
            find=self.find.value.strip(),
            version_a=self.version_a.value or "",
            version_b=self.version_b.value or "",
            **picked,
        )
        if self.range.value != CHOSEN:
            wished = replace(wished, days=self.range.value, since=None, until=None)
        if wished != self._filters:
            self._filters = wished
            self._wished(wished)


def _set(control: Any, options: list[tuple[str, Any]], value: Any) -> None:
    if list(control.options) != options:
        control.options = options
    control.value = value
