"""Writing in the chat panel: keys, queue, edits, completions, attachments, conversations."""

from __future__ import annotations

import pytest

from .conftest import ChatPage, text_message

pytestmark = pytest.mark.browser

RUNNING = {"state": "running", "run_id": "r1", "phase": "Writing…"}


DROP = """() => {
  model.widget_manager.context = { path: "work/deep/mine.ipynb" };
  const drop = (place, kind, data) => {
    const mimeData = { hasData: each => each === kind, getData: () => data };
    const taken = ["lm-dragenter", "lm-dragover", "lm-drop"].map(type => {
      const event = new Event(type, { bubbles: true, cancelable: true });
      Object.assign(event, { mimeData, proposedAction: "move", dropAction: "none" });
      document.querySelector(place).dispatchEvent(event);
      return event.defaultPrevented;
    });
    return taken.every(Boolean);
  };
  const cells = [{ cell_type: "code", source: ["df.", "head()"], execution_count: 3 }];
  return [
    drop(".na-prompt", "application/vnd.jupyter.cells", cells),
    drop(".na-composer", "application/x-jupyter-icontents", ["work/my data/a.csv"]),
    drop(".na-log", "application/vnd.jupyter.cells", cells),
  ];
}"""
"""What the front end does while something is dragged over the message field, and past it."""


def test_enter_sends_and_shift_enter_makes_a_line(chat: ChatPage) -> None:
    chat.snapshot()
    field = chat.page.locator(".na-prompt")
    field.focus()
    chat.page.keyboard.type("one")
    chat.page.keyboard.press("Shift+Enter")
    chat.page.keyboard.type("two")
    chat.page.keyboard.press("Enter")
    chat.settle()
    (sent,) = chat.sent("send")
    assert sent["text"] == "one\ntwo"
    assert field.input_value() == ""
    assert "Sending…" in chat.page.locator(".na-user").inner_text()
    mine = text_message("u1", "one\ntwo", "user", client_id=sent["client_id"])
    chat.snapshot(messages=[mine])
    assert chat.page.locator(".na-user").count() == 1
    assert "Sending…" not in chat.page.locator(".na-user").inner_text()


def test_setting_swaps_the_two_forms_of_enter(chat: ChatPage) -> None:
    chat.page.evaluate("() => { model.traits.settings = {enter_sends: false}; }")
    chat.snapshot()
    chat.page.locator(".na-prompt").focus()
    chat.page.keyboard.type("one")
    chat.page.keyboard.press("Enter")
    assert chat.sent("send") == []
    chat.page.keyboard.press("Shift+Enter")
    assert len(chat.sent("send")) == 1


def test_refused_prompt_comes_back_into_the_field(chat: ChatPage) -> None:
    chat.snapshot()
    chat.page.locator(".na-prompt").fill("hello")
    chat.page.keyboard.press("Enter")
    request = chat.sent("send")[0]["request"]
    chat.answer(kind="refused", request=request, text="No model is set")
    chat.settle()
    assert chat.page.locator(".na-prompt").input_value() == "hello"
    assert chat.page.locator(".na-user").count() == 0
    assert "No model is set" in chat.page.locator(".na-toasts").inner_text()


def test_send_becomes_stop_and_a_second_message_is_queued(chat: ChatPage) -> None:
    chat.snapshot(run=RUNNING)
    chat.page.get_by_role("button", name="Stop").click()
    assert len(chat.sent("stop")) == 1
    chat.page.locator(".na-prompt").fill("and then")
    chat.page.get_by_role("button", name="Queue this message").click()
    assert chat.sent("send")[0]["text"] == "and then"
    chat.snapshot(run=RUNNING, queue=[{"id": "q1", "text": "and then"}])
    assert "queued" in chat.page.locator(".na-queue").inner_text()
    chat.page.get_by_role("button", name="Do not send “and then”").click()
    assert chat.sent("cancel_queued")[0]["id"] == "q1"
    chat.snapshot()
    assert chat.page.get_by_role("button", name="Send", exact=True).count() == 1


