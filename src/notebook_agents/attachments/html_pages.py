"""The text of HTML pages: what a reader would see, and where its links really lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

from notebook_agents.attachments.kinds import encodings_of
from notebook_agents.attachments.reading import MAX_TEXT_CHARS, Piece
from notebook_agents.core.markup import read_markup

Attributes = list[tuple[str, str | None]]
SILENT = frozenset({"script", "style", "template", "noscript", "svg", "head"})
"""Elements whose content nobody reads."""
VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
     "wbr"}
)  # fmt: skip
"""Elements that have no end."""
BLOCKS = frozenset(
    {"p", "div", "br", "li", "tr", "table", "ul", "ol", "section", "article", "header", "footer",
     "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "hr", "title"}
)  # fmt: skip
MAX_HOST_CHARS = 80
UNSEEN = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|opacity:0(?:\.0*)?(?:;|$|!)"
    r"|font-size:0(?:px|pt|em|rem|%)?(?:;|$|!)"
)
"""In a style without blanks: what browsers do not draw."""
BLANKS = re.compile(r"\s+")
UNSAID = re.compile(r"\s|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)")
"""Of a style: blanks and comments, also one without an end."""


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent: list[str] = []
        """The element that is not read, and its like inside it that are open."""
        self._host = ""

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        """Begin a line where a reader sees one."""
        if self._silent:
            self._silent += [tag] * (tag == self._silent[0])
        elif tag in SILENT or (tag not in VOID and _is_unseen(attrs)):
            self._silent = [tag]
        elif tag == "a":
            self._host = _host_of(dict(attrs).get("href") or "")
        elif tag in BLOCKS:
            self.words.append("\n")
        elif tag in ("td", "th"):
            self.words.append("\t")

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        """A slash at the end of a tag ends only what has no end; so it is in browsers."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """End what is not read."""
        if self._silent:
            if tag == self._silent[0]:
                self._silent.pop()
        elif tag == "a" and self._host:
            self.words.append(f" [{self._host}]")
            self._host = ""
        elif tag in BLOCKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        """Keep what is read."""
        if not self._silent:
            self.words.append(BLANKS.sub(" ", data))


def _is_unseen(attrs: Attributes) -> bool:
    values = dict(attrs)
    style = UNSAID.sub("", values.get("style") or "").lower()
    return "hidden" in values or values.get("aria-hidden") == "true" or bool(UNSEEN.search(style))


def _host_of(address: str) -> str:
    """Where a link leads, whatever it says; empty for one within the page's own site."""
    try:
        host = urlsplit(address.strip()).netloc.rpartition("@")[2]
    except ValueError:
        return "a broken address"
    return host[:MAX_HOST_CHARS]


def pieces(path: Path) -> Iterator[Piece]:
    """The page as one text."""
    with path.open("rb") as file:
        content = file.read(4 * MAX_TEXT_CHARS)
    markup = content.decode(encodings_of(content)[0], "replace")
    parser = _Text()
    read_markup(parser, markup)
    lines = (re.sub(" +", " ", line).strip() for line in "".join(parser.words).split("\n"))
    yield Piece("", "\n".join(line for line in lines if line), 1.0)
