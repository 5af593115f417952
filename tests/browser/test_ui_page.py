"""The dashboard's page as a person uses it: by mouse, by keyboard, in both themes, on a phone."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.conftest import Lab, Page, running_lab
from tests.browser.history import History

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.browser, pytest.mark.slow]
N_RUNS = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server of this file's own, whose figures no other test changes."""
    with running_lab(tmp_path_factory.mktemp("figures")) as lab:
        yield lab


@pytest.fixture(scope="module")
def history(server: Lab) -> History:
    """A week of runs of the server's owner."""
    asked = urllib.request.Request(  # noqa: S310 - our own address
        f"{server.url}/notebook-agents/aimos/api/auth/me",
        headers={"Authorization": f"Bearer {server.token}"},
    )
    with urllib.request.urlopen(asked) as reply:  # noqa: S310
        owner_id = json.load(reply)["id"]
    found = History(server.home, owner_id, datetime.now(UTC))
    found.write(N_RUNS)
    return found


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser complains about, and refused by the page's policy; nothing in the end."""
    found: list[str] = []

    def hear(message: Any) -> None:
        if message.type in ("error", "warning"):
            found.append(message.text)

    page.page.on("console", hear)
    page.page.on("pageerror", lambda error: found.append(str(error)))
    page.page.on("request", lambda request: page.requests.append(request.url))
    yield found
    assert found == []
    assert page.hosts() == {"127.0.0.1"}


@pytest.fixture
def web(page: Page, server: Lab, history: History, complaints: list[str]) -> Any:
    """The page, opened and read."""
    page.page.set_viewport_size({"width": 1400, "height": 1000})
    show(page.page, server)
    return page.page


def show(web: Any, server: Lab, query: str = "") -> None:
    web.goto(f"{server.url}/notebook-agents/ui/?token={server.token}{query}")
    web.locator(".tile, .empty").first.wait_for()


def card(web: Any, title: str) -> Any:
    return web.locator(".card").filter(has=web.get_by_role("heading", name=title))


def figure(web: Any, label: str) -> str:
    """A key figure."""
    return str(web.locator(".tile", has_text=label).locator("dd").inner_text())


def bar(within: Any) -> Any:
    """One that can be seen: a bar of nothing is as high as nothing."""
    return within.locator(".barlayer .point").filter(visible=True).first


def ratio(web: Any, selector: str) -> float:
    """The contrast between a text and what is behind it."""
    return float(web.locator(selector).first.evaluate(CONTRAST))


CONTRAST = """
(element) => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  let behind = element;
  while (behind && [0, undefined].includes(rgb(getComputedStyle(behind).backgroundColor)[3] ?? 1)) {
    behind = behind.parentElement;
  }
  const pair = [element, behind ?? document.body]
    .map((each, at) => getComputedStyle(each)[at ? "backgroundColor" : "color"])
    .map((text) => light(rgb(text)));
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}
"""


