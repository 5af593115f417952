"""What pages draw charts with is able to draw all of them, and says where it is from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.dashboards.recording import DAY

from notebook_agents.dashboards import charts_program
from notebook_agents.dashboards.board import load_board
from notebook_agents.dashboards.filters import Filters

if TYPE_CHECKING:
    from notebook_agents.analytics.queries import EventAnalytics

DRAWN = {"bar", "scatter", "pie"}
"""The kinds of traces in the build of plotly.js that is called basic."""


def test_its_notice_names_the_version_and_the_licence() -> None:
    notice = (charts_program.VENDOR / "NOTICE.md").read_text("utf-8")
    row = next(line for line in notice.splitlines() if charts_program.NAME in line)
    stated = re.search(rb"\(basic - minified\) v(\d+\.\d+\.\d+)", charts_program.charts_program())
    assert stated is not None
    assert stated[1].decode() == row.split("|")[3].strip()
    (licence,) = re.findall(r"`([^`]+\.LICENSE\.txt)`", row)
    assert "MIT License" in (charts_program.VENDOR / licence).read_text("utf-8")


async def test_it_draws_every_kind_of_trace_that_charts_have(recorded: EventAnalytics) -> None:
    board = await load_board(recorded, Filters(days=2, now=DAY), None)
    figures = [drawn.figure() for drawn in board.charts if drawn.rows]
    kinds = {trace["type"] for figure in figures if figure for trace in figure["data"]}
    assert kinds
    assert kinds <= DRAWN
