"""A conversation as HTML and as text that need no kernel, no browser module and no network.

This is what a saved notebook shows where the panel cannot live: on GitHub, in nbconvert, in a front
end without widgets, or when the kernel is gone. All text of models, tools and people is escaped; a
few marks of Markdown become tags, and links and pictures stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from notebook_agents.magics.markdown import plain

if TYPE_CHECKING:
    from notebook_agents.widgets.chat_board import Record

MAX_OUTPUT_CHARS = 2000
"""Of a tool's result; a transcript is read, not computed with."""
CLASS = "notebook-agents-transcript"
NO_ERROR = (
    f".jp-OutputArea-child:has(+ .jp-OutputArea-child .{CLASS})"
    " .jupyter-widgets:not(:has(*)) { display: none; }"
)
"""Where JupyterLab has no widget for the output above, it says so in a line without elements."""
NAMES = {"user": "You", "assistant": "Agent", "system": "System"}
STATES = {"succeeded": "✓", "running": "…", "waiting": "?"}
"""The sign of a tool call; ✗ for every other state."""
_FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)(?:^\1[`~]*[ \t]*$|\Z)", re.M | re.S)
_CODE = re.compile(r"`([^`\n]+)`")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(.*)")


def as_html(title: str, messages: Iterable[Record], marker: str = "") -> str:
    """The transcript, closed; ``marker`` is one more class, by which a live panel hides it."""
    shown = [message for message in messages if message["blocks"] or message.get("error")]
    heading = escape(plain(title)) or "Chat"
    count = f"{len(shown)} message{'' if len(shown) == 1 else 's'}"
    body = "\n".join(_message(message) for message in shown) or "<p>Nothing was said yet.</p>"
    return (
        f"<style>{NO_ERROR}</style>\n"
        f'<details class="{escape(f"{CLASS} {marker}".strip())}">\n'
        f"<summary>Transcript: {heading} <small>({count})</small></summary>\n{body}\n</details>"
    )


def as_text(title: str, messages: Iterable[Record]) -> str:
    """The transcript as plain text."""
    lines = [plain(title) or "Chat"]
    for message in messages:
        lines.append(f"\n{NAMES.get(message['role'], message['role'])}:")
        lines += [text for block in message["blocks"] if (text := _block_text(block))]
        if message.get("error"):
            lines.append(f"[{plain(message['error']['text'])}]")
    return "\n".join(lines)


def _message(message: Record) -> str:
    name = NAMES.get(str(message["role"]), str(message["role"]))
    hidden = " <small>(hidden from the model)</small>" if message.get("is_hidden") else ""
    parts = [f"<p><b>{escape(name)}</b>{hidden}</p>"]
    chips = [escape(plain(str(chip["label"]))) for chip in message.get("attachments") or ()]
    if chips:
        parts.append(f"<p><small>Attached: {', '.join(chips)}</small></p>")
    parts += [html for block in message["blocks"] if (html := _block(block))]
    if message.get("error"):
        parts.append(f"<p><b>✗ {escape(plain(message['error']['text']))}</b></p>")
    if message["state"] == "cancelled":
        parts.append("<p><b>■ stopped</b></p>")
    if footer := (message.get("footer") or {}).get("text"):
        parts.append(f"<p><small>{escape(plain(footer))}</small></p>")
    return f"<blockquote>\n{chr(10).join(parts)}\n</blockquote>"


def _block(block: Record) -> str:
    match block["type"]:
        case "text" | "thought":
            return _markdown(block["text"])
        case "note":
            return f"<p><small>⚠ {escape(plain(block['text']))}</small></p>"
        case "tool":
            return _tool(block)
        case "approval":
            return f"<p><small>{escape(_decided(block))}</small></p>"
        case "figure":
            return _figure(block)
        case _:
            return ""


def _block_text(block: Record) -> str:
    match block["type"]:
        case "text" | "thought" | "note":
            return plain(block["text"])
        case "tool":
            code = block["code"]["text"] if block.get("code") else block.get("summary", "")
            head = f"[{block['name']}] {block['status']}"
            return "\n".join(plain(t) for t in (head, code, _clipped(block["output"])) if t)
        case "approval":
            return f"[{_decided(block)}]"
        case "figure":
            return f"[figure] {plain(block['label'])}"
        case _:
            return ""


def _tool(block: Record) -> str:
    sign = STATES.get(block["status"], "✗")
    code = block.get("code")
    source = code["text"] if code else (block.get("summary") or "")
    inner = [f"<pre><code>{escape(plain(source))}</code></pre>"] if source else []
    if block["output"]:
        inner.append(f"<pre>{escape(plain(_clipped(block['output'])))}</pre>")
    title = f"{sign} {escape(plain(block['label']))} <small>{escape(block['status'])}</small>"
    return f"<details>\n<summary>{title}</summary>\n{chr(10).join(inner)}\n</details>"


def _decided(block: Record) -> str:
    words = {
        "once": "allowed",
        "conversation": "allowed for this conversation",
        "denied": "denied",
        "expired": "denied, because nobody answered",
    }
    decision = words.get(block["decision"] or "", "not answered")
    decision += ", with changes" if block.get("is_edited") else ""
    feedback = f": {plain(block['feedback'])}" if block.get("feedback") else ""
    return f"{plain(block['label'])}: {decision}{feedback}"


def _figure(block: Record) -> str:
    label = escape(plain(block["label"]))
    if block["media_type"] in ("image/png", "image/jpeg") and re.fullmatch(
        r"[A-Za-z0-9+/=\s]+", block["content"]
    ):
        source = f"data:{block['media_type']};base64,{''.join(block['content'].split())}"
        return f'<p><img src="{source}" alt="{label}"></p>'
    return f"<p><small>Figure: {label}</small></p>"


def _clipped(text: str) -> str:
    if len(text) <= MAX_OUTPUT_CHARS:
        return text
    return f"{text[:MAX_OUTPUT_CHARS]}\n… {len(text) - MAX_OUTPUT_CHARS:,} more characters"


def _markdown(text: str) -> str:
    text, parts, position = plain(text), list[str](), 0
    for found in _FENCE.finditer(text):
        parts.append(_prose(text[position : found.start()]))
        parts.append(f"<pre><code>{escape(found[2].rstrip())}</code></pre>")
        position = found.end()
    parts.append(_prose(text[position:]))
    return "\n".join(part for part in parts if part)


def _prose(text: str) -> str:
    paragraphs = [part for part in re.split(r"\n\s*\n", text.strip()) if part]
    return "\n".join(_paragraph(part.split("\n")) for part in paragraphs)


def _paragraph(lines: list[str]) -> str:
    items = [found[1] for line in lines if (found := _ITEM.fullmatch(line))]
    if len(items) == len(lines):
        return f"<ul>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</ul>"
    shown = [
        f"<b>{_inline(heading[1])}</b>" if (heading := _HEADING.fullmatch(line)) else _inline(line)
        for line in lines
    ]
    return f"<p>{'<br>'.join(shown)}</p>"


def _inline(text: str) -> str:
    text = _CODE.sub(r"<code>\1</code>", escape(text))
    return _BOLD.sub(r"<b>\1</b>", text)
