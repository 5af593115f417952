"""The text of HTML pages."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from notebook_agents.attachments.kinds import encodings_of
from notebook_agents.attachments.reading import MAX_TEXT_CHARS, Piece

SILENT = frozenset({"script", "style", "template", "noscript", "svg", "head"})
"""Elements whose content nobody reads."""
BLOCKS = frozenset(
    {"p", "div", "br", "li", "tr", "table", "ul", "ol", "section", "article", "header", "footer",
     "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "hr", "title"}
)  # fmt: skip
STEP_CHARS = 100_000


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line where a reader sees one."""
        del attrs
        self._silent += tag in SILENT
        if tag in BLOCKS:
            self.words.append("\n")
        elif tag in ("td", "th"):
            self.words.append("\t")

    def handle_endtag(self, tag: str) -> None:
        """End what is not read."""
        if tag in SILENT:
            self._silent = max(self._silent - 1, 0)
        elif tag in BLOCKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        """Keep what is read."""
        if not self._silent:
            self.words.append(" ".join(data.split()) + (" " if data[-1:].isspace() else ""))


def pieces(path: Path) -> Iterator[Piece]:
    """The page as one text."""
    with path.open("rb") as file:
        content = file.read(4 * MAX_TEXT_CHARS)
    markup = content.decode(encodings_of(content)[0], "replace")
    parser = _Text()
    for start in range(0, len(markup), STEP_CHARS):
        parser.feed(markup[start : start + STEP_CHARS])
    parser.close()
    lines = (" ".join(line.split(" ")).strip() for line in "".join(parser.words).split("\n"))
    yield Piece("", "\n".join(line for line in lines if line), 1.0)
