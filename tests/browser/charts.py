"""Charts of a dashboard in a notebook, as a person finds and clicks them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

if TYPE_CHECKING:
    from tests.browser.conftest import Lab, Page

ROOT = Path(__file__).parents[2]
SETUP = f"""%load_ext notebook_agents
import sys, tempfile, notebook_agents
from datetime import UTC, datetime, timedelta
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.clock import SystemClock
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import ScriptedEngine, fake_core
from tests.dashboards.recording import record
home = Path(tempfile.mkdtemp(prefix="nad-"))
log = JsonlEventLog(home)
notebook_agents.use_core(lambda: fake_core(
    engine=ScriptedEngine("Once more."), clock=SystemClock(), home=home / "workspaces",
    event_log=log, analytics=EventAnalytics(EventFiles(home))))
begin = datetime.now(UTC) - timedelta(hours=5)
record(log, begin, notebook_agents.dashboard().actor.user_id)
print("re" + "corded")"""
BOARD = "board = notebook_agents.dashboard(1, live=True); board"
SCREEN = {"width": 1300, "height": 1400}


def card_of(board: Any, title: str) -> Any:
    """The card of a chart."""
    return board.locator(".na-card", has=board.page.get_by_role("heading", name=title, exact=True))


def click_bar(page: Page, card: Any) -> None:
    """On the first bar, which a chart must have seen the mouse over before."""
    from playwright.sync_api import expect

    card.scroll_into_view_if_needed()  # one that is out of sight is not drawn
    bar = card.locator(".bars .point path").first
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(x - 3, y)
    page.page.mouse.move(x, y)
    expect(card.locator(".hoverlayer .hovertext").first).to_be_visible()
    page.page.mouse.click(x, y)


def board_in_notebook(lab: Lab, page: Page, *more: str) -> Any:
    """A dashboard over a recorded log, below its cell; ``more`` are cells that are not run yet."""
    from playwright.sync_api import expect

    (lab.folder / "board.ipynb").write_text(json.dumps(notebook([SETUP, *more, BOARD])))
    page.page.set_viewport_size(SCREEN)
    page.open(lab, "board.ipynb")
    page.run("fake_core")
    expect(page.code_cell("fake_core")).to_contain_text("recorded")
    page.run("board =")
    return page.code_cell("board =")


def notebook(sources: list[str]) -> nbformat.NotebookNode:
    """One with these cells."""
    v4: Any = nbformat.v4
    book: nbformat.NotebookNode = v4.new_notebook(cells=[v4.new_code_cell(s) for s in sources])
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book.metadata["kernelspec"] = kernel
    return book
