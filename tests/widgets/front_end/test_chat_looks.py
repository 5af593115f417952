"""The panel in light, dark and forced colours: words can be read, states are not colour alone."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import ChatPage, as_approval, text_message

pytestmark = pytest.mark.browser

FENCE = "```"
ANSWER = f"""# Sales by month

The frame `df` has **980** rows; see [the guide](https://pandas.pydata.org).

- first
- second

| month | sales |
|---|---|
| May | 12 |

{FENCE}python
@cache
def mean(df: pd.DataFrame) -> float:  # of all rows
    return df["sales"].mean() + 1.5 if df is not None else None
{FENCE}
"""
CONTRASTS = """() => {
  const parse = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const bad = [];
  const panel = document.querySelector(".na-chat");
  const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("option, .na-offscreen")) continue;
    const a = light(parse(getComputedStyle(element).color)), b = light(ground(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push([ratio.toFixed(2), element.className, walker.currentNode.data]);
  }
  return bad;
}"""
TOOLS: list[dict[str, Any]] = [
    {"id": "t1", "type": "tool", "name": "inspect_variable", "status": "succeeded"}
    | {"duration_ms": 40, "output": "ok", "summary": "df"},
    {"id": "t2", "type": "tool", "name": "file_reader", "status": "failed", "error": "not found"},
    {"id": "t3", "type": "tool", "name": "run_in_notebook", "status": "running"},
]


def show_everything(chat: ChatPage) -> None:
    footer = {"model": "tiny", "seconds": 3.2, "input_tokens": 1240, "output_tokens": 310}
    undo = {"label": "Undo 2 changes", "state": "offered"}
    tools = {"id": "a2", "role": "assistant", "state": "running", "blocks": TOOLS}
    chat.snapshot(
        messages=[
            text_message("u1", "How do sales look?", "user"),
            text_message("a1", ANSWER, footer=footer | {"tokens_per_s": 42}, undo=undo),
            text_message("u2", "Hide this", "user", is_hidden=True),
            tools,
            as_approval(),
        ],
        run={"state": "waiting", "phase": "Waiting for your approval…", "run_id": "r"},
        queue=[{"id": "q", "text": "and then plot it"}],
        attachments=[{"id": "f", "label": "sales.csv", "kind": "file", "tokens": 310}],
        notice={"level": "warning", "text": "The kernel was restarted."},
        header={"model": "tiny", "mode": "full", "context_used": 7000, "context_limit": 8192}
        | {"modes": [{"id": "full", "label": "Full", "hint": "All runs.", "is_risky": True}]}
        | {"models": [{"id": "tiny", "label": "tiny"}], "cost_usd": 0.0123, "input_tokens": 9},
    )
    chat.page.locator(".na-tool summary").nth(1).click()
    chat.page.set_viewport_size({"width": 900, "height": 1900})
    frame = "e => { e.style.height = '1800px'; e.style.maxHeight = 'none'; }"
    chat.page.locator(".na-frame").evaluate(frame)
    chat.settle()


def set_theme(chat: ChatPage, name: str) -> None:
    colours = {"light": "#ffffff", "dark": "#111111"}[name]
    chat.page.evaluate("colour => { document.body.style.background = colour; }", colours)
    is_light = "true" if name == "light" else "false"
    chat.page.evaluate("value => { document.body.dataset.jpThemeLight = value; }", is_light)
    chat.settle()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_words_have_enough_contrast(chat: ChatPage, theme: str) -> None:
    show_everything(chat)
    set_theme(chat, theme)
    chat.picture(f"everything-{theme}")
    assert chat.page.locator(".na-root").get_attribute("data-theme") == theme
    assert chat.page.evaluate(CONTRASTS) == []


def test_forced_colours_keep_every_state_in_words_and_outlines(chat: ChatPage) -> None:
    chat.page.emulate_media(forced_colors="active")
    show_everything(chat)
    chat.picture("everything-forced-colours")
    text = chat.page.locator(".na-chat").inner_text()
    for said in (
        "done",
        "failed",
        "running",
        "Denied by itself",
        "queued",
        "hidden from the model",
    ):
        assert said in text
    chat.page.locator(".na-prompt").focus()
    outline = "e => getComputedStyle(e).outlineStyle"
    assert chat.page.locator(".na-prompt").evaluate(outline) == "solid"


def test_nothing_moves_for_people_who_want_less_motion(chat: ChatPage) -> None:
    chat.page.emulate_media(reduced_motion="reduce")
    show_everything(chat)
    moving = "() => document.getAnimations().length"
    assert chat.page.evaluate(moving) == 0
    chat.page.emulate_media(reduced_motion="no-preference")
    assert chat.page.evaluate(moving) > 0


def test_controls_have_names_and_answers_are_said_in_pieces(chat: ChatPage) -> None:
    show_everything(chat)
    nameless = """() => [...document.querySelectorAll(
        ".na-chat button, .na-chat select, .na-chat textarea, .na-chat input:not([hidden])")]
      .filter(each => !(each.getAttribute("aria-label") || each.textContent).trim()).length"""
    assert chat.page.evaluate(nameless) == 0
    # Who speaks to the computer says what is read on a button.
    misnamed = """() => [...document.querySelectorAll(".na-chat button[aria-label]")]
      .map(each => [each.getAttribute("aria-label"), each.innerText.trim()])
      .filter(([name, text]) => !name.toLowerCase().includes(text.toLowerCase()))"""
    assert chat.page.evaluate(misnamed) == []
    chat.page.evaluate(
        """() => { window.said = [];
        const region = document.querySelector(".na-chat [aria-live=polite]");
        new MutationObserver(() => window.said.push(region.textContent))
          .observe(region, {childList: true}); }"""
    )
    running = {"state": "running", "run_id": "r"}
    chat.snapshot(messages=[text_message("a1", "", state="running")], run=running)
    for word in ("It ", "has ", "980 ", "rows."):
        chat.delta({"op": "append", "block": "a1:t", "field": "text", "text": word})
    chat.snapshot(messages=[text_message("a1", "It has 980 rows.")])
    ended = "() => window.said.some(text => text.includes('It has 980 rows.'))"
    chat.page.wait_for_function(ended)
    assert len(chat.page.evaluate("() => window.said")) <= 3
