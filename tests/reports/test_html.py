"""HTML: parsed again, tag by tag."""

from __future__ import annotations

from html.parser import HTMLParser

from tests.reports.documents import everything, hostile

from notebook_agents.reports.html import POLICY, html

TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "h4", "h5", "h6",
    "dl", "div", "dt", "dd", "ul", "ol", "li", "small", "b", "em", "p", "main", "article",
    "strong", "time", "blockquote", "pre", "code", "table", "thead", "tbody", "tr", "th", "td",
    "hr", "figure", "img", "figcaption", "details", "summary", "section", "a", "br", "s",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "start", "src", "alt", "href",
    "rel", "open",
}  # fmt: skip


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(page: bytes) -> Seen:
    parser = Seen()
    parser.feed(page.decode())
    parser.close()
    return parser


def test_every_kind_of_block_is_written() -> None:
    page = seen(html(everything()))
    for wanted in (
        "Conversation report", "You asked", "Heading", "print(1)", "python_executor", "timed out",
        "SELECT 1", "sales.csv", "Traceback: it failed", "column 15", "7 more rows",
        "Something was left out.", "Replies in figures", "first line",
    ):  # fmt: skip
        assert wanted in page.text, wanted
    sources = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert [source.partition(";")[0] for source in sources] == [
        "data:image/svg+xml", "data:image/png"
    ]  # fmt: skip


def test_nothing_runs_nothing_is_fetched_nothing_of_others_is_markup() -> None:
    page = seen(html(hostile()))
    assert {tag for tag, _ in page.tags} <= TAGS
    for tag, attributes in page.tags:
        assert set(attributes) <= ATTRIBUTES, (tag, attributes)
        assert (attributes.get("src") or "data:image/").startswith("data:image/")
        assert (attributes.get("href") or "https://example.org/").startswith("https://example.org/")
    policies = [a["content"] for tag, a in page.tags if a.get("http-equiv")]
    assert policies == [POLICY]
    assert "script" not in POLICY
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text
