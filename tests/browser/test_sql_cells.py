"""SQL in a cell of JupyterLab: the Tab key knows columns, and cells are recorded by their id."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Lab, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TAB_ATTEMPTS, TAB_TIMEOUT_MS = 10, 5_000
CELLS = {
    "recording": "%load_ext notebook_agents\n%agent record on",
    "failing": "1 / 0",
    "asking": "%agent sql SELECT cell_id, last_error_type FROM v_cells WHERE errors = 1",
    "typing": "%%agent_sql\nSELECT r.cell_id, r.last_ FROM v_cells AS r",
}


def test_the_tab_key_knows_columns_and_cells_have_their_own_ids(lab: Lab, page: Page) -> None:
    from playwright.sync_api import expect

    (lab.folder / "sql.ipynb").write_text(json.dumps(_notebook()))
    page.open(lab, "sql.ipynb")
    page.run("record on")
    page.run("1 / 0")
    # What waits while a cell fails is not run.
    expect(page.output("1 / 0")).to_contain_text("division by zero")
    page.run("%agent sql")
    table = page.code_cell("%agent sql").locator(".jp-OutputArea-output table")
    expect(table.locator("tbody td").nth(0)).to_have_text("failing")
    expect(table.locator("tbody td").nth(1)).to_have_text("ZeroDivisionError")
    line = page.code_cell("%%agent_sql").locator(".cm-line").nth(1)
    line.click()
    page.page.keyboard.press("Home")
    for _ in range(len("SELECT r.cell_id, r.last_")):
        page.page.keyboard.press("ArrowRight")
    offered = _offered(page)
    expect(offered).to_have_count(3)
    expect(offered.nth(0)).to_contain_text("last_error_type")
    expect(offered.nth(0)).to_contain_text("column")
    page.page.keyboard.press("Enter")
    expect(line).to_have_text("SELECT r.cell_id, r.last_error_type FROM v_cells AS r")
    page.execute(page.code_cell("%%agent_sql"))
    answer = page.code_cell("%%agent_sql").locator(".jp-OutputArea-output table tbody")
    expect(answer).to_contain_text("ZeroDivisionError")


def _offered(page: Page) -> Any:
    """What the Tab key offers; pressed again where the kernel was busy for the second of a try."""
    from playwright.sync_api import expect

    offered = page.page.locator(".jp-Completer-item")
    for left in reversed(range(TAB_ATTEMPTS)):
        page.page.keyboard.press("Tab")
        try:
            expect(offered).not_to_have_count(0, timeout=TAB_TIMEOUT_MS)
        except AssertionError:
            if not left:
                raise
        else:
            break
    return offered


def _notebook() -> dict[str, Any]:
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    for id, source in CELLS.items():
        cell = nbformat.v4.new_code_cell(source, id=id)  # type: ignore[no-untyped-call]
        notebook.cells.append(cell)
    found: dict[str, Any] = notebook
    return found
