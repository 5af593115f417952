"""A report as Markdown, with everything that a model or a tool wrote made harmless.

The text of answers stays Markdown, but is written anew from its tree: raw HTML, pictures and links
to anything but web pages have no place in it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from typing import Any

from notebook_agents.core.report_documents import ReportDocument
from notebook_agents.reports.layout import Layout
from notebook_agents.reports.nodes import Node, is_web

_MARKUP = re.compile(r"[\\`*{}\[\]<>|~!$&]|(?<!\w)_|_(?!\w)")
_LINE_START = re.compile(r"^(\s*)([-+=#]|\d+(?=[.)]))")
_PLAIN_CODE = re.compile(r"[^`<>&|\s](?:[^`<>&|\n]*[^`<>&|\s])?")
_SIGNS = {"strong": "**", "emph": "*", "strike": "~~"}


def markdown(document: ReportDocument) -> bytes:
    """The report."""
    layout = Layout()
    tree = layout.tree(document)
    parts = [f"# {text(tree['title'])}", _facts(tree)]
    if tree["metrics"]:
        cells = [(m["name"], f"{m['value']} {m['hint']}".strip()) for m in tree["metrics"]]
        parts.append(
            _rows([text(name) for name, _ in cells], [[text(value) for _, value in cells]], [])
        )
    parts += [f"> {text(notice)}" for notice in tree["notices"]]
    for entry in tree["entries"]:
        if entry["title"]:
            at = f" · {text(entry['at'])}" if entry["at"] else ""
            parts.append(f"## {text(entry['title'])}{at}")
        parts.append(blocks(entry["blocks"]))
        if entry["note"]:
            parts.append(f"*{text(entry['note'])}*")
    if tree["details"]:
        parts += ["## Replies in figures", blocks(tree["details"])]
    return ("\n\n".join(filter(None, parts)) + "\n").encode()


def blocks(nodes: Sequence[Node]) -> str:
    """Blocks, with an empty line between them."""
    return "\n\n".join(filter(None, map(_block, nodes)))


def text(words: str) -> str:
    """Words that mean nothing but themselves, on one line."""
    line = " ".join(words.split())
    shown = _MARKUP.sub(lambda found: f"&#{ord(found[0])};", line)
    return _LINE_START.sub(r"\1\\\2" if not line[:1].isdigit() else r"\1\2\\", shown)


def fenced(code: str, language: str = "") -> str:
    """A code block that its content cannot close."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    language = re.sub(r"[^\w+#.-]", "", language)
    return f"{fence}{language}\n{code}\n{fence}"


def inline(nodes: Sequence[Node]) -> str:
    """The text of a paragraph."""
    return "".join(map(_leaf, nodes))


def _block(node: Node) -> str:
    kind = node["kind"]
    if kind == "para":
        return _guarded(inline(node["inline"]))
    if kind == "heading":
        return f"{'#' * min(int(node['level']) + 2, 6)} {inline(node['inline'])}"
    if kind in ("list", "enum"):
        return _list(node)
    if kind == "quote":
        return _indented(blocks(node["blocks"]), "> ", "> ")
    if kind == "source":
        return fenced(node["text"], node["language"])
    if kind == "plain":
        return fenced(node["text"], "text")
    if kind == "table":
        rows = [list(map(inline, row)) for row in node["rows"]]
        return _rows(list(map(inline, node["head"])), rows, node["align"])
    if kind == "use":
        words = ", ".join(filter(None, (node["status"], node["seconds"])))
        title = f"**Tool {_code(node['name'])}** {text(words)}".strip()
        return "\n\n".join(filter(None, (title, blocks(node["call"]), blocks(node["answer"]))))
    if kind == "picture":
        return f"*[figure] {text(node['label'])}*"
    return "---" if kind == "rule" else f"*{text(node.get('text', ''))}*"


def _list(node: Node) -> str:
    number = int(node.get("start", 1))
    found = []
    for position, item in enumerate(node["items"], start=number):
        mark = "- " if node["kind"] == "list" else f"{position}. "
        found.append(_indented(blocks(item["blocks"]), mark, " " * len(mark)))
    return "\n".join(found)


def _indented(body: str, first: str, others: str) -> str:
    lines = body.split("\n")
    return "\n".join(
        (first if n == 0 else others) + line if line or n == 0 else others.rstrip()
        for n, line in enumerate(lines)
    )


def _leaf(node: Node) -> str:
    kind = node["kind"]
    if kind == "text":
        return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", node["text"].replace("\n", " "))
    if kind == "code":
        return _code(node["text"])
    if kind == "break":
        return "<br>"
    inner = inline(node["inline"])
    if kind == "link" and is_web(node["to"]):
        address = re.sub(r"[<>\s\\|`]", "", node["to"])
        return f"[{inner}](<{html.escape(address)}>)"
    sign = _SIGNS.get(kind, "")
    return f"{sign}{inner}{sign}" if inner.strip() else inner


def _code(words: str) -> str:
    """Words as code, in whichever way they cannot leave it."""
    if _PLAIN_CODE.fullmatch(words):
        return f"`{words}`"
    return f"<code>{_MARKUP.sub(lambda found: f'&#{ord(found[0])};', words)}</code>"


def _guarded(paragraph: str) -> str:
    """A paragraph whose first characters do not begin a list or a rule."""
    pattern = r"\1\2\\" if paragraph.lstrip()[:1].isdigit() else r"\1\\\2"
    return _LINE_START.sub(pattern, paragraph)


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]], align: Sequence[str]) -> str:
    signs = {"right": "--:", "center": ":-:"}
    marks = [signs.get(align[n], "---") if n < len(align) else "---" for n in range(len(head))]
    lines = [head, marks, *([*row, *[""] * (len(head) - len(row))] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _facts(tree: Any) -> str:
    facts = [*tree["facts"], {"name": "Report made", "value": tree["made"]}]
    return "\n".join(f"- {text(fact['name'])}: {text(fact['value'])}" for fact in facts)


def as_json(document: ReportDocument) -> bytes:
    """The report as data, with nothing left out."""
    from notebook_agents.core.report_documents import document_to_json

    return json.dumps(json.loads(document_to_json(document)), indent=2, ensure_ascii=False).encode()
