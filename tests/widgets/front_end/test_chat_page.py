"""What a person meets in the chat panel: text that arrives, calls, questions, keys."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from .conftest import ChatPage, as_approval, text_message

pytestmark = pytest.mark.browser

PLOTLY = "application/vnd.plotly.v1+json"
RUNNING = {"state": "running", "run_id": "r1", "phase": "Writing…", "started_at": None}
LINES = "\n\n".join(f"Paragraph {number} of the answer." for number in range(60))
FENCE = "```"


PARAGRAPH = f"""Here is a paragraph with **bold** words, `code` and [a link](https://x.example).

{FENCE}python
df = pd.read_csv("sales.csv")
print(df.groupby("month").sales.mean())
{FENCE}

- one item
- another item of the list

"""
FRAME_GAPS = """async ([source, seconds]) => {
  const gaps = [], begin = performance.now();
  let last = begin, at = 0;
  while (performance.now() - begin < seconds * 1000) {
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
    const want = source ? Math.floor((now - begin) / 20) * 5 : 0;
    if (want - at < 8) continue;
    const text = source.repeat(99).slice(at, at = want);
    model.delta({op: "append", block: "a1:t", field: "text", text});
  }
  gaps.sort((a, b) => a - b);
  return [gaps[Math.floor(gaps.length / 2)], source.repeat(99).slice(0, at)];
}"""


def streaming(text: str = "") -> dict[str, Any]:
    return text_message("a1", text, state="running")


def test_text_grows_without_drawing_finished_blocks_again(chat: ChatPage) -> None:
    chat.snapshot(messages=[streaming("First.\n\nSecond")], run=RUNNING)
    chat.page.evaluate("() => { window.first = document.querySelector('.na-markdown > p'); }")
    for word in (" goes", " on.", "\n\nThird", " too"):
        chat.delta({"op": "append", "block": "a1:t", "field": "text", "text": word})
    paragraphs = ["First.", "Second goes on.", "Third too"]
    expect(chat.page.locator(".na-markdown p")).to_have_text(paragraphs)
    assert chat.page.evaluate("() => window.first === document.querySelector('.na-markdown > p')")


def test_text_above_a_note_goes_on_as_one_paragraph(chat: ChatPage) -> None:
    chat.snapshot(messages=[streaming("It")], run=RUNNING)
    note = {"id": "n1", "type": "note", "level": "warning", "text": "Only a demo model."}
    chat.delta({"op": "block", "message": "a1", "block": note})
    for word in (" goes", " on", "."):
        chat.delta({"op": "append", "block": "a1:t", "field": "text", "text": word})
    expect(chat.page.locator(".na-markdown p")).to_have_text(["It goes on."])


def test_answer_that_was_complete_and_grows_is_drawn_anew(chat: ChatPage) -> None:
    chat.snapshot(messages=[text_message("a1", "It was")])
    chat.snapshot(messages=[text_message("a1", "It was not")])
    expect(chat.page.locator(".na-markdown p")).to_have_text(["It was not"])


def test_whole_text_stands_there_after_the_run_ends_however_fast_it_came(chat: ChatPage) -> None:
    chat.snapshot(messages=[streaming()], run=RUNNING)
    words = [f"word{number} " for number in range(500)]
    chat.page.evaluate(
        """words => words.forEach(text =>
          model.delta({op: "append", block: "a1:t", field: "text", text}))""",
        words,
    )
    chat.snapshot(messages=[text_message("a1", "".join(words))])
    assert chat.page.locator(".na-markdown").inner_text().split() == "".join(words).split()


def test_fifty_tokens_a_second_below_ten_thousand_are_as_smooth_as_nothing(
    chat: ChatPage,
) -> None:
    """A token is taken as five letters here, a flush comes at most every second frame."""
    chat.snapshot()
    idle, _ = chat.page.evaluate(FRAME_GAPS, ["", 0.7])
    before = [text_message(f"m{number}", PARAGRAPH * 6) for number in range(36)]
    chat.snapshot(messages=[*before, streaming()], run=RUNNING)
    busy, text = chat.page.evaluate(FRAME_GAPS, [PARAGRAPH, 2.5])
    assert busy < 2 * idle
    chat.snapshot(messages=[text_message("a1", text)])
    shown = chat.page.locator(".na-markdown").inner_text()
    assert shown.count("Here is a paragraph") == text.count("Here is a paragraph")


def test_growing_code_keeps_its_element_and_ends_in_colour(chat: ChatPage) -> None:
    chat.snapshot(messages=[streaming(f"Look:\n\n{FENCE}python\nimport os")], run=RUNNING)
    chat.page.evaluate("() => { window.pre = document.querySelector('.na-code pre'); }")
    chat.delta({"op": "append", "block": "a1:t", "field": "text", "text": "\nprint(os)"})
    expect(chat.page.locator(".na-code pre")).to_have_text("import os\nprint(os)")
    assert chat.page.evaluate("() => window.pre === document.querySelector('.na-code pre')")
    chat.snapshot(messages=[text_message("a1", f"Look:\n\n{FENCE}python\nimport os\n{FENCE}")])
    assert chat.page.locator(".na-code .hljs-keyword").inner_text() == "import"


def test_reader_at_the_end_stays_there_and_one_who_scrolled_up_is_not_moved(
    chat: ChatPage,
) -> None:
    chat.snapshot(messages=[streaming(LINES)], run=RUNNING)
    more = {"op": "append", "block": "a1:t", "field": "text", "text": f"\n\n{LINES}"}
    distance = "e => e.scrollHeight - e.scrollTop - e.clientHeight"
    log = chat.page.locator(".na-log")
    chat.delta(more)
    assert log.evaluate(distance) < 3
    log.evaluate("e => { e.scrollTop = 100; }")
    chat.settle()
    chat.delta(more)
    assert log.evaluate("e => e.scrollTop") == 100
    chat.page.get_by_role("button", name="Jump to latest message").click()
    assert log.evaluate(distance) < 3
    assert chat.page.get_by_role("button", name="Jump to latest message").count() == 0


def test_lost_message_is_asked_for_once_and_repaired(chat: ChatPage) -> None:
    chat.snapshot(messages=[streaming("a")], run=RUNNING)
    before = len(chat.sent("refresh"))
    chat.page.evaluate("() => { model.seq += 1; }")
    chat.delta({"op": "append", "block": "a1:t", "field": "text", "text": "c"})
    chat.delta({"op": "append", "block": "a1:t", "field": "text", "text": "d"})
    assert len(chat.sent("refresh")) == before + 1
    chat.snapshot(messages=[streaming("abcd")], run=RUNNING)
    expect(chat.page.locator(".na-markdown")).to_have_text("abcd")


def test_two_views_of_one_model_show_the_same(chat: ChatPage) -> None:
    chat.page.evaluate("() => { window.endSecond = show(); }")
    chat.snapshot(messages=[streaming("a")], run=RUNNING)
    chat.delta({"op": "append", "block": "a1:t", "field": "text", "text": "b"})
    expect(chat.page.locator(".na-markdown")).to_have_text(["ab", "ab"])
    chat.page.evaluate("() => window.endSecond()")
    chat.delta({"op": "append", "block": "a1:t", "field": "text", "text": "c"})
    expect(chat.page.locator(".na-markdown")).to_have_text(["abc"])


def test_tool_card_says_its_state_in_words_and_stays_open_when_ids_become_lasting(
    chat: ChatPage,
) -> None:
    tool: dict[str, Any] = {
        "id": "k1",
        "type": "tool",
        "name": "run_in_notebook",
        "status": "running",
    }
    code = {"language": "python", "text": "df.head()"}
    tool |= {"arguments": {"code": "df.head()"}, "code": code, "output": ""}
    message = {"id": "live-1", "role": "assistant", "state": "running", "blocks": [tool]}
    chat.snapshot(messages=[message], run=RUNNING)
    card = chat.page.locator(".na-tool")
    assert "running" in card.inner_text()
    card.locator("summary").click()
    chat.delta({"op": "append", "block": "k1", "field": "output", "text": "   a\n0  1"})
    done = tool | {"status": "succeeded", "output": "   a\n0  1", "duration_ms": 1234}
    chat.snapshot(messages=[message | {"id": "m7", "state": "succeeded", "blocks": [done]}])
    assert "done · 1.2 s" in card.inner_text()
    assert card.locator(".na-output").inner_text() == "   a\n0  1"
    assert card.locator("code").inner_text() == "df.head()"


def test_many_finished_calls_fold_into_one_line(chat: ChatPage) -> None:
    tools = [
        {"id": f"k{n}", "type": "tool", "name": "file_reader", "status": "succeeded"}
        for n in range(6)
    ]
    chat.snapshot(
        messages=[{"id": "a1", "role": "assistant", "state": "succeeded", "blocks": tools}]
    )
    assert chat.page.locator(".na-tool:visible").count() == 0
    chat.page.get_by_role("button", name="Show finished · 6 tool calls").click()
    assert chat.page.locator(".na-tool:visible").count() == 6


def test_question_is_answered_with_the_keyboard_alone(chat: ChatPage) -> None:
    chat.snapshot()
    chat.page.locator(".na-prompt").focus()
    chat.snapshot(messages=[as_approval()], run=RUNNING | {"state": "waiting"})
    card = chat.page.locator(".na-approval")
    assert card.evaluate("e => e === document.activeElement")
    chat.page.keyboard.press("Enter")
    assert chat.sent("decide") == []
    text = card.inner_text()
    for said in (
        "deletes",
        "out.csv",
        "cell 7",
        "Expect about 14 min, 9 GB; seen 4 times",
        "df",
        "Undo cannot bring back",
        "Denied by itself",
    ):
        assert said in text
    for _ in range(20):
        chat.page.keyboard.press("Tab")
        label = chat.page.evaluate("() => document.activeElement.getAttribute('aria-label')")
        if label == "Allow once: Run in notebook":
            break
    chat.page.keyboard.press("Enter")
    (sent,) = chat.sent("decide")
    assert (sent["call_id"], sent["decision"]) == ("k1", "once")
    assert chat.page.locator(".na-prompt").evaluate("e => e === document.activeElement")


def test_question_does_not_take_the_focus_from_one_who_writes(chat: ChatPage) -> None:
    chat.snapshot()
    chat.page.locator(".na-prompt").fill("half a sentence")
    chat.snapshot(messages=[as_approval(), text_message("a1", LINES)], run=RUNNING)
    assert chat.page.locator(".na-prompt").evaluate("e => e === document.activeElement")
    waiting = chat.page.get_by_role("button", name="1 question waits for your answer")
    waiting.click()
    assert chat.page.locator(".na-approval").evaluate("e => e === document.activeElement")
    waiting.wait_for(state="detached")


def test_call_can_be_edited_or_denied_with_words(chat: ChatPage) -> None:
    chat.snapshot(messages=[as_approval()], run=RUNNING | {"state": "waiting"})
    chat.page.get_by_role("button", name="Edit: Run in notebook").click()
    chat.page.get_by_label("Code, as it will run").fill("df.copy()")
    chat.page.get_by_role("button", name="Allow once: Run in notebook").click()
    assert chat.sent("decide")[0]["arguments"] == {"code": "df.copy()"}
    chat.snapshot(messages=[as_approval("k2")], run=RUNNING | {"state": "waiting"})
    chat.page.get_by_label("What to do instead, if denied").fill("only count the rows")
    chat.page.keyboard.press("Enter")
    sent = chat.sent("decide")[1]
    assert (sent["decision"], sent["feedback"]) == ("deny", "only count the rows")
    chat.snapshot(messages=[as_approval("k2", decision="denied", feedback="only count the rows")])
    assert "Denied — “only count the rows”" in chat.page.locator(".na-approval").inner_text()


def test_page_asks_no_other_host_and_figures_are_drawn(chat: ChatPage) -> None:
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    )
    figures = [
        {"id": "f1", "type": "figure", "label": "A point", "media_type": "image/png"}
        | {"content": f"{pixel}rkJggg=="},
        {"id": "f2", "type": "figure", "label": "A plot", "media_type": PLOTLY}
        | {"content": '{"data": [{"type": "bar"}]}'},
        {"id": "f3", "type": "figure", "label": "Broken", "media_type": PLOTLY}
        | {"content": "{", "output_note": "not drawn here"},
    ]
    message = {"id": "a1", "role": "assistant", "state": "succeeded", "blocks": figures}
    chat.snapshot(messages=[message])
    assert chat.page.get_by_role("img", name="A point").count() == 1
    text = chat.page.locator(".na-log").inner_text()
    assert "a plot of bar" in text
    assert "not drawn here" in text
    assert chat.requests == []
