"""What a model reads of code that ran in the notebook: the same form as of its tool kernel."""

from __future__ import annotations

import re
from collections.abc import Sequence

from notebook_agents.core.formatting import MAX_ROWS, clip_text, more_line
from notebook_agents.core.masking import masked
from notebook_agents.live.execution import Outcome

MAX_CHARS = 1500
MAX_MESSAGE_CHARS = 500
FIGURE, LARGE_FIGURE = "[figure]", "[figure, too large to show]"
CODES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0e-\x1f]"
)
"""Colours and other control sequences of terminals."""


def content_of(outcome: Outcome) -> str:
    """What it printed, bounded, with a line for each figure; of a failure the error first."""
    content = printed_of(outcome)
    if not outcome.error_name:
        return content
    line = error_line_of(outcome)
    return f"Error: {line}" + (f"\nPrinted before:\n{content}" if content else "")


def printed_of(outcome: Outcome) -> str:
    """What it printed and drew."""
    printed = masked(plain(outcome.output)).strip()
    marks = [FIGURE] * len(outcome.figures) + [LARGE_FIGURE] * outcome.n_figures_left_out
    texts = _fit(printed.split("\n") if printed else [], "lines"), _fit(marks, "figures")
    return "\n".join(text for text in texts if text)


def error_line_of(outcome: Outcome) -> str:
    """The error in one line, and where in the code it is."""
    message = masked(" ".join(plain(outcome.error_message).split()))[:MAX_MESSAGE_CHARS]
    text = f"{outcome.error_name}: {message}" if message else outcome.error_name
    return f"{text} (line {outcome.error_line})" if outcome.error_line > 1 else text


def plain(text: str) -> str:
    """The text without terminal codes, with carriage returns applied."""
    lines = CODES.sub("", text.replace("\r\n", "\n")).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def _fit(lines: Sequence[str], noun: str) -> str:
    room = MAX_CHARS - len(more_line(len(lines), noun)) - 1
    kept: list[str] = []
    for line in lines[:MAX_ROWS]:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    if not kept and lines:
        kept = [clip_text(lines[0], max_chars=MAX_CHARS // 2)]
    n_left_out = len(lines) - len(kept)
    return "\n".join([*kept, *([more_line(n_left_out, noun)] if n_left_out else [])])