def test_keys_of_the_panel_do_not_reach_the_notebook_and_those_outside_are_not_taken(
    chat: ChatPage,
) -> None:
    chat.page.evaluate(
        """() => { window.keys = [];
        document.addEventListener("keydown", event => window.keys.push(event.key)); }"""
    )
    chat.snapshot()
    chat.page.locator(".na-prompt").focus()
    chat.page.keyboard.type("dd")
    chat.page.keyboard.press("Shift+Enter")
    assert chat.page.evaluate("() => window.keys") == []
    chat.page.keyboard.press("Escape")
    assert chat.page.evaluate("() => document.activeElement === document.body")
    chat.page.locator("#before").focus()
    chat.page.keyboard.press("Shift+Enter")
    assert "Enter" in chat.page.evaluate("() => window.keys")
    assert chat.sent("send") == []
    suppressing = (
        "() => document.querySelector('.na-prompt').closest('[data-lm-suppress-shortcuts]')"
    )
    assert chat.page.evaluate(f"() => ({suppressing})() !== null")


def test_focus_comes_by_shortcut_and_by_skip_link(chat: ChatPage) -> None:
    chat.snapshot()
    is_focused = "e => e === document.activeElement"
    chat.page.locator("#before").focus()
    chat.page.keyboard.press("Tab")
    assert chat.page.locator(".na-skip").evaluate(is_focused)
    chat.page.keyboard.press("Enter")
    assert chat.page.locator(".na-prompt").evaluate(is_focused)
    chat.page.locator("#before").focus()
    chat.page.keyboard.press("Alt+Shift+A")
    assert chat.page.locator(".na-prompt").evaluate(is_focused)


def test_arrow_up_edits_the_last_prompt(chat: ChatPage) -> None:
    chat.snapshot(messages=[text_message("u1", "old words", "user"), text_message("a1", "x")])
    chat.page.locator(".na-prompt").focus()
    chat.page.keyboard.press("ArrowUp")
    chat.page.keyboard.press("Control+A")
    chat.page.keyboard.type("new words")
    chat.page.keyboard.press("Enter")
    (sent,) = chat.sent("edit")
    assert (sent["message"], sent["text"]) == ("u1", "new words")


def test_messages_can_be_forked_hidden_undone_and_copied(chat: ChatPage) -> None:
    undo = {"label": "Undo 2 changes", "state": "offered"}
    answer = text_message("a1", "answer", run_id="r9", undo=undo)
    chat.snapshot(messages=[text_message("u1", "ask", "user"), answer])
    chat.page.get_by_role("button", name="Fork the conversation from here").first.click()
    chat.page.get_by_role("button", name="Hide from the model").last.click()
    chat.page.get_by_role("button", name="Undo 2 changes").click()
    assert chat.sent("fork")[0]["message"] == "u1"
    assert chat.sent("hide")[0] | {"request": "", "sizes": []} == {
        "kind": "hide",
        "request": "",
        "message": "a1",
        "is_hidden": True,
        "sizes": [],
    }
    assert chat.sent("undo")[0]["run_id"] == "r9"
    chat.snapshot(messages=[answer | {"is_hidden": True, "undo": {"label": "", "state": "done"}}])
    assert "hidden from the model" in chat.page.locator(".na-assistant").inner_text()
    assert "Undone." in chat.page.locator(".na-assistant").inner_text()


def test_thumbs_are_for_those_who_want_them_and_can_be_taken_back(chat: ChatPage) -> None:
    messages = [text_message("u1", "ask", "user"), text_message("a1", "answer", run_id="r9")]
    chat.snapshot(messages=messages)
    assert chat.page.get_by_role("button", name="Good answer").count() == 0
    chat.snapshot(messages=messages, offers=["feedback"])
    chat.page.get_by_role("button", name="Good answer").click()
    chat.snapshot(messages=[messages[0], messages[1] | {"rating": "good"}], offers=["feedback"])
    good = chat.page.get_by_role("button", name="Good answer", pressed=True)
    good.click()
    assert [sent["rating"] for sent in chat.sent("rate")] == ["good", "none"]
    assert {sent["run_id"] for sent in chat.sent("rate")} == {"r9"}


