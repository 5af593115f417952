"""What front ends without our widgets show: VS Code, Colab, GitHub, and whatever comes.

They take the richest representation that they know. So beside each view of a widget there must be
HTML or Markdown, and text, that say everything and need neither script nor network.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

TAG = re.compile(r"</?(?:p|div|table|b|pre|details)\b")
VIEW = "application/vnd.jupyter.widget-view+json"
SETUP = """%load_ext notebook_agents
import notebook_agents
from pathlib import Path
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.clock import SystemClock
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import call, fake_core
home = Path("home").absolute()
core = fake_core(
    call("python_executor", code="6*7"), "It is **42**.", clock=SystemClock(), home=home / "w",
    event_log=JsonlEventLog(home), analytics=EventAnalytics(EventFiles(home)),
    timetable=CronTimetable())
notebook_agents.use_core(core)"""
SOMEBODY = "get_ipython().kernel._allow_stdin = True\n"
"""Panels show their widgets where somebody could use them."""
SHOWN = {
    "an answer": ("%agent compute", ("42", "python_executor", "6*7")),
    "facts": ("%agent status", ("Model", "notebook-agents/tiny")),
    "help": ("%agent help", ("%agent", "undo")),
    "a chat panel": (
        "notebook_agents.agents.conversations()[0].chat()",
        ("compute", "42", "6*7"),
    ),
    "a conversation": ("notebook_agents.agents.conversations()[0]", ("compute",)),
    "a dashboard": ("%agent dashboard", ("Agent runs", "python_executor", "Tokens over time")),
    "a tool panel": ("notebook_agents.tool_panel('python_executor')", ("python_executor", "code")),
    "a run inspector": ("notebook_agents.run_inspector()", ("run_finished", "42")),
    "a task panel": ("notebook_agents.task_panel()", ("task",)),
    "an agent editor": ("notebook_agents.agent_editor()", ("notebook",)),
}


class Reader(HTMLParser):
    """What a page says, and whether it would do more than say it."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.active: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "link", "form"):
            self.active.append(tag)
        for name, value in attributes:
            outside = name in ("src", "href") and not (value or "").startswith(("data:", "#"))
            if name.startswith("on") or outside:
                self.active.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The outputs of each cell by its name, as they would be saved."""
    folder = tmp_path_factory.mktemp("book")
    v4: Any = nbformat.v4
    sources = [SETUP, *(SOMEBODY + source for source, _ in SHOWN.values())]
    book = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    where = {"metadata": {"path": str(folder)}}
    client: Any = NotebookClient(book, kernel_name="python3", resources=where, timeout=60)
    client.execute()
    cells = zip(SHOWN, book.cells[1:], strict=True)
    return {name: list(cell.outputs) for name, cell in cells}


@pytest.mark.parametrize("name", list(SHOWN))
def test_it_is_complete_and_readable_without_widgets(
    outputs: dict[str, list[Any]], name: str
) -> None:
    static = [output["data"] for output in outputs[name] if VIEW not in output.get("data", {VIEW})]
    assert static, outputs[name]
    rich = "\n".join(data.get("text/html") or data["text/markdown"] for data in static)
    plain = "\n".join(data["text/plain"] for data in static)
    reader = Reader()
    reader.feed(rich)
    assert reader.active == []
    for word in SHOWN[name][1]:
        assert word in "".join(reader.words), rich
        assert word in plain
    assert TAG.search(plain) is None


def test_a_view_that_cannot_be_drawn_says_where_to_look(outputs: dict[str, list[Any]]) -> None:
    views = [
        output["data"]["text/plain"]
        for each in outputs.values()
        for output in each
        if VIEW in output.get("data", ())
    ]
    assert len(views) == 6
    assert all("below" in text for text in views), views
