"""What a panel leaves in a notebook: with somebody in front of it, and with nobody."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from notebook_agents.dashboards.tables import Table, download

if TYPE_CHECKING:
    from pathlib import Path

SETUP = """%load_ext notebook_agents
import notebook_agents
from pathlib import Path
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.clock import SystemClock
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import call, fake_core
home = Path("home").absolute()
core = fake_core(
    call("python_executor", code="1"), "Done", clock=SystemClock(), home=home / "w",
    event_log=JsonlEventLog(home), analytics=EventAnalytics(EventFiles(home)))
notebook_agents.use_core(core)"""
CLICKED = """import asyncio
panel = notebook_agents.tool_panel("python_executor")
panel.form.fields["code"].control.value = "6*7"
panel.run.click()
while panel.run.disabled:
    await asyncio.sleep(0.01)
print(panel.results[0].status, panel.results[0].content)"""
SHOWN = "get_ipython().kernel._allow_stdin = True\nnotebook_agents.run_inspector()"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """A notebook after it ran with nobody there."""
    folder = tmp_path_factory.mktemp("book")
    v4: Any = nbformat.v4
    cells = [SETUP, "%agent compute", "%agent dashboard", CLICKED, SHOWN]
    made: nbformat.NotebookNode = v4.new_notebook(cells=[v4.new_code_cell(c) for c in cells])
    client: Any = NotebookClient(
        made, kernel_name="python3", resources={"metadata": {"path": str(folder)}}, timeout=60
    )
    client.execute()
    return made


def test_with_nobody_there_the_copy_is_all(book: nbformat.NotebookNode) -> None:
    (output,) = book.cells[2].outputs
    assert set(output.data) == {"text/html", "text/plain"}
    assert "runs 1" in output.data["text/plain"]
    assert "python_executor" in output.data["text/html"]


def test_nbconvert_shows_totals_pictures_and_tables(book: nbformat.NotebookNode) -> None:
    exporter: Any = HTMLExporter
    html, _ = exporter().from_notebook_node(book)
    assert "Tokens over time, by model (UTC)</caption>" in html
    assert "Newest runs (times in UTC)</caption>" in html
    assert 'aria-label="Tokens over time, by model (UTC)"' in html


def test_a_button_works_on_the_loop_of_a_kernel(book: nbformat.NotebookNode) -> None:
    assert book.cells[3].outputs[0].text == "succeeded ran: 6*7\n"


def test_with_somebody_there_a_copy_goes_with_the_panel(book: nbformat.NotebookNode) -> None:
    panel, copy = book.cells[4].outputs
    assert WIDGET in panel.data
    assert "run_finished" in copy.data["text/html"]
    assert WIDGET not in copy.data


def test_importing_the_package_and_its_magics_loads_no_widgets(tmp_path: Path) -> None:
    code = (
        "import sys, notebook_agents\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "notebook_agents.load_ipython_extension(InteractiveShell())\n"
        "print(sorted({'ipywidgets', 'plotly', 'anywidget'} & set(sys.modules)))"
    )
    env = {"IPYTHONDIR": str(tmp_path), "PATH": ""}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "[]\n"


def test_what_a_table_shows_is_escaped_and_spreadsheets_get_no_formulas() -> None:
    table = Table(
        caption="<i>",
        columns=("name", "times"),
        rows=(("<script>", 2), ("=1+1", 1), ("", None)),
        bar="times",
    )
    html = table.as_html()
    assert "<script>" not in html
    assert "<i>" not in html
    assert "█" * 12 in html
    assert table.as_csv() == "name,times\n<script>,2\n'=1+1,1\n,\n"
    assert table.as_text().splitlines()[1] == "name      times"
    assert Table(caption="None", columns=()).as_text() == "None: Nothing yet."
    assert 'download="a&quot;.csv"' in download('a".csv', "x", "text/csv", "CSV")
