"""A notebook with a dashboard after nbconvert: pictures and tables, which need nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from tests.browser.charts import SETUP, notebook

if TYPE_CHECKING:
    from pathlib import Path

    import nbformat
    from tests.browser.conftest import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
N_CHARTS = 20
ATTENDED = "get_ipython().kernel._allow_stdin = True\n"
"""Somebody could use the dashboard, so that a widget goes with the copy."""
STYLE_OF_A_PANEL = """
dashboard = notebook_agents.dashboard(1)
print(dashboard.children[0].value)"""
IS_LIGHT = """
(element, name) => {
  const [r, g, b] = getComputedStyle(element)[name].match(/[\\d.]+/g).map(Number);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 128;
}
"""


@pytest.fixture(scope="module")
def saved() -> nbformat.NotebookNode:
    """A notebook with a dashboard, as it is saved with the state of its widgets."""
    book = notebook([SETUP, f"{ATTENDED}notebook_agents.dashboard(1)", STYLE_OF_A_PANEL])
    client: Any = NotebookClient(book, kernel_name="python3", timeout=120)
    client.execute()
    return book


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_of_nbconvert_has_pictures_and_tables(
    saved: nbformat.NotebookNode, page: Page, theme: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    web = page.page
    copy = _shown(saved, web, theme, tmp_path)
    expect(copy).to_be_visible()
    pictures = copy.locator("svg[role=img]")
    assert pictures.count() >= N_CHARTS
    assert copy.get_by_role("table").count() > N_CHARTS
    expect(pictures.first).to_have_attribute("aria-label", "Tokens over time, by model (UTC)")
    assert "Error displaying widget" not in web.locator("body").inner_text()
    text = pictures.first.locator("text").first
    assert text.evaluate(IS_LIGHT, "fill") == (theme == "dark")
    assert web.locator("body").evaluate(IS_LIGHT, "backgroundColor") == (theme == "light")
    web.screenshot(path=tmp_path / "page.png", full_page=True)


def test_a_saved_panel_without_a_kernel_gives_way_to_its_copy(
    saved: nbformat.NotebookNode, page: Page, tmp_path: Path
) -> None:
    """As nbconvert's page draws it where the state of widgets was saved and a network is there."""
    from playwright.sync_api import expect

    web = page.page
    copy = _shown(saved, web, "light", tmp_path)
    style = "".join(output.text for output in saved.cells[2].outputs)
    marker = copy.get_attribute("class").split()[-1]
    told = style[style.index("notebook-agents-static-") :].split()[0]
    panel = f'<div id="panel" class="jupyter-widgets notebook-agents-panel">{style}</div>'
    web.evaluate(
        "html => document.body.insertAdjacentHTML('beforeend', html)", panel.replace(told, marker)
    )
    expect(copy).to_be_visible()
    expect(web.locator("#panel")).to_be_hidden()
    web.evaluate("() => document.body.classList.remove('jp-Notebook')")  # as in JupyterLab
    expect(copy).to_be_hidden()
    expect(web.locator("#panel")).to_be_visible()


def _shown(saved: nbformat.NotebookNode, web: Any, theme: str, folder: Path) -> Any:
    """The copy in a page that reaches no network."""
    exporter: Any = HTMLExporter
    html, _ = exporter(theme=theme).from_notebook_node(saved)
    (folder / "saved.html").write_text(html)
    own = (folder / "saved.html").as_uri()
    web.route(
        "**/*", lambda route: route.continue_() if route.request.url == own else route.abort()
    )
    web.goto(own)
    return web.locator(".notebook-agents-static").first
