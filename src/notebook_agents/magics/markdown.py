"""A run as Markdown for a notebook, with everything that a model or a tool wrote made harmless.

Text of a model is Markdown, and stays so, but it cannot bring HTML, images (which would fetch an
address of the model's choice) or links to anything but web pages. No angle bracket of theirs is
ever written as such, inside code or outside, so the output is safe in front ends that do not
sanitise, wherever they see code begin and end.
"""

from __future__ import annotations

import json
import re

from notebook_agents.core.forecasts import words_of
from notebook_agents.magics.transcript import ToolBlock, Transcript

MAX_RESULT_CHARS = 4000
"""Of a tool's result; the whole is in ``.tool_calls`` of the answer."""
MARKS = {"waiting": "?", "running": "…", "succeeded": "✓"}
"""The sign in front of a tool call; ✗ for every other state."""

_FENCED = re.compile(
    r"^(?P<fence>(?P<sign>[`~])(?P=sign){2,}+)(?P<info>(?<=~)[^\n]*+|[^`\n]*+)$"
    r"(?P<code>.*?)(?P<end>^ {0,3}(?P=fence)(?P=sign)*[ \t]*$|\Z)",
    re.M | re.S,
)
"""A code block that begins at the margin: such a one belongs to no list or quotation."""
_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)([^\n]+?)(?<!`)\1(?!`)")
_MARKUP = re.compile(r"[&<>\"'`*_\[\]!|\\~$#{}=^@+]")
_LINK = re.compile(r"\](\(|\[|:)(?P<target>\s*[^\s)]*)")
_WEB = re.compile(r"\s*(?:https?://|mailto:|#|[\w./-]*$)", re.I)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Text without control characters, which a terminal would obey."""
    return _CONTROL.sub("", text)


def in_markdown(text: str) -> str:
    """Text of others on one line of Markdown or HTML, where it means nothing but itself."""
    return _entities(" ".join(plain(text).split()))


def safe_markdown(text: str) -> str:
    """A model's Markdown without HTML, images and links to anything but web pages.

    Renderers disagree on where code begins and ends. So nothing is left as it is because it looks
    like code: code that holds markup is written as entities, which are harmless anywhere.
    """
    text = plain(text)
    pieces: list[str] = []
    position = 0
    for found in _FENCED.finditer(text):
        pieces.append(_safe_inline(text[position : found.start()]))
        # One that was not closed would swallow whatever is shown next.
        closing = "" if found["end"] else f"\n{found['fence']}"
        code = found["code"].removeprefix("\n").removesuffix("\n")
        pieces.append(f"{found[0]}{closing}" if _is_harmless(found[0]) else _preformatted(code))
        position = found.end()
    pieces.append(_safe_inline(text[position:]))
    return "".join(pieces)


def fenced(text: str, language: str = "text") -> str:
    """A code block that its content can neither close nor, where it is not taken for one, use."""
    text = plain(text)
    if not _is_harmless(text):
        return _preformatted(text)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def as_markdown(transcript: Transcript, *, has_text: bool = True) -> str:
    """The whole run; ``has_text`` False leaves out text that is still being written."""
    is_over = bool(transcript.state)
    parts: list[str] = []
    for block in transcript.blocks:
        if isinstance(block, ToolBlock):
            parts.append(tool_markdown(block))
        elif block.text.strip() and (has_text or is_over):
            parts.append(_in_form(block.text.strip("\n"), transcript))
    if transcript.state == "cancelled":
        parts.append("**■ stopped**")
    for number, figure in enumerate(transcript.figures, start=1):
        parts.append(f"<small>Figure {number}: {in_markdown(figure.label)}</small>")
    parts += [f"<small>⚠ {in_markdown(note)}</small>" for note in transcript.notes]
    last = transcript.summary if is_over else f"{transcript.phase}{transcript.waiting}"
    if last:
        parts.append(f"<small>{in_markdown(last)}</small>")
    return "\n\n".join(parts)


def _in_form(text: str, transcript: Transcript) -> str:
    # Imported here because forms are made of what this file offers.
    from notebook_agents.magics.formats import text_markdown

    return text_markdown(text, transcript.format, is_over=bool(transcript.state))


def tool_markdown(block: ToolBlock) -> str:
    """A tool call as one line that opens to its arguments and raw result."""
    brief = in_markdown(brief_arguments(block))
    title = f"{MARKS.get(block.status, '✗')} <b>{in_markdown(block.name)}</b>"
    title += f" <code>{brief}</code>" if brief else ""
    if block.is_done:
        outcome = "" if block.status == "succeeded" else f"{block.status.replace('_', ' ')}, "
        title += f" <small>{outcome}{block.duration_ms / 1000:.1f} s</small>"
    body = [_arguments(block)]
    if block.status == "waiting" and (reasons := _reasons(block)):
        body.append(fenced("\n".join(reasons)))
    if block.content:
        body.append(fenced(_clipped(block.content)))
    inner = "\n\n".join(_quoted(part) for part in body)
    # The empty paragraph keeps the answer at a distance.
    is_open = " open" if block.status == "waiting" else ""
    return f"<details{is_open}>\n<summary>{title}</summary>\n\n{inner}\n\n</details>\n<p></p>"


def _reasons(block: ToolBlock) -> list[str]:
    """What a call that waits would do, by line, and what such a call took before."""
    places = [f"line {finding.line}: " if finding.line else "" for finding in block.findings]
    reasons = [f"{where}{f.text}" for where, f in zip(places, block.findings, strict=True)]
    return reasons + ([f"expect {words_of(block.forecast)}"] if block.forecast else [])


def brief_arguments(block: ToolBlock, *, max_chars: int = 66) -> str:
    """The arguments on one short line."""
    values = list(block.arguments.values())
    if len(values) == 1 or set(block.arguments) & {"code", "query"}:
        text = str(block.arguments.get("code") or block.arguments.get("query") or values[0])
    else:
        text = ", ".join(f"{key}={value!r}" for key, value in block.arguments.items())
    text = " ".join(text.split())
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def _arguments(block: ToolBlock) -> str:
    for key, language in (("code", "python"), ("query", "sql")):
        source = block.arguments.get(key)
        if isinstance(source, str):
            return fenced(source, language)
    return fenced(json.dumps(block.arguments, indent=1, ensure_ascii=False, default=str), "json")


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def _clipped(text: str) -> str:
    if len(text) <= MAX_RESULT_CHARS:
        return text
    return f"{text[:MAX_RESULT_CHARS]}\n… {len(text) - MAX_RESULT_CHARS:,} more characters"


def _safe_inline(text: str) -> str:
    pieces: list[str] = []
    position = 0
    for found in _SPAN.finditer(text):
        pieces.append(_safe_text(text[position : found.start()]))
        pieces.append(found[0] if _is_harmless(found[0]) else f"<code>{_entities(found[2])}</code>")
        position = found.end()
    pieces.append(_safe_text(text[position:]))
    return "".join(pieces)


def _is_harmless(code: str) -> bool:
    return _safe_text(code) == code


def _preformatted(code: str) -> str:
    return f"<pre><code>{_entities(code)}</code></pre>"


def _entities(text: str) -> str:
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", text)


def _safe_text(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("![", "!\\[")
    return _LINK.sub(_safe_link, text)


def _safe_link(found: re.Match[str]) -> str:
    if found[1] == "[" or _WEB.match(found["target"]):
        return found[0]
    return f"\\{found[0]}"
