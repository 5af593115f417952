"""Markdown as a tree of nodes, from which every form is made.

A node is a dict that JSON can hold: ``kind`` and what belongs to it. Raw HTML stays text, pictures
become their description (an address of the model's choice is never fetched), and links lead to web
pages and mail only. So a form only has to escape the text of its leaves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

Node: TypeAlias = dict[str, Any]
MAX_COLUMNS = 40
"""Columns of a table that are shown."""
MAX_CELL_CHARS = 500
"""Of a cell of a table of texts."""
MAX_REPEATED_CHARS = 100
"""A cell of a table's head with more is shown on the first page only."""
_WEB = re.compile(r"(?:https?://|mailto:)[^\s]+", re.I)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Text without what would move a terminal, reverse writing, or be no character at all."""
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", _ANSI.sub("", text)))


def markdown_nodes(text: str, *, keeps_breaks: bool = False) -> list[Node]:
    """The blocks of a Markdown text."""
    tokens = iter(_parser().parse(clean(text)))
    return _Reader(keeps_breaks).blocks(tokens)


def is_web(address: str) -> bool:
    """Whether a link may lead there."""
    return _WEB.fullmatch(address) is not None


@lru_cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


_WRAPPING = {"blockquote": "quote", "list_item": "item", "bullet_list": "list"}
_INLINE = {"strong": "strong", "em": "emph", "s": "strike"}


class _Reader:
    """Turns a parser's tokens into nodes."""

    def __init__(self, keeps_breaks: bool) -> None:
        self._keeps_breaks = keeps_breaks

    def blocks(self, tokens: Iterator[Token], until: str = "") -> list[Node]:
        """The blocks up to a closing token."""
        found: list[Node] = []
        for token in tokens:
            if token.type == until:
                break
            name = token.type.removesuffix("_open")
            if name == "paragraph":
                found.append({"kind": "para", "inline": self._inline_of(tokens, token)})
            elif name == "heading":
                level = int(token.tag[1:])
                inline = self._inline_of(tokens, token)
                found.append({"kind": "heading", "level": level, "inline": inline})
            elif name == "table":
                found.append(self._table(tokens))
            elif name == "ordered_list":
                start = int(token.attrGet("start") or 1)
                items = self.blocks(tokens, "ordered_list_close")
                found.append({"kind": "enum", "start": start, "items": items})
            elif name in _WRAPPING:
                inner = self.blocks(tokens, f"{name}_close")
                key = "items" if name == "bullet_list" else "blocks"
                found.append({"kind": _WRAPPING[name], key: inner})
            elif name in ("fence", "code_block"):
                language = token.info.split()[0][:30] if token.info.split() else ""
                code = token.content.removesuffix("\n")
                found.append({"kind": "source", "text": code, "language": language})
            elif name == "hr":
                found.append({"kind": "rule"})
        return found

    def _inline_of(self, tokens: Iterator[Token], opened: Token) -> list[Node]:
        inline: list[Node] = []
        for token in tokens:
            if token.type == opened.type.replace("_open", "_close"):
                break
            inline = self._inlines(iter(token.children or ()))
        return inline

    def _inlines(self, tokens: Iterator[Token], until: str = "") -> list[Node]:
        found: list[Node] = []
        for token in tokens:
            if token.type == until:
                break
            name = token.type.removesuffix("_open")
            if name in _INLINE:
                inner = self._inlines(tokens, f"{name}_close")
                found.append({"kind": _INLINE[name], "inline": inner})
            elif name == "link":
                inner = self._inlines(tokens, "link_close")
                address = str(token.attrGet("href") or "")
                found.append(
                    {"kind": "link", "to": address, "inline": inner}
                    if is_web(address)
                    else {"kind": "span", "inline": inner}
                )
            elif name == "code_inline":
                found.append({"kind": "code", "text": token.content})
            elif name == "image":
                found.append({"kind": "text", "text": f"[picture: {token.content}]"})
            elif name == "hardbreak" or (name == "softbreak" and self._keeps_breaks):
                found.append({"kind": "break"})
            elif name == "softbreak":
                found.append({"kind": "text", "text": " "})
            elif token.content:
                found.append({"kind": "text", "text": token.content})
        return found

    def _table(self, tokens: Iterator[Token]) -> Node:
        rows: list[list[list[Node]]] = []
        aligned: list[str] = []
        for token in tokens:
            if token.type == "table_close":
                break
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                cell = self._inline_of(tokens, token)
                if len(rows[-1]) < MAX_COLUMNS:
                    rows[-1].append(cell)
                    if token.type == "th_open":
                        aligned.append(_alignment(str(token.attrGet("style") or "")))
        head, *body = rows or [[]]
        return _table_node(aligned, head, body)


def _alignment(style: str) -> str:
    found = style.removeprefix("text-align:")
    return found if found in ("left", "center", "right") else "left"


def plain_inline(text: str) -> list[Node]:
    """A text that means nothing but itself."""
    return [{"kind": "text", "text": clean(text)}]


def grid_nodes(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Node:
    """A table of texts; columns of numbers are set to the right."""
    columns = columns[:MAX_COLUMNS]
    shown = [list(row[: len(columns)]) for row in rows]
    return _table_node(
        ["right" if _is_numeric(n, shown) else "left" for n in range(len(columns))],
        [plain_inline(_in_cell(column)) for column in columns],
        [[plain_inline(_in_cell(cell)) for cell in row] for row in shown],
    )


def _in_cell(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_CELL_CHARS else f"{line[: MAX_CELL_CHARS - 1]}…"


def _table_node(align: list[str], head: list[list[Node]], rows: list[list[list[Node]]]) -> Node:
    # A head that is tall is not shown again on every page, which it might fill.
    repeats = max((_length(cell) for cell in head), default=0) <= MAX_REPEATED_CHARS
    return {"kind": "table", "align": align, "head": head, "rows": rows, "repeats": repeats}


def _length(inline: list[Node]) -> int:
    return sum(len(node.get("text", " ")) + _length(node.get("inline", [])) for node in inline)


_NUMBER = re.compile(r"[-+]?\$?[\d,]*\.?\d+(?:e[-+]?\d+)?\s?(?:%|s)?|NaN|unknown|", re.I)


def _is_numeric(column: int, rows: Sequence[Sequence[str]]) -> bool:
    cells = [row[column].strip() for row in rows if column < len(row)]
    return any(cells) and all(_NUMBER.fullmatch(cell) for cell in cells)
