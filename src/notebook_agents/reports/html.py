"""A report as one HTML file: nothing is fetched, nothing runs, nothing of others is markup.

Charts are drawn pictures, so the page needs no script and its own policy forbids them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from notebook_agents.core.report_documents import ReportDocument
from notebook_agents.reports.layout import Layout
from notebook_agents.reports.nodes import Node, is_web

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
_TAGS = {"strong": "strong", "emph": "em", "strike": "s"}


def html(document: ReportDocument) -> bytes:
    """The page."""
    layout = Layout()
    tree = layout.tree(document)
    return _Page(layout.pictures).page(tree).encode()


class _Page:
    """Writes the nodes of a tree; every text goes through `escape`."""

    def __init__(self, pictures: Mapping[str, bytes]) -> None:
        self._pictures = pictures
        self._writers: Mapping[str, Callable[[Node], str]] = {
            "para": lambda node: f"<p>{inline(node['inline'])}</p>",
            "heading": self._heading,
            "list": lambda node: f"<ul>{self._blocks(node['items'])}</ul>",
            "enum": self._enum,
            "item": lambda node: f"<li>{self._blocks(node['blocks'])}</li>",
            "quote": lambda node: f"<blockquote>{self._blocks(node['blocks'])}</blockquote>",
            "source": lambda node: f'<pre class="source"><code>{escape(node["text"])}</code></pre>',
            "plain": self._plain,
            "table": _table,
            "rule": lambda _: "<hr>",
            "picture": self._picture,
            "enclosure": lambda node: f'<p class="enclosure">{escape(node["text"])}</p>',
            "use": self._use,
        }

    def page(self, tree: Node) -> str:
        """The whole page."""
        kind = "Task report" if tree["kind"] == "execution" else "Conversation report"
        notices = "".join(f'<p class="notice">{escape(text)}</p>' for text in tree["notices"])
        details = self._blocks(tree["details"])
        facts = [*tree["facts"], {"name": "Report made", "value": tree["made"], "hint": ""}]
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n'
            '<meta name="referrer" content="no-referrer">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(tree['title'])}</title>\n<style>{_style()}</style>\n</head>\n"
            f'<body>\n<header><p class="kind">{kind}</p><h1>{escape(tree["title"])}</h1>'
            f"<dl>{''.join(map(_fact, facts))}</dl></header>\n"
            f'<ul class="metrics">{"".join(map(_metric, tree["metrics"]))}</ul>\n'
            f"{notices}<main>\n{''.join(map(self._entry, tree['entries']))}</main>\n"
            f"{'<section><h2>Replies in figures</h2>' + details + '</section>' if details else ''}"
            "\n</body>\n</html>\n"
        )

    def _entry(self, entry: Node) -> str:
        head = ""
        if entry["title"] or entry["at"]:
            head = (
                f'<div class="head"><strong>{escape(entry["title"])}</strong>'
                f"<time>{escape(entry['at'])}</time></div>"
            )
        note = f'<p class="note">{escape(entry["note"])}</p>' if entry["note"] else ""
        body = self._blocks(entry["blocks"])
        role = escape(entry["role"])
        return f'<article class="{role}">{head}<div class="body">{body}</div>{note}</article>\n'

    def _blocks(self, nodes: Sequence[Node]) -> str:
        return "".join(self._writers[node["kind"]](node) for node in nodes)

    def _heading(self, node: Node) -> str:
        level = min(int(node["level"]) + 2, 6)  # below the headings of the page
        return f"<h{level}>{inline(node['inline'])}</h{level}>"

    def _enum(self, node: Node) -> str:
        return f'<ol start="{int(node["start"])}">{self._blocks(node["items"])}</ol>'

    def _plain(self, node: Node) -> str:
        kind = "plain error" if node["error"] else "plain"
        return f'<pre class="{kind}">{escape(node["text"])}</pre>'

    def _picture(self, node: Node) -> str:
        if "svg" in node:
            kind, content = "svg+xml", str(node["svg"]).encode()
        else:
            kind, content = "png", self._pictures[node["file"]]
        label, data = escape(node["label"]), base64.b64encode(content).decode()
        caption = f"<figcaption>{label}</figcaption>" if label else ""
        return (
            f'<figure><img src="data:image/{kind};base64,{data}" alt="{label}">{caption}</figure>'
        )

    def _use(self, node: Node) -> str:
        words = ", ".join(filter(None, (node["status"], node["seconds"])))
        mark = "" if node["good"] else "✗ "
        kind = "use" if node["good"] else "use failed"
        return (
            f'<details open class="{kind}"><summary>{mark}<code>{escape(node["name"])}</code>'
            f" <small>{escape(words)}</small></summary>{self._blocks(node['call'])}"
            f"{self._blocks(node['answer'])}</details>"
        )


def inline(nodes: Sequence[Node]) -> str:
    """The text of a paragraph."""
    return "".join(map(_leaf, nodes))


def _leaf(node: Node) -> str:
    kind = node["kind"]
    if kind == "text":
        return escape(node["text"])
    if kind == "code":
        return f"<code>{escape(node['text'])}</code>"
    if kind == "break":
        return "<br>"
    inner = inline(node["inline"])
    if kind == "link" and is_web(node["to"]):
        return f'<a href="{escape(node["to"])}" rel="noopener noreferrer nofollow">{inner}</a>'
    tag = _TAGS.get(kind)
    return f"<{tag}>{inner}</{tag}>" if tag else inner


def _table(node: Node) -> str:
    aligns = node["align"]

    def row(cells: Sequence[Any], tag: str) -> str:
        made = [
            f'<{tag} class="{aligns[n] if n < len(aligns) else "left"}">{inline(cell)}</{tag}>'
            for n, cell in enumerate(cells)
        ]
        return f"<tr>{''.join(made)}</tr>"

    body = "".join(row(cells, "td") for cells in node["rows"])
    head = row(node["head"], "th")
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _fact(fact: Node) -> str:
    return f"<div><dt>{escape(fact['name'])}</dt><dd>{escape(fact['value'])}</dd></div>"


def _metric(fact: Node) -> str:
    hint = f" <em>{escape(fact['hint'])}</em>" if fact["hint"] else ""
    return f"<li><small>{escape(fact['name'])}</small><b>{escape(fact['value'])}</b>{hint}</li>"


def _style() -> str:
    return resources.files("notebook_agents.reports").joinpath("report.css").read_text("utf-8")
