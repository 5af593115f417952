"""The chat widget's module in a real browser, without Jupyter: the test plays the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.chromium import jp_asyncio_loop, jp_server_cleanup, one_chromium  # noqa: F401 - fixtures

from notebook_agents.widgets.assets import css, esm

HERE = Path(__file__).parent
ORIGIN = "http://127.0.0.1:9"
"""Nothing listens there: the fixture answers every request."""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>chat</title>
<link rel="stylesheet" href="chat.css"></head><body style="margin: 12px">
<button id="before">before</button><div id="place"></div>
<script type="module" src="chat_page.js"></script></body></html>"""


def state(**changed: Any) -> dict[str, Any]:
    """A state as the kernel sends it."""
    whole: dict[str, Any] = {
        "v": 1,
        "conversation": {"id": "c1", "title": "Sales"},
        "header": {
            "model": "tiny",
            "models": [{"id": "tiny", "label": "tiny"}, {"id": "large", "label": "large"}],
            "mode": "ask",
            "modes": [
                {"id": "ask", "label": "Ask"},
                {"id": "full", "label": "Full", "hint": "All runs unasked.", "is_risky": True},
            ],
            "context_used": 1200,
            "context_limit": 8192,
            "input_tokens": 1000,
            "output_tokens": 200,
            "cost_usd": None,
        },
        "messages": [],
        "run": {"state": "idle"},
        "queue": [],
        "attachments": [],
        "conversations": None,
        "notice": None,
        "offers": ["edit", "fork", "hide", "undo", "always", "edit_call", "queue", "attach"],
    }
    return whole | changed


def text_message(ident: str, text: str, role: str = "assistant", **facts: Any) -> dict[str, Any]:
    """A message with one text."""
    block = {"id": f"{ident}:t", "type": "text", "text": text}
    return {"id": ident, "role": role, "state": "succeeded", "blocks": [block], **facts}


def as_approval(call_id: str = "k1", **facts: Any) -> dict[str, Any]:
    """A message with a question that has everything a question can have."""
    code = "df = df.dropna()\ndf.to_csv('out.csv')\nprint(len(df))"
    block = {
        "id": f"{call_id}:ask",
        "type": "approval",
        "call_id": call_id,
        "name": "run_in_notebook",
        "label": "Run in notebook",
        "risk": "deletes",
        "effect": "external",
        "reason": "policy 'ask' asks before it",
        "where": "cell 7",
        "findings": [{"risk": "writes_files", "text": "writes out.csv", "line": 2}],
        "forecast": "about 14 min, 9 GB; seen 4 times",
        "arguments": {"code": code},
        "code": {"language": "python", "text": code},
        "diff": "--- a\n+++ b\n@@ -1 +1 @@\n-df\n+df = df.dropna()\n",
        "preview": {
            "state": "ran",
            "added": [{"name": "n", "text": "int 20"}],
            "changed": [{"name": "df", "text": "1000 → 980 rows"}],
            "removed": [{"name": "tmp"}],
            "output": "980",
            "files": [{"path": "out.csv", "text": "new, 12 kB"}],
        },
        "not_saved": [{"name": "connection", "reason": "cannot be copied"}],
        "expires_at": 4102444800,
    }
    whole = {"role": "assistant", "state": "running", "blocks": [block | facts]}
    return {"id": f"of {call_id}", **whole}


@dataclass
class ChatPage:
    """A page that shows a panel."""

    page: Any
    requests: list[str] = field(default_factory=list)
    """Addresses outside the fixture that the page has asked for."""
    errors: list[str] = field(default_factory=list)

    def snapshot(self, **changed: Any) -> None:
        self.page.evaluate("state => model.snapshot(state)", state(**changed))
        self.settle()

    def delta(self, *ops: dict[str, Any]) -> None:
        self.page.evaluate("ops => model.delta(...ops)", [*ops])
        self.settle()

    def answer(self, **message: Any) -> None:
        self.page.evaluate("message => model.receive(message)", message)

    def settle(self) -> None:
        """Wait for two frames: the panel draws once in each."""
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def sent(self, kind: str) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.page.evaluate("() => model.sent")
        return [message for message in messages if message["kind"] == kind]

    def picture(self, name: str) -> None:
        """Keep a picture where one is wanted, to be looked at."""
        if folder := os.environ.get("NOTEBOOK_AGENTS_TEST_PICTURES"):
            self.page.screenshot(path=f"{folder}/{name}.png")


@pytest.fixture
def chat(chromium: Any) -> Iterator[ChatPage]:
    context = chromium.new_context(viewport={"width": 900, "height": 800})
    shown = ChatPage(context.new_page())
    files = {
        "": ("text/html", PAGE),
        "chat.js": ("text/javascript", esm("chat")),
        "chat.css": ("text/css", css("chat")),
        "chat_page.js": ("text/javascript", (HERE / "chat_page.js").read_text(encoding="utf-8")),
    }

    def serve(route: Any) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if name in files:
            media_type, body = files[name]
            route.fulfill(content_type=media_type, body=body)
        else:
            shown.requests.append(route.request.url)
            route.abort()

    shown.page.route("**/*", serve)
    shown.page.on("pageerror", lambda error: shown.errors.append(str(error)))
    shown.page.goto(f"{ORIGIN}/")
    shown.page.wait_for_function("() => globalThis.show !== undefined", timeout=10_000)
    yield shown
    context.close()
    assert shown.errors == []