def test_figures_are_drawn_and_the_token_is_out_of_the_address(web: Any) -> None:
    from playwright.sync_api import expect

    assert "token" not in web.url
    assert figure(web, "runs") == str(N_RUNS)
    tokens = card(web, "Tokens over time")
    expect(bar(tokens)).to_be_visible()
    assert "Table shows its numbers" in tokens.locator(".plot").get_attribute("aria-label")
    last = web.locator(".card", has=web.get_by_role("heading", name="Requests by API"))
    last.scroll_into_view_if_needed()
    expect(bar(last)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_can_be_read(web: Any, scheme: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    web.emulate_media(color_scheme=scheme)
    expect(web.locator("html")).to_have_attribute("data-theme", scheme)
    card(web, "Tokens over time").locator(".xtick text").first.wait_for()
    for selector in (".tile dt", ".tile dd", ".card h3", ".about", ".looked", ".tools button"):
        assert ratio(web, selector) >= 4.5, selector
    ticks = web.locator(".plot .xtick text").first.evaluate("each => getComputedStyle(each).fill")
    assert ticks == web.locator("body").evaluate("each => getComputedStyle(each).color")
    web.screenshot(path=tmp_path / f"{scheme}.png")
    assert (tmp_path / f"{scheme}.png").stat().st_size > 20_000


def test_a_chosen_theme_holds_over_that_of_the_system(web: Any) -> None:
    web.emulate_media(color_scheme="light")
    web.get_by_label("Theme", exact=True).select_option("dark")
    assert web.locator("html").get_attribute("data-theme") == "dark"
    web.reload()
    web.locator(".tile").first.wait_for()
    assert web.locator("html").get_attribute("data-theme") == "dark"


def test_filters_stand_in_the_address_and_the_back_button_takes_them_away(web: Any) -> None:
    from playwright.sync_api import expect

    runs = web.locator(".tile", has_text="runs").locator("dd")
    web.get_by_label("Model", exact=True).select_option("tiny-agent")
    expect(runs).not_to_have_text(str(N_RUNS))
    assert "model=tiny-agent" in web.url
    fewer = runs.inner_text()
    web.reload()
    expect(runs).to_have_text(fewer)
    web.go_back()
    expect(runs).to_have_text(str(N_RUNS))


def test_a_click_on_a_bar_sets_its_filter(web: Any) -> None:
    from playwright.sync_api import expect

    notebook = card(web, "Runs by notebook").locator(".barlayer .point").last
    notebook.scroll_into_view_if_needed()
    notebook.click(force=True)
    expect(web).to_have_url(re.compile("notebook="))
    expect(web.get_by_role("button", name="Clear filters")).to_be_visible()


def test_a_query_is_changed_drawn_refused_and_reset(web: Any, complaints: list[str]) -> None:
    from playwright.sync_api import expect

    errors = card(web, "Errors by kind")
    errors.get_by_role("button", name="SQL").click()
    editor = errors.locator("textarea")
    expect(editor).to_be_focused()
    before = editor.input_value()
    editor.fill("SELECT 'mine' AS error, 'run' AS of, 42 AS times")
    editor.press("Control+Enter")
    expect(errors.locator(".ytick text").first).to_have_text("mine (run)")
    editor.fill("DROP TABLE events")
    errors.get_by_role("button", name="Run", exact=True).click()
    expect(errors.get_by_role("alert")).to_contain_text("SELECT")
    assert all("400" in text for text in complaints), complaints
    complaints.clear()  # the browser names an answer that is no success
    errors.get_by_role("button", name="Reset", exact=True).click()
    assert editor.input_value() == before
    above = errors.locator(".annotation-text")  # where names stand that are long
    expect(above.filter(has_text="engine_unavailable (run)")).to_be_visible()
    expect(errors.get_by_role("figure")).not_to_contain_text("mine (run)")


def test_numbers_are_there_as_a_table_and_as_files(web: Any, tmp_path: Path) -> None:
    tools = card(web, "Tools: how their calls ended")
    tools.get_by_role("button", name="Table").click()
    assert tools.locator("caption").inner_text() == "Tools: how their calls ended"
    assert tools.locator("tbody tr").count() == 5
    for kind, begins in (("CSV", b"tool,"), ("Parquet", b"PAR1")):
        with web.expect_download() as kept:
            tools.get_by_role("button", name=kind).click()
        kept.value.save_as(tmp_path / kind)
        assert (tmp_path / kind).read_bytes().startswith(begins)
        assert kept.value.suggested_filename == f"tools.{kind.lower()}"


def test_a_run_is_opened_linked_and_closed_by_keyboard(web: Any, history: History) -> None:
    from playwright.sync_api import expect

    newest = web.locator("[data-run]").first
    newest.focus()
    web.keyboard.press("Enter")
    dialog = web.get_by_role("dialog")
    expect(dialog.locator(".verdict")).to_contain_text("Most of the time")
    expect(bar(dialog)).to_be_visible()
    assert f"run={newest.get_attribute('data-run')}" in web.url
    web.reload()
    expect(web.get_by_role("dialog").locator(".verdict")).to_be_visible()
    web.keyboard.press("Escape")
    expect(web.get_by_role("dialog")).to_have_count(0)
    assert "run=" not in web.url


def test_every_control_is_reached_by_keyboard_and_shows_where_the_focus_is(web: Any) -> None:
    web.locator("body").focus()
    seen = []
    for _ in range(16):
        web.keyboard.press("Tab")
        found = web.evaluate(
            """() => {
              const at = document.activeElement;
              const name = at.labels?.[0]?.textContent || at.textContent || at.ariaLabel;
              return [name.slice(0, 30), getComputedStyle(at).outlineStyle];
            }"""
        )
        seen.append(found)
    names = [name for name, _ in seen]
    assert names[0] == "Skip to the figures"
    assert {"Refresh", "Live"} <= set(names)
    assert all(style != "none" for _, style in seen), seen


def test_a_phone_shows_everything_in_one_column(web: Any) -> None:
    web.set_viewport_size({"width": 360, "height": 780})
    widths = web.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]
    lefts = {round(box["x"]) for each in web.locator(".card").all() if (box := each.bounding_box())}
    assert len(lefts) == 1


def test_live_shows_what_happens_and_keeps_the_place(
    web: Any, server: Lab, history: History
) -> None:
    from playwright.sync_api import expect

    runs = web.locator(".tile", has_text="runs").locator("dd")
    before = int(runs.inner_text().replace(",", ""))
    open_sql = card(web, "Tokens over time").get_by_role("button", name="SQL")
    open_sql.click()
    web.mouse.wheel(0, 600)
    web.get_by_label("Live", exact=True).evaluate("each => each.click()")
    top = web.evaluate("() => scrollY")
    history.add_run(timedelta(minutes=1))
    expect(runs).to_have_text(str(before + 1))
    assert web.evaluate("() => scrollY") == top
    assert open_sql.get_attribute("aria-expanded") == "true"


def test_live_leaves_a_query_that_is_typed_and_not_run(
    web: Any, server: Lab, history: History
) -> None:
    from playwright.sync_api import expect

    runs = web.locator(".tile", has_text="runs").locator("dd")
    before = int(runs.inner_text().replace(",", ""))
    tokens = card(web, "Tokens over time")
    tokens.get_by_role("button", name="SQL").click()
    editor = tokens.locator("textarea")
    given = editor.input_value()
    editor.fill("SELECT 42 mine")
    web.get_by_label("Live", exact=True).check()
    history.add_run(timedelta(minutes=1))
    expect(runs).to_have_text(str(before + 1))
    assert editor.input_value() == "SELECT 42 mine"
    tokens.get_by_role("button", name="Reset", exact=True).click()
    assert editor.input_value() == given


def test_everybodys_queries_are_read_and_not_changed(web: Any) -> None:
    from playwright.sync_api import expect

    tokens = card(web, "Tokens over time")
    tokens.get_by_role("button", name="SQL").click()
    editor = tokens.locator("textarea")
    editor.fill("SELECT 42 mine")
    web.get_by_label("Runs", exact=True).select_option("true")
    expect(editor).not_to_be_editable()
    expect(editor).to_have_accessible_description(re.compile("choose your own runs"))
    expect(tokens.get_by_role("button", name="Run", exact=True)).to_be_hidden()
    with web.expect_download() as kept:
        tokens.get_by_role("button", name="CSV").click()
    assert kept.value.suggested_filename == "tokens.csv"
    web.get_by_label("Runs", exact=True).select_option("")
    expect(editor).to_be_editable()
    expect(editor).to_have_value("SELECT 42 mine")


def test_an_idle_server_is_asked_for_nothing_new(web: Any) -> None:
    from playwright.sync_api import expect

    # What the page began with may still be on its way; no look of Live is one of these.
    expect(web.locator("main")).not_to_have_attribute("aria-busy", "true")
    web.wait_for_load_state("networkidle")
    with web.expect_response(re.compile("/ui/api/board")) as answer:
        web.get_by_label("Live", exact=True).check()
    assert answer.value.status == 304


def test_a_server_that_is_gone_is_told_once_with_a_way_on(web: Any, complaints: list[str]) -> None:
    from playwright.sync_api import expect

    web.route("**/ui/api/board*", lambda route: route.abort())
    web.get_by_role("button", name="Refresh").click()
    alert = web.locator(".empty[role=alert]")
    expect(alert).to_contain_text("does not answer")
    assert web.locator(".tile").count() > 5
    complaints.clear()
    web.unroute("**/ui/api/board*")
    alert.get_by_role("button", name="Retry").click()
    expect(alert).to_have_count(0)


def test_a_time_without_runs_says_how_to_get_some(web: Any, server: Lab) -> None:
    show(web, server, "&model=nobody-uses-this")
    assert "%agent" in web.locator(".empty").inner_text()


def test_sequences_of_tools_are_found(web: Any) -> None:
    from playwright.sync_api import expect

    found = card(web, "Tools: what follows what")
    web.get_by_label("Sequences with").fill("web_search")
    web.get_by_role("button", name="Find").click()
    expect(web).to_have_url(re.compile("find=web_search"))
    expect(web.locator("main")).not_to_have_attribute("aria-busy", "true")
    found.get_by_role("button", name="Table").click()
    rows = found.locator("tbody tr").all_inner_texts()
    assert rows
    assert all("web_search" in row for row in rows)
