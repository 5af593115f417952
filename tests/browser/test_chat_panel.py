"""The chat panel as a person meets it: streaming, questions, reload, restart, saved."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.conftest import request
from tests.widgets.chat_front import SETUP

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Lab, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCRIPT = """
DRAW = '''made = 41 + 1
plot = {"data": [{"type": "bar", "y": [1, 3]}], "layout": {"title": {"text": "Sales"}}}
display({"application/vnd.plotly.v1+json": plot}, raw=True)'''
class Held(Slow):
    # In the middle of the first answer it waits until the page was looked at.
    n = 0
    async def wait(self):
        self.n += 1
        await super().wait()
        while self.n == 12 and not os.path.exists("looked"):
            await super().wait()
import os
engine.gate = Held()
engine.script = [
    "Here is **bold**: " + " ".join(f"word{i}" for i in range(40)),
    call("file_writer", path="a.txt"), "It is written.",
    call("file_writer", path="b.txt"), "I may not.",
    call("run_in_notebook", code=DRAW), "It is drawn.",
    " ".join(f"long{i}" for i in range(2000)), "After the reload.",
]"""
COMPUTE = "import time; time.sleep(3); print('computed')"
PANEL = 'notebook_agents.chat(model="other/model")'


def test_a_conversation_in_the_panel_survives_reload_restart_and_the_end_of_the_kernel(
    lab: Lab, page: Page, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    path = lab.folder / "chat.ipynb"
    path.write_text(json.dumps(_notebook([SETUP + SCRIPT, PANEL, COMPUTE])))
    errors: list[str] = []
    page.page.on("pageerror", lambda error: errors.append(str(error)))
    page.open(lab, "chat.ipynb")
    _run(page, 0)
    _run(page, 1)
    field = page.page.get_by_role("combobox", name="Message")
    field.wait_for()
    _stream(page, field, lab.folder / "looked")
    _decide(page, field)
    _draw(page, field)
    _stop(page, field)
    _insert_and_drop(page)
    assert page.page.screenshot(path=str(tmp_path / "panel.png"))
    _save(page, "It is written.")
    assert "It is written." in _transcript(path)

    page.open(lab, "chat.ipynb")
    expect(_panel(page)).to_contain_text("word39")
    expect(_panel(page)).to_contain_text("It is written.")
    field.fill("Are you there?")
    field.press("Enter")
    expect(_panel(page)).to_contain_text("After the reload.")
    expect(_send(page)).to_be_visible()
    _save(page, "After the reload.")
    assert "After the reload." in _transcript(path)

    page.page.get_by_role("button", name="Restart the kernel", exact=True).click()
    page.page.locator("button.jp-mod-accept", has_text="Restart").click()
    expect(_panel(page)).to_contain_text("run this cell again", ignore_case=True)
    _run(page, 0)
    _run(page, 1)
    expect(_panel(page)).to_contain_text("word39")
    log = page.page.get_by_role("log", name="Conversation")
    expect(log.get_by_text("It is written.", exact=True)).to_have_count(1)
    _save(page, "word39")

    [session] = request(lab, "api/sessions")
    request(lab, f"api/sessions/{session['id']}", "DELETE")
    page.open(lab, "chat.ipynb")
    static = page.page.locator("details.notebook-agents-transcript").first
    expect(static).to_be_visible()
    static.locator("summary").first.click()
    expect(static).to_contain_text("It is written.")
    expect(page.page.get_by_text("Error displaying widget")).to_be_hidden()
    assert errors == []
    assert page.hosts() <= {"127.0.0.1", "localhost"}


def _stream(page: Page, field: Any, looked: Path) -> None:
    """An answer grows word by word, and a screen reader's user gets back to the field."""
    from playwright.sync_api import expect

    field.fill("Tell me something")
    field.press("Enter")
    expect(_panel(page)).to_contain_text("word2")
    expect(page.page.get_by_role("button", name="Stop").first).to_be_visible()
    looked.touch()
    expect(_panel(page)).to_contain_text("word39")
    expect(_panel(page).locator("strong", has_text="bold")).to_have_count(1)
    expect(_send(page)).to_be_visible()


ANSWERS = {"Allow once: Write a file": "It is written.", "Deny: Write a file": "I may not."}
"""By the button that answers a question, what the model says then."""


