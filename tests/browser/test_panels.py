"""All panels in JupyterLab, as a person uses them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from tests.browser.charts import card_of, click_bar

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Lab, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETUP = """%load_ext notebook_agents
import tempfile, notebook_agents
from pathlib import Path
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.clock import SystemClock
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import ScriptedEngine, ScriptedTools, call, fake_core
home = Path(tempfile.mkdtemp(prefix="nap-"))
engine = ScriptedEngine(
    call("python_executor", code="6*7"), "It is 42.", "Hello!",
    [call("python_executor", code="boom"), call("database_query", query="SELECT 1")], "Broken.")
def python_executor(code: str, timeout: int = 30) -> str:
    if "boom" in code:
        raise ValueError("boom")
    return f"ran: {code}"
tools = ScriptedTools(
    {"python_executor": python_executor, "database_query": lambda query: "1",
     "file_writer": lambda path, content: f"wrote {path}"},
    effects={"file_writer": "write"})
notebook_agents.use_core(lambda: fake_core(
    engine=engine, tools=tools, clock=SystemClock(), home=home / "workspaces",
    event_log=JsonlEventLog(home), analytics=EventAnalytics(EventFiles(home)),
    timetable=CronTimetable()))"""
ASK = """%agent what is six times seven
%agent hi
%agent -m other/model fail once"""
CELLS = [
    SETUP,
    ASK,
    "%agent dashboard",
    "notebook_agents.tool_panel('file_writer')",
    "notebook_agents.task_panel()",
    "notebook_agents.agent_editor()",
]


def test_every_panel_works_in_the_browser(lab: Lab, page: Page, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    path = lab.folder / "panels.ipynb"
    path.write_text(json.dumps(_notebook(CELLS)))
    page.page.set_viewport_size({"width": 1100, "height": 2600})
    page.open(lab, "panels.ipynb")
    page.run("ScriptedEngine")
    page.run("six times seven")
    expect(page.code_cell("six times seven")).to_contain_text("Broken.")
    _dashboard(page, tmp_path)
    _tool(page, tmp_path)
    _task(page, tmp_path)
    _agent(page, tmp_path)
    page.page.keyboard.press("Control+Shift+c")
    page.page.locator(".lm-CommandPalette-input").fill("theme dark")
    found = page.page.locator(".lm-CommandPalette-item", has_text="JupyterLab Dark")
    found.first.click()
    expect(page.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    _shot(page, "%agent dashboard", tmp_path / "dashboard_dark.png")
    assert page.hosts() <= {"127.0.0.1", "localhost"}


def _dashboard(page: Page, folder: Path) -> None:
    from playwright.sync_api import expect

    page.run("%agent dashboard")
    board = page.code_cell("%agent dashboard")
    expect(board.locator(".na-tiles").first).to_contain_text("3runs")
    expect(board.locator(".js-plotly-plot .ytitle").first).to_have_text(
        "tokens, in and out",
    )
    expect(board.locator(".notebook-agents-static")).to_be_hidden()
    click_bar(page, card_of(board, "Errors by kind"))
    expect(board.get_by_text("other/model · succeeded").last).to_be_visible()
    board.get_by_role("listbox", name="Newest runs").select_option(index=1)
    expect(board.get_by_text("Most of the time went into").last).to_be_visible()
    expect(board.get_by_text("Broken.").first).to_be_visible()
    _shot(page, "%agent dashboard", folder / "dashboard.png")


def _tool(page: Page, folder: Path) -> None:
    from playwright.sync_api import expect

    page.run("tool_panel")
    panel = page.code_cell("tool_panel")
    panel.get_by_role("textbox", name="path").fill("a.txt")
    panel.get_by_role("textbox", name="path").press("Tab")
    panel.get_by_role("button", name="Run", exact=True).click()
    expect(panel.get_by_text("Allow file_writer?")).to_be_visible()
    _shot(page, "tool_panel", folder / "tool_asks.png")
    panel.get_by_role("button", name="Allow once").press("Enter")
    expect(panel.get_by_text("wrote a.txt").first).to_be_visible()
    _shot(page, "tool_panel", folder / "tool.png")


def _task(page: Page, folder: Path) -> None:
    from playwright.sync_api import expect

    page.run("task_panel")
    panel = page.code_cell("task_panel")
    panel.get_by_text("New task").click()
    panel.get_by_role("textbox", name="Name").fill("Daily")
    panel.get_by_role("textbox", name="Prompt").fill("Sum up the sales of {{date}}")
    panel.get_by_role("combobox", name="Runs").select_option(label="Every day at 09:00")
    expect(panel.get_by_text("Runs every day at 09:00 (UTC); next:")).to_be_visible()
    panel.get_by_role("button", name="Create", exact=True).click()
    expect(panel.get_by_text("Daily is saved.")).to_be_visible()
    panel.get_by_role("textbox", name="With").fill("date=today")
    panel.get_by_role("textbox", name="With").press("Tab")
    panel.get_by_role("button", name="Run now").click()
    expect(panel.get_by_text("succeeded after").first).to_be_visible()
    expect(panel.get_by_role("link", name="executed.ipynb")).to_be_visible()
    expect(panel.get_by_role("status").get_by_text("Expect ")).to_be_visible()
    expect(panel.get_by_role("button", name="Run now")).to_have_accessible_description(
        re.compile(r"^Expect .*; seen once$")
    )
    _shot(page, "task_panel", folder / "task.png")


def _agent(page: Page, folder: Path) -> None:
    from playwright.sync_api import expect

    page.run("agent_editor")
    panel = page.code_cell("agent_editor")
    panel.get_by_role("textbox", name="Name").fill("analyst")
    panel.get_by_role("textbox", name="Name").press("Tab")
    expect(panel.get_by_text("Unsaved changes")).to_be_visible()
    _shot(page, "agent_editor", folder / "agent.png")
    panel.get_by_role("button", name="Save", exact=True).click()
    expect(panel.get_by_text("analyst is saved.")).to_be_visible()


def _shot(page: Page, source: str, path: Path) -> None:
    page.code_cell(source).screenshot(path=path)


def _notebook(sources: list[str]) -> nbformat.NotebookNode:
    v4: Any = nbformat.v4
    book: nbformat.NotebookNode = v4.new_notebook(cells=[v4.new_code_cell(s) for s in sources])
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return book
