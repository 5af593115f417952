"""A document as a tree of nodes that the laid-out forms, PDF and HTML, are made of.

Everything in the tree is data: text in leaves, and pictures that were checked or drawn here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from notebook_agents.core.figures import PLOTLY, PNG
from notebook_agents.core.report_documents import (
    Block,
    Enclosure,
    Entry,
    Fact,
    Grid,
    Picture,
    Plain,
    Prose,
    ReportDocument,
    Source,
    Use,
)
from notebook_agents.reports.drawing import draw
from notebook_agents.reports.nodes import Node, clean, grid_nodes, markdown_nodes, plain_inline
from notebook_agents.reports.series import NotDrawn, plot_of, table_of

MAX_PROSE_CHARS = 200_000
MAX_LINE_CHARS = 160
"""Of titles, names and facts."""
MAX_TEXT_CHARS = 12_000
"""Of a text that was printed and of code; the whole is in the JSON form."""
MAX_PICTURE_BYTES = 8 << 20
MAX_PIXELS = 4096 * 4096
CODE_ARGUMENTS = {"code": "python", "query": "sql", "sql": "sql", "command": "bash"}
"""Arguments of tools that are code, and its language."""
ROLES = {"user": "You asked", "assistant": "Answer", "system": "Note", "cell": ""}
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Layout:
    """Lays a document out; ``pictures`` are the files that its tree names."""

    def __init__(self) -> None:
        self.pictures: dict[str, bytes] = {}

    def tree(self, document: ReportDocument) -> Node:
        """The whole document."""
        return {
            "kind": document.kind,
            "title": _line(document.title),
            "made": f"{document.made_at:%Y-%m-%d %H:%M} UTC",
            "facts": [_fact(fact) for fact in document.facts],
            "metrics": [_fact(fact) for fact in document.metrics],
            "details": _grid(document.details) if document.details else [],
            "notices": [clean(notice) for notice in document.notices],
            "entries": [self._entry(entry) for entry in document.entries],
        }

    def _entry(self, entry: Entry) -> Node:
        return {
            "role": entry.role,
            "title": _line(entry.title or ROLES[entry.role]),
            "at": f"{entry.at:%Y-%m-%d %H:%M:%S}" if entry.at else "",
            "note": clean(entry.note),
            "blocks": [node for block in entry.blocks for node in self.nodes(block)],
        }

    def nodes(self, block: Block) -> list[Node]:
        """What a block is made of."""
        if isinstance(block, Prose):
            text = block.text[:MAX_PROSE_CHARS]
            return markdown_nodes(text, keeps_breaks=block.keeps_breaks)
        if isinstance(block, Plain):
            return [{"kind": "plain", "text": clipped(block.text), "error": block.is_error}]
        if isinstance(block, Source):
            return [source_node(block.text, block.language)]
        if isinstance(block, Picture):
            return self._picture(block)
        if isinstance(block, Grid):
            return _grid(block)
        if isinstance(block, Enclosure):
            words = f"{block.name} ({block.kind}, {block.size_bytes:,} bytes)"
            return [{"kind": "enclosure", "text": clean(words)}]
        return [self._use(block)]

    def _use(self, use: Use) -> Node:
        return {
            "kind": "use",
            "name": _line(use.name),
            "status": use.status.replace("_", " "),
            "good": use.status in ("succeeded", ""),
            "seconds": "" if use.duration_ms is None else f"{use.duration_ms / 1000:.1f} s",
            "call": call_nodes(use.arguments),
            "answer": [node for block in use.answer for node in self.nodes(block)],
        }

    def _picture(self, picture: Picture) -> list[Node]:
        label = _line(picture.label)
        if picture.media_type == PLOTLY:
            return _plotly(picture.content, label)
        name = self._kept(picture)
        if not name:
            return [{"kind": "plain", "text": f"[picture] {label}", "error": False}]
        return [{"kind": "picture", "file": name, "label": label}]

    def _kept(self, picture: Picture) -> str:
        """The name of a PNG that may be shown; empty for anything else."""
        if picture.media_type != PNG or len(picture.content) > MAX_PICTURE_BYTES * 4 // 3:
            return ""
        try:
            content = base64.b64decode(picture.content, validate=True)
        except (ValueError, binascii.Error):
            return ""
        width, height = (int.from_bytes(content[at : at + 4]) for at in (16, 20))
        is_fit = content.startswith(_PNG_SIGNATURE) and 0 < width * height <= MAX_PIXELS
        if not is_fit:
            return ""
        name = f"{hashlib.sha256(content).hexdigest()[:24]}.png"
        self.pictures[name] = content
        return name


def call_nodes(arguments: Mapping[str, Any]) -> list[Node]:
    """The arguments of a call: code as code, the others as JSON."""
    code = {k: v for k, v in arguments.items() if k in CODE_ARGUMENTS and isinstance(v, str)}
    others = {k: v for k, v in arguments.items() if k not in code}
    found = [source_node(text, CODE_ARGUMENTS[name]) for name, text in code.items()]
    if others:
        text = json.dumps(others, indent=1, ensure_ascii=False, default=str)
        found.append(source_node(text, "json"))
    return found


def source_node(text: str, language: str) -> Node:
    """Code."""
    return {"kind": "source", "text": clipped(text), "language": language}


def clipped(text: str) -> str:
    """A text without its end when it is very long."""
    text = clean(text).strip("\n")
    if len(text) <= MAX_TEXT_CHARS:
        return text
    return f"{text[:MAX_TEXT_CHARS]}\n… {len(text) - MAX_TEXT_CHARS:,} more characters"


def _plotly(content: str, label: str) -> list[Node]:
    try:
        return [{"kind": "picture", "svg": draw(plot_of(content), label), "label": label}]
    except (NotDrawn, ValueError, TypeError, OverflowError, KeyError, ZeroDivisionError):
        # Not a chart that is drawn here: its numbers say what it shows.
        grid = table_of(content)
    words = f"[figure] {label}" + (", its data:" if grid else "")
    said: Node = {"kind": "para", "inline": [{"kind": "emph", "inline": plain_inline(words)}]}
    return [said, *(_grid(grid) if grid else [])]


def _grid(grid: Grid) -> list[Node]:
    found = [grid_nodes(grid.columns, grid.rows)]
    if grid.n_left_out:
        more = plain_inline(f"… {grid.n_left_out:,} more rows")
        found.append({"kind": "para", "inline": [{"kind": "emph", "inline": more}]})
    return found


def _fact(fact: Fact) -> dict[str, str]:
    return {"name": _line(fact.name), "value": _line(fact.value), "hint": _line(fact.hint)}


def _line(text: str) -> str:
    """A text where there is room for one line or two."""
    line = " ".join(clean(text).split())
    return line if len(line) <= MAX_LINE_CHARS else f"{line[: MAX_LINE_CHARS - 1]}…"


def texts_of(node: Any) -> Sequence[str]:
    """All texts of a tree."""
    if isinstance(node, str):
        return (node,)
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [text for value in values for text in texts_of(value)]