def _decide(page: Page, field: Any, answers: dict[str, str] = ANSWERS) -> None:
    """Questions are answered by keyboard."""
    from playwright.sync_api import expect

    for answer, then in answers.items():
        field.fill("Write it")
        field.press("Enter")
        button = page.page.get_by_role("button", name=answer, exact=True)
        button.wait_for()
        button.focus()
        page.page.keyboard.press("Enter")
        expect(_panel(page)).to_contain_text(then)
        expect(_send(page)).to_be_visible()


def _draw(page: Page, field: Any) -> None:
    """Code shows what it would do, draws a plot when it is allowed, and can be taken back."""
    from playwright.sync_api import expect

    field.fill("Draw it")
    field.press("Enter")
    expect(page.page.locator(".na-preview")).to_contain_text("made")
    page.page.get_by_role("button", name="Allow once: Run in the notebook", exact=True).click()
    expect(_send(page)).to_be_visible()
    expect(_panel(page).locator(".is-plot .main-svg").first).to_be_visible()
    _panel(page).get_by_role("button", name="Undo 1 change").press("Enter")
    expect(_panel(page)).to_contain_text("removed: made")


def _stop(page: Page, field: Any) -> None:
    """Beside a cell that computes Stop ends the run; what was written before it stays."""
    from playwright.sync_api import expect

    field.fill("Write a book")
    field.press("Enter")
    expect(_panel(page)).to_contain_text("long5")
    _run(page, 2)
    page.page.get_by_role("button", name="Stop").first.click()
    expect(page.page.locator(".na-status-line")).to_contain_text("Stopping", timeout=2000)
    expect(page.page.get_by_text("computed", exact=True)).to_have_count(0)
    expect(_send(page)).to_be_visible()
    expect(_panel(page)).to_contain_text("long5")
    expect(_panel(page)).not_to_contain_text("long150 ")


def _insert_and_drop(page: Page) -> None:
    """Code goes into a new cell above, and a cell that is dragged goes with the next message."""
    from playwright.sync_api import expect

    cells = page.page.locator(".jp-CodeCell")
    n = cells.count()
    card = _panel(page).locator(".na-tool", has_text="Run in the notebook").first
    card.locator("summary").first.click()
    card.get_by_role("button", name="Insert above").click()
    expect(cells).to_have_count(n + 1)
    expect(cells.nth(1)).to_contain_text("made = 41 + 1")
    page.page.keyboard.press("Escape")
    dragged = cells.nth(3).locator(".jp-InputPrompt")
    field = _panel(page, 2).locator(".na-composer")
    field.scroll_into_view_if_needed()
    dragged.hover()
    page.page.mouse.down()
    page.page.mouse.move(*_middle(field), steps=20)
    expect(field).to_have_class(re.compile("is-target"))
    page.page.mouse.up()
    _panel(page, 2).get_by_role("button", name="Remove @cell:").click()
    cells.nth(1).locator(".jp-InputPrompt").click()
    page.page.keyboard.type("dd")
    expect(cells).to_have_count(n)


def _middle(place: Any) -> tuple[float, float]:
    box = place.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _send(page: Page) -> Any:
    return page.page.get_by_role("button", name="Send", exact=True).first


def _panel(page: Page, place: int = 1) -> Any:
    return page.page.locator(".jp-CodeCell").nth(place).locator(".jp-OutputArea").first


def _run(page: Page, number: int) -> None:
    page.execute(page.page.locator(".jp-CodeCell").nth(number))


def _save(page: Page, told: str) -> None:
    """Save once the notebook holds this in the transcript, which follows the panel after a run."""
    from playwright.sync_api import expect

    transcript = page.page.locator("details.notebook-agents-transcript").first
    expect(transcript).to_contain_text(told)
    with page.page.expect_response(
        lambda reply: reply.request.method == "PUT" and "/api/contents/" in reply.url
    ):
        page.page.keyboard.press("Escape")
        page.page.keyboard.press("Control+s")


def _transcript(path: Path) -> str:
    outputs = json.loads(path.read_text())["cells"][1]["outputs"]
    return "".join("".join(output["data"].get("text/html", "")) for output in outputs)


def _notebook(cells: list[str]) -> dict[str, Any]:
    return {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell{number}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
        "metadata": {
            "kernelspec": {
                "name": "python3",
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
            }
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
