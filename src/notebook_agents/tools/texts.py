"""Cuts what a tool found to what a model gets to see, and says how much was left out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from notebook_agents.core.formatting import MAX_ROWS, clip_text, more_line

MAX_CHARS = 1500
MAX_MESSAGE_CHARS = 500
TERMINAL_CODES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[@-_]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    r"|[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Colours, links, other control sequences, and characters that hide or reorder text."""


def fit_lines(
    lines: Sequence[str], noun: str, *, max_lines: int = MAX_ROWS, n_more: int = 0
) -> str:
    """As many lines as fit, and a last line such as ``... 7 more lines`` for the others."""
    room = MAX_CHARS - len(more_line(len(lines) + n_more, noun)) - 1
    kept: list[str] = []
    for line in lines[:max_lines]:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    if not kept and lines:
        kept = [clip_text(lines[0], max_chars=MAX_CHARS // 2)]
    n_left_out = len(lines) - len(kept) + n_more
    return "\n".join([*kept, *([more_line(n_left_out, noun)] if n_left_out else [])])


def plain(text: str) -> str:
    """The text without terminal codes and characters that hide text; carriage returns applied."""
    lines = TERMINAL_CODES.sub("", text.replace("\r\n", "\n")).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def one_line(text: str) -> str:
    """The text on one line, cut when it is long."""
    joined = " ".join(plain(text).split())
    return joined if len(joined) <= MAX_MESSAGE_CHARS else f"{joined[:MAX_MESSAGE_CHARS]}..."
