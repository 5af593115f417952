"""A plot that the agent's code made, as a person sees it, saves it and exports it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbconvert import HTMLExporter

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Lab, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REAL_TOOLS = """%load_ext notebook_agents
import tempfile, notebook_agents, pandas as pd
from pathlib import Path
from notebook_agents.core.clock import SystemClock
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.testing import ScriptedEngine, call, fake_core
from notebook_agents.tools.registry import Registry
sandbox = KernelSandbox(SandboxConfig(Path(tempfile.mkdtemp(prefix="nbt-"))))
code = "import plotly.express as px\\npx.histogram(df, x='temperature')"
engine = ScriptedEngine(call("python_executor", code=code), "Here is the histogram.")
notebook_agents.use_core(fake_core(
    engine=engine, tools=Registry.from_entry_points(sandbox), sandbox=sandbox, level="low",
    clock=SystemClock(), home=Path("workspaces")))
df = pd.DataFrame({"temperature": [15, 18, 18.5, 21, 21.5, 21.7, 22, 22.1, 24, 27]})"""
QUESTION = "plot a histogram of temperature in df"


def test_a_plot_is_drawn_below_the_answer_and_saved(lab: Lab, page: Page) -> None:
    from playwright.sync_api import expect

    path = lab.folder / "plot.ipynb"
    path.write_text(json.dumps(_notebook([REAL_TOOLS, f"%agent {QUESTION}"])))
    page.open(lab, "plot.ipynb")
    page.run("ScriptedEngine")
    page.run(QUESTION)
    outputs = page.code_cell(QUESTION).locator(".jp-OutputArea-output")
    expect(outputs.nth(0)).to_contain_text("Here is the histogram.")
    expect(outputs.nth(0)).to_contain_text("Figure 1: histogram of count by temperature")
    plot = page.code_cell(QUESTION).locator(".js-plotly-plot")
    expect(plot.locator(".xtitle")).to_have_text("temperature")
    expect(outputs).to_have_count(2)
    bars = plot.locator(".bars .point")
    assert bars.count() == 3
    bars.nth(1).hover(force=True)
    expect(plot.locator(".hoverlayer .hovertext")).to_contain_text("count=", timeout=10_000)
    buttons = plot.locator(".modebar-btn")
    titles = [button.get_attribute("data-title") for button in buttons.all()]
    assert "Download plot as a PNG" in titles
    assert "Share chart..." not in titles
    saved = _save(page, path)
    deadline = time.monotonic() + 20
    while "image/png" not in saved.cells[1].outputs[1].data and time.monotonic() < deadline:
        saved = _save(page, path)  # JupyterLab adds the picture a moment after it has drawn
    assert [set(output.data) for output in saved.cells[1].outputs] == [
        {"text/markdown", "text/plain"},
        {"application/vnd.plotly.v1+json", "image/png", "text/plain"},
    ]
    exporter: Any = HTMLExporter
    html, _ = exporter().from_notebook_node(saved)
    assert "Figure 1: histogram of count by temperature" in html
    assert "data:image/png;base64," in html
    assert page.hosts() <= {"127.0.0.1", "localhost"}


def _save(page: Page, path: Path) -> nbformat.NotebookNode:
    """The notebook as it is on the disk after the person has saved it."""
    with page.page.expect_response(lambda answer: answer.request.method == "PUT") as saving:
        page.page.keyboard.press("Control+s")
    assert saving.value.ok
    book: nbformat.NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return book


def _notebook(sources: list[str]) -> nbformat.NotebookNode:
    v4: Any = nbformat.v4
    book: nbformat.NotebookNode = v4.new_notebook(cells=[v4.new_code_cell(s) for s in sources])
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return book
