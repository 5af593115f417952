"""What the text tools do inside the tool kernel: compare two texts, count what is in one."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from notebook_agents.tools.deadlines import TooLong, limited_time
from notebook_agents.tools.reading import MAX_READ_BYTES, read_lines
from notebook_agents.tools.writing import diff

MAX_SECONDS = 10.0
MAX_LINES = 1_000_000
MAX_WORD_CHARS = 40
WORD = re.compile(r"[^\W\d_][\w'’-]*")  # noqa: RUF001 - the apostrophe of printed texts


def compare(root: str, path: str, other: str, n_context: int) -> dict[str, Any]:
    """A unified diff of two files, without their kinds of line ends."""
    before, after = _text(root, path), _text(root, other)
    try:
        with limited_time(MAX_SECONDS):
            shown = "" if before == after else diff(before, after, path, other, n_context=n_context)
    except TooLong:
        raise TimeoutError(f"comparing took longer than {MAX_SECONDS:g} seconds") from None
    return {"is_same": before == after, "diff": shown}


def statistics(root: str, path: str, n_words: int) -> dict[str, Any]:
    """What a file consists of."""
    lines = _text(root, path).split("\n")
    words = Counter(word.lower() for line in lines for word in WORD.findall(line))
    frequent = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:n_words]
    return {
        "lines": len(lines) if lines != [""] else 0,
        "empty_lines": sum(not line.strip() for line in lines) if lines != [""] else 0,
        "words": words.total(),
        "different_words": len(words),
        "characters": sum(len(line) + 1 for line in lines) - 1,
        "longest_line": max(map(len, lines)),
        "frequent_words": [[word[:MAX_WORD_CHARS], n] for word, n in frequent],
    }


def _text(root: str, path: str) -> str:
    found = read_lines(root, path, 1, MAX_LINES, max_chars=MAX_READ_BYTES)
    return "\n".join(found["lines"])