def test_cells_and_files_are_dropped_as_the_notebook_drags_them(chat: ChatPage) -> None:
    chat.snapshot()
    accepted = chat.page.evaluate(DROP)
    assert accepted == [True, True, False]
    cell, path = chat.sent("attach")
    assert (cell["sort"], cell["value"], cell["number"]) == ("source", "df.head()", 3)
    assert (path["sort"], path["value"]) == ("file", '"../my data/a.csv"')


def test_names_are_completed_with_the_keyboard(chat: ChatPage) -> None:
    chat.snapshot()
    field = chat.page.locator(".na-prompt")
    field.focus()
    chat.page.keyboard.type("mean of @d")
    chat.page.wait_for_function("() => model.sent.some(each => each.kind === 'complete')")
    asked = chat.sent("complete")[-1]
    assert asked["text"] == "d"
    items = [
        {"value": "data", "label": "data", "kind": "variable", "detail": "list 3"},
        {"value": "df", "label": "df", "kind": "variable", "detail": "DataFrame", "tokens": 120},
    ]
    chat.answer(kind="completions", request="another view's", items=items[:1])
    assert chat.page.locator(".na-picker").is_hidden()
    chat.answer(kind="completions", request=asked["request"], items=items)
    assert "120 tokens" in chat.page.locator(".na-picker").inner_text()
    chat.page.keyboard.press("ArrowDown")
    chat.page.keyboard.press("Enter")
    assert field.input_value() == "mean of @df "
    assert chat.sent("send") == []


def test_pictures_are_attached_by_paste_and_chips_can_be_removed(chat: ChatPage) -> None:
    chat.snapshot(attachments=[{"id": "f1", "label": "sales.csv", "kind": "file", "tokens": 310}])
    assert "310 tokens" in chat.page.locator(".na-composer").inner_text()
    chat.page.get_by_role("button", name="Remove sales.csv").click()
    assert chat.sent("detach")[0]["id"] == "f1"
    chat.page.evaluate(
        """() => {
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([new Uint8Array(5)], "shot.png", {type: "image/png"}));
          document.querySelector(".na-prompt").dispatchEvent(
            new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}));
        }"""
    )
    chat.page.wait_for_function("() => model.sent.some(each => each.kind === 'attach')")
    (sent,) = chat.sent("attach")
    assert (sent["sort"], sent["name"], sent["sizes"]) == ("image", "shot.png", [5])


def test_conversations_are_found_opened_renamed_and_deleted_after_a_question(
    chat: ChatPage,
) -> None:
    rows = [{"id": "c1", "title": "Sales", "n_messages": 4, "is_open": True}]
    rows += [{"id": "c2", "title": "Old", "n_messages": 2}]
    chat.snapshot(conversations=rows)
    chat.page.get_by_role("button", name="Conversations").click()
    assert len(chat.sent("list_conversations")) == 1
    chat.page.get_by_role("button", name="Rename Old").click()
    chat.page.get_by_label("New name").fill("Older")
    chat.page.keyboard.press("Enter")
    assert chat.sent("rename_conversation")[0]["title"] == "Older"
    chat.page.get_by_role("button", name="Delete Old").click()
    assert chat.sent("delete_conversation") == []
    chat.page.get_by_role("button", name="Delete Old for good").click()
    assert chat.sent("delete_conversation")[0]["id"] == "c2"
    chat.page.get_by_role("button", name="Sales 4 messages").click()
    assert chat.sent("open_conversation")[0]["id"] == "c1"
    assert chat.page.get_by_role("button", name="Conversations").evaluate(
        "e => e === document.activeElement"
    )


def test_model_and_mode_are_chosen_and_full_warns_for_as_long_as_it_is_on(chat: ChatPage) -> None:
    chat.snapshot()
    chat.page.get_by_label("Model", exact=True).select_option("large")
    assert chat.sent("set_model")[0]["model"] == "large"
    chat.page.get_by_label("Mode: what runs").select_option("full")
    assert chat.sent("set_mode")[0]["mode"] == "full"
    assert chat.page.locator(".na-full-warning").is_hidden()
    header = chat.page.evaluate(
        "() => ({model: 'tiny', mode: 'full', modes: [{id: 'full',"
        " label: 'Full', hint: 'All runs unasked.', is_risky: true}]})"
    )
    chat.snapshot(header=header)
    assert "All runs unasked." in chat.page.locator(".na-full-warning").inner_text()
