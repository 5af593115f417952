"""The quick-start notebook as a person meets it: in JupyterLab, in a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Lab, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCRIPTED = """%load_ext notebook_agents
import asyncio, notebook_agents
from pathlib import Path
from notebook_agents.core.clock import SystemClock
from notebook_agents.testing import ScriptedEngine, fake_core
class Slow(asyncio.Event):
    async def wait(self):
        await asyncio.sleep(0.1)
engine = ScriptedEngine(" ".join(f"word{i}" for i in range(300)))
engine.gate = Slow()
core = fake_core(engine=engine, clock=SystemClock(), home=Path("workspaces"))
notebook_agents.use_core(core)"""


def test_the_quick_start_notebook_runs_and_nothing_leaves_the_machine(
    lab: Lab, page: Page, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    page.open(lab, "quickstart.ipynb")
    page.run_all()
    expect(page.output("12345*6789")).to_contain_text("83810205", timeout=90_000)
    expect(page.output("12345*6789")).to_contain_text("(built-in demo model) · ")
    expect(page.output("revenue by region")).to_contain_text("1 tool")
    expect(page.output("first 3 lines")).to_contain_text("1 tool")
    expect(page.output("FROM v_tools")).to_contain_text("python_executor")
    page.code_cell("12345*6789").locator("summary").click()
    expect(page.output("12345*6789").locator("pre").first).to_contain_text("print(12345*6789)")
    page.page.mouse.move(2, 400)
    picture = tmp_path / "quickstart.png"
    page.page.screenshot(path=str(picture))
    assert picture.stat().st_size > 20_000
    if keep := request.config.getoption("--screenshot", default=None):
        Path(keep).parent.mkdir(parents=True, exist_ok=True)
        Path(keep).write_bytes(picture.read_bytes())
    first = [text for text in page.seen_texts() if "12345" in text or "…" in text]
    assert first[0].startswith("Starting…")
    assert page.hosts() <= {"127.0.0.1", "localhost"}


def test_an_answer_grows_in_the_cell_and_stop_keeps_what_was_written(lab: Lab, page: Page) -> None:
    from playwright.sync_api import expect

    cells = [SCRIPTED, "%agent tell me something long", "%agent and then?"]
    (lab.folder / "long.ipynb").write_text(json.dumps(_notebook(cells)))
    page.open(lab, "long.ipynb")
    page.run("ScriptedEngine")
    page.run("something long")
    output = page.output("something long")
    expect(output).to_contain_text("word12")
    page.page.get_by_role("button", name="Interrupt the kernel").click()
    expect(output).to_contain_text("stopped")
    expect(output).to_contain_text("word12")
    expect(output).not_to_contain_text("word299")
    lengths = [text.count("word") for text in page.seen_texts() if text.startswith("word")]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) >= 3
    expect(
        page.code_cell("something long").locator(".jp-OutputArea-output").nth(1)
    ).to_contain_text("Stopped")
    page.run("and then?")
    expect(page.output("and then?")).to_contain_text("You said: and then?")


def _notebook(sources: list[str]) -> nbformat.NotebookNode:
    v4 = nbformat.v4
    book: nbformat.NotebookNode = v4.new_notebook(cells=[v4.new_code_cell(s) for s in sources])  # type: ignore[no-untyped-call]
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return book
