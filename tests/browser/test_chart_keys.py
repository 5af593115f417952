"""Charts without a mouse, on the server's page and in a notebook: the same keys do the same."""

from __future__ import annotations

import json
import re
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.charts import board_in_notebook, card_of
from tests.browser.conftest import Lab, Page, running_lab
from tests.browser.history import History

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ANSWER = "answer = get_ipython().run_line_magic('agent', 'one run later')"
OPEN = "board.follow({'run_id': answer.run_id})"
N_CHARTS = 18
"""So many of the board's charts have something to show in the recorded week, at least."""
N_SHOWN = 6
"""Charts of a notebook that are tried, where the script is that of the page."""


@pytest.fixture
def web(page: Page, tmp_path: Path) -> Iterator[Any]:
    """The page of a server of its own, with a week of runs."""
    with running_lab(tmp_path) as server:
        asked = urllib.request.Request(  # noqa: S310 - our own address
            f"{server.url}/notebook-agents/aimos/api/auth/me",
            headers={"Authorization": f"Bearer {server.token}"},
        )
        with urllib.request.urlopen(asked) as reply:  # noqa: S310
            owner_id = json.load(reply)["id"]
        History(server.home, owner_id, datetime.now(UTC)).write(60)
        page.page.set_viewport_size({"width": 1400, "height": 1000})
        page.page.goto(f"{server.url}/notebook-agents/ui/?token={server.token}")
        yield page.page


def test_every_chart_of_the_page_is_used_by_keyboard(web: Any, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    main = web.locator("main")
    expect(main.get_by_role("heading", name="Webhooks")).to_be_visible()
    expect(main).not_to_have_attribute("aria-busy", "true")
    _reach_all(main.locator(".plot"))
    card = web.locator(".card", has=web.get_by_role("heading", name="Runs by source"))
    chart = _enter(card)
    web.screenshot(path=tmp_path / "page.png")
    chart.press("Enter")
    expect(web).to_have_url(re.compile("source="))
    expect(web.get_by_role("button", name="Clear filters")).to_be_visible()
    expect(chart).to_be_focused()
    errors = web.locator(".card", has=web.get_by_role("heading", name="Errors by kind"))
    web.get_by_role("button", name="Clear filters").press("Enter")
    expect(web).not_to_have_url(re.compile("source="))
    expect(main).not_to_have_attribute("aria-busy", "true")
    _enter(errors).press("Enter")
    expect(web.get_by_role("dialog").get_by_role("application")).to_be_visible()


def test_charts_of_the_notebook_are_used_by_keyboard(lab: Lab, page: Page, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    board = board_in_notebook(lab, page)
    tiles = board.locator(".na-tiles").first
    expect(tiles).to_contain_text("12runs")
    _reach_all(board.locator(".na-plot:visible"), N_SHOWN)
    chart = _enter(card_of(board, "Tokens over time, by model (UTC)"))
    page.page.screenshot(path=tmp_path / "notebook.png")
    chart.press("Enter")
    expect(tiles).not_to_contain_text("12runs")
    expect(chart).to_be_focused()
    assert page.page.locator(".jp-Notebook.jp-mod-editMode").count() == 0
    _refuse(board)
    page.page.keyboard.press("Control+Shift+c")  # JupyterLab's own keys are left to it
    expect(page.page.locator(".lm-CommandPalette-input")).to_be_visible()


def test_a_run_that_is_opened_gets_the_focus_and_gives_it_back(lab: Lab, page: Page) -> None:
    from playwright.sync_api import expect

    board = board_in_notebook(lab, page, ANSWER, OPEN)
    expect(board.locator(".na-tiles").first).to_contain_text("12runs")
    page.run("one run later")
    expect(page.code_cell("one run later")).to_contain_text("Once more.")
    page.code_cell("board.follow").locator(".cm-content").first.click()
    page.page.keyboard.press("Control+Enter")
    heading = board.get_by_role("heading", name="Run", exact=True)
    expect(heading).to_be_focused()
    expect(heading).to_be_in_viewport()
    timeline = board.get_by_role("application", name=re.compile("Timeline of the run"))
    expect(timeline.locator(".main-svg").first).to_be_visible()
    timeline.press("Home")
    expect(timeline.get_by_role("status")).to_have_text(re.compile("seconds"))
    board.get_by_role("button", name="Close", exact=True).press("Enter")
    expect(heading).to_have_count(0)
    assert page.page.evaluate("document.activeElement !== document.body")


def _refuse(board: Any) -> None:
    """A run of which only the events are left is said to be gone beside its chart."""
    from playwright.sync_api import expect

    board.get_by_role("button", name="Clear").click()
    card = card_of(board, "Errors by kind")
    chart = card.get_by_role("application")
    chart.scroll_into_view_if_needed()
    expect(card.locator(".bars .point").filter(visible=True).first).to_be_visible()
    chart.press("Home")
    chart.press("Enter")
    expect(card.get_by_role("alert")).to_contain_text("run")
    expect(chart).to_be_focused()


def _reach_all(plots: Any, n_wanted: int | None = None) -> None:
    """Each chart, or the first ones, tells one of its points, which lies in it."""
    from playwright.sync_api import expect

    assert plots.count() >= N_CHARTS
    for plot in plots.all()[:n_wanted]:
        plot.scroll_into_view_if_needed()
        expect(plot.locator(".main-svg").first).to_be_visible()
        chart = plot.get_by_role("application")
        assert "Arrow keys" in chart.get_attribute("aria-label")
        chart.press("End")
        expect(chart.get_by_role("status")).to_have_text(re.compile(r"\d"))
        chart.press("Escape")
        expect(chart.get_by_role("status")).to_be_hidden()


def _enter(card: Any) -> Any:
    """Come to a chart with the Tab key, go to a point, away from it, and back."""
    from playwright.sync_api import expect

    card.get_by_role("button", name="Table").focus()
    card.page.keyboard.press("Shift+Tab")  # to plotly's buttons, one stop for all
    card.page.keyboard.press("ArrowRight")
    expect(card.get_by_role("toolbar").get_by_role("button").nth(1)).to_be_focused()
    card.page.keyboard.press("ArrowLeft")
    card.page.keyboard.press("Shift+Tab")
    chart = card.get_by_role("application")
    expect(chart).to_be_focused()
    status = chart.get_by_role("status")
    chart.press("ArrowRight")
    first = status.inner_text()
    assert re.search(r"\d.*Enter (filters|opens the run)", first)
    for there, back in (("ArrowDown", "ArrowUp"), ("ArrowRight", "ArrowLeft")):
        chart.press(there)
        chart.press(back)
    expect(status).to_have_text(first)
    chart.press("Escape")
    expect(status).to_be_hidden()
    expect(chart).to_be_focused()
    chart.press("Home")
    expect(status).to_have_text(first)
    expect(status).to_be_visible()
    return chart
