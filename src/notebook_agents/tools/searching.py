"""What `search_files` does inside the tool kernel: one pattern over many files, bounded.

A regular expression of a model can take for ever on a line, so the whole search has its own time,
a share of the call's; what was found until then is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from notebook_agents.tools.beneath import FileMissing, FileUnreadable, PathDenied
from notebook_agents.tools.deadlines import TooLong, limited_time
from notebook_agents.tools.reading import MAX_READ_BYTES, list_folder, read_lines

MAX_SECONDS = 10.0
MAX_MATCHES = 1000
MAX_LINE_CHARS = 300
MAX_LINES = 1_000_000
"""Of one file."""
MAX_CHARS = 16 * MAX_READ_BYTES
"""Of all files together."""


class PatternDenied(Exception):
    """The pattern is no regular expression."""


def search(root: str, pattern: str, path: str, files: str, *, ignore_case: bool) -> dict[str, Any]:
    """The lines that match, and why the search ended before all files were read, if it did."""
    try:
        expression = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternDenied(f"{pattern!r:.200} is not a regular expression: {error}") from None
    matches: list[dict[str, Any]] = []
    stopped = ""
    try:
        with limited_time(MAX_SECONDS):
            for match in _matches(root, expression, _names(root, path, files)):
                if len(matches) == MAX_MATCHES:
                    stopped = f"the first {MAX_MATCHES} matches"
                    break
                matches.append(match)
    except TooLong:
        stopped = f"stopped after {MAX_SECONDS:g} seconds"
    n_files = len({match["path"] for match in matches})
    return {"matches": matches, "n_files": n_files, "stopped": stopped}


def _names(root: str, path: str, files: str) -> list[str]:
    """The files to look into; ``path`` may be one itself."""
    try:
        found = list_folder(root, path, files)["files"]
    except FileMissing:
        read_lines(root, path, 1, 1)  # says what is there when it is no file either
        return [path]
    return [name for name in found if not name.endswith("/")]


def _matches(root: str, expression: re.Pattern[str], names: list[str]) -> Iterator[dict[str, Any]]:
    room = MAX_CHARS
    for name in names:
        try:
            lines = read_lines(root, name, 1, MAX_LINES, max_chars=MAX_READ_BYTES)["lines"]
        except (FileMissing, FileUnreadable, PathDenied):
            continue  # it is gone, is not text, or is none that is read
        for number, line in enumerate(lines, start=1):
            room -= len(line) + 1
            if room <= 0:
                return
            if match := expression.search(line):
                yield {"path": name, "line": number, "text": _around(line, match.start())}


def _around(line: str, start: int) -> str:
    """The line, of a long one the part around the match."""
    if len(line) <= MAX_LINE_CHARS:
        return line
    first = min(max(0, start - MAX_LINE_CHARS // 3), len(line) - MAX_LINE_CHARS)
    part = line[first : first + MAX_LINE_CHARS]
    return f"{'...' if first else ''}{part}{'...' if first + len(part) < len(line) else ''}"
