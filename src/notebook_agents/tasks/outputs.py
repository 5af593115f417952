"""What a cell puts out, kept within bounds and in time that grows with its length only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

MAX_PRINTED = 1_000_000
"""Characters that are kept of what a cell prints, of each of its two streams."""
MAX_SHOWN = 8_000_000
"""Characters that are kept of all that a cell displays."""
MAX_DISPLAYS = 1000
MAX_ERROR = 100_000
PRINTED_NOTE = f"\n… no more than {MAX_PRINTED:,} characters are kept of what a cell prints\n"
SHOWN_NOTE = f"… not kept: a cell may display {MAX_SHOWN:,} characters and {MAX_DISPLAYS:,} outputs"
_MOVE = re.compile("(\n|\r+|\b+)")


def as_left(text: str) -> str:
    """What is to be seen of it: a carriage return begins a line anew, a backspace takes back."""
    if "\r" not in text and "\b" not in text:
        return text
    done: list[str] = []
    line: list[str] = []
    is_returned = False
    for part in _MOVE.split(text):
        if part == "\n":
            done += (*line, part)
            line, is_returned = [], False
        elif part.startswith("\r"):
            is_returned = True
        elif part:
            if is_returned:
                line, is_returned = [], False
            if part.startswith("\b"):
                _take_back(line, len(part))
            else:
                line.append(part)
    return "".join((*done, *line))


def compacted(outputs: list[Any]) -> list[Any]:
    """The outputs with what was printed in one per stream, and all of it within bounds."""
    kept: list[Any] = []
    streams: dict[str, Any] = {}
    texts: dict[str, list[str]] = {}
    n_displays = n_shown = 0
    for output in outputs:
        if output["output_type"] == "stream":
            if output["name"] not in streams:
                kept.append(streams.setdefault(output["name"], output))
            texts.setdefault(output["name"], []).append(output["text"])
            continue
        if output["output_type"] == "error":
            _cut_error(output)
        else:
            n_displays += 1
            n_shown += size_of(output["data"])
            if n_shown > MAX_SHOWN or n_displays >= MAX_DISPLAYS:
                n_shown -= size_of(output["data"])
                output["data"], output["metadata"] = {"text/plain": SHOWN_NOTE}, {}
        if n_displays <= MAX_DISPLAYS or output["output_type"] == "error":
            kept.append(output)
    for name, output in streams.items():
        output["text"] = _cut_text(as_left("".join(texts[name])))
    return _in_order(kept)


def size_of(data: Mapping[str, Any]) -> int:
    """Characters of what is displayed."""
    texts = (each if isinstance(each, str) else json.dumps(each) for each in data.values())
    return sum(map(len, texts))


def _take_back(line: list[str], n: int) -> None:
    while line and n:
        last = line.pop()
        if len(last) > n:
            line.append(last[:-n])
        n -= min(n, len(last))


def _cut_text(text: str) -> str:
    # Where it was cut before, the note stands at the same place, and is written anew.
    return text if len(text) <= MAX_PRINTED else text[:MAX_PRINTED] + PRINTED_NOTE


def _cut_error(output: Any) -> None:
    output["evalue"] = output["evalue"][:MAX_ERROR]
    text = "\n".join(output["traceback"])
    if len(text) > MAX_ERROR:
        output["traceback"] = [text[: MAX_ERROR // 2], "…", text[-MAX_ERROR // 2 :]]


def _in_order(outputs: list[Any]) -> list[Any]:
    """With what goes to stdout first: of two streams side by side nothing says which was."""
    for n, (one, other) in enumerate(pairwise(outputs)):
        if (one.get("name"), other.get("name")) == ("stderr", "stdout"):
            outputs[n : n + 2] = other, one
            break
    return outputs
