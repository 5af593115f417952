"""The dashboard in JupyterLab and Notebook 7, as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.charts import (
    BOARD,
    SCREEN,
    SETUP,
    board_in_notebook,
    card_of,
    click_bar,
    notebook,
)

if TYPE_CHECKING:
    from tests.browser.conftest import Lab, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AGAIN = "%agent one run later"


def test_the_dashboard_is_used_in_jupyterlab(lab: Lab, page: Page, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    board = board_in_notebook(lab, page, AGAIN)
    expect(board.locator(".na-tiles").first).to_contain_text("12runs")
    expect(board.locator(".js-plotly-plot")).not_to_have_count(0)
    expect(board.locator(".js-plotly-plot .ytitle").first).to_have_text(
        "tokens, in and out",
    )
    _look_at_all(page, board)
    _shot(page, board, tmp_path / "light.png")
    _edit(board)
    _download(page, board)
    _stay_fresh(page, board)
    _click_through(page, board)
    page.page.keyboard.press("Control+Shift+c")
    page.page.locator(".lm-CommandPalette-input").fill("theme dark")
    page.page.locator(".lm-CommandPalette-item", has_text="JupyterLab Dark").first.click()
    expect(page.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    _look_at_all(page, board)
    _shot(page, board, tmp_path / "dark.png")
    assert page.hosts() <= {"127.0.0.1", "localhost"}


def test_the_dashboard_is_drawn_in_notebook_7(lab: Lab, page: Page, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    (lab.folder / "board.ipynb").write_text(json.dumps(notebook([SETUP, BOARD])))
    page.page.set_viewport_size(SCREEN)
    page.open_in_notebook_7(lab, "board.ipynb")
    page.run("fake_core")
    expect(page.code_cell("fake_core")).to_contain_text("recorded")
    page.run("board =")
    board = page.code_cell("board =")
    expect(board.locator(".na-tiles").first).to_contain_text("12runs")
    expect(board.locator(".js-plotly-plot .ytitle").first).to_have_text(
        "tokens, in and out",
    )
    board.screenshot(path=tmp_path / "notebook_7.png")
    assert page.hosts() <= {"127.0.0.1", "localhost"}


def _look_at_all(page: Page, board: Any) -> None:
    """Scroll to every chart, since one is drawn when it comes into sight."""
    from playwright.sync_api import expect

    plots = board.locator(".na-plot:visible")
    assert plots.count() >= 20
    for plot in plots.all():
        plot.scroll_into_view_if_needed()
        expect(plot.locator(".main-svg").first).to_be_visible()


def _shot(page: Page, board: Any, path: Path) -> None:
    """A picture of the whole board, which is higher than a screen."""
    page.page.set_viewport_size({"width": 1300, "height": 6000})
    page.page.wait_for_function("() => document.querySelectorAll('.na-plot .main-svg').length > 40")
    board.screenshot(path=path)
    page.page.set_viewport_size(SCREEN)


def _edit(board: Any) -> None:
    from playwright.sync_api import expect

    card = card_of(board, "Where the time went")
    card.get_by_role("button", name="SQL").click()
    expect(card.get_by_text("$since =")).to_be_visible()
    text = card.locator("textarea")
    text.fill("SELECT 'decode' AS phase, 7 AS seconds, 100 AS percent")
    text.press("Tab")
    card.get_by_role("button", name="Run", exact=True).click()
    expect(card.get_by_text("Most of the time went into decode: 100 %.")).to_be_visible()
    card.get_by_role("button", name="Reset", exact=True).click()
    card.get_by_role("button", name="SQL").click()


def _download(page: Page, board: Any) -> None:
    card = card_of(board, "Runs by source")
    with page.page.expect_download() as saving:
        card.get_by_role("link", name="CSV").click()
    assert saving.value.suggested_filename == "sources.csv"
    with page.page.expect_download() as saving:
        card.get_by_role("button", name="Parquet").click()
    assert saving.value.suggested_filename == "sources.parquet"
    assert Path(saving.value.path()).read_bytes()[:4] == b"PAR1"


def _stay_fresh(page: Page, board: Any) -> None:
    """A run of another cell shows by itself, and the charts are the same elements as before."""
    from playwright.sync_api import expect

    first = board.locator(".js-plotly-plot").first
    first.evaluate("plot => { plot.dataset.mine = 'yes'; }")
    page.run("one run later")
    expect(page.code_cell("one run later")).to_contain_text("Once more.")
    board.locator(".na-tiles").first.scroll_into_view_if_needed()
    expect(board.locator(".na-live")).to_have_attribute("data-state", "running")
    expect(board.locator(".na-tiles").first).to_contain_text("13runs")
    expect(first).to_have_attribute("data-mine", "yes")
    board.get_by_label("Live").uncheck()
    expect(board.locator(".na-live")).to_have_attribute("data-state", "resting")


def _click_through(page: Page, board: Any) -> None:
    from playwright.sync_api import expect

    card = card_of(board, "Errors by kind")
    click_bar(page, card)
    expect(board.get_by_role("alert")).to_contain_text("run")  # only recorded
    card = card_of(board, "Tokens over time, by model (UTC)")
    click_bar(page, card)
    expect(board.locator(".na-tiles").first).not_to_contain_text("13runs")
    board.get_by_role("button", name="Clear").click()
    expect(board.locator(".na-tiles").first).to_contain_text("13runs")
