"""How long the lines of a log are: who reads them with SQL has to say that before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

LONGEST_BYTES = 64 << 20
"""No event is longer: what DuckDB has room for in the memory that a question gets."""
USUAL_BYTES = 16 << 20
"""DuckDB's own bound for a line. It keeps twice as much ready, so only longer ones raise it."""
PART_BYTES = 1 << 20
"""How much of a file is looked at at once."""


def longest_object_bytes(files: Iterable[str]) -> int:
    """The bound that lets every line of these files be read; FileNotFoundError when one went."""
    longest = USUAL_BYTES
    for file in map(Path, files):
        if file.stat().st_size > longest:
            longest = max(longest, _longest_line(file) + 1)
    return longest


def _longest_line(path: Path) -> int:
    longest = began = position = 0
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            first = part.find(b"\n")
            if first >= 0:
                longest = max(longest, position + first - began)
                inner = max(map(len, part[first + 1 :].split(b"\n")[:-1]), default=0)
                longest = max(longest, inner)
                began = position + part.rfind(b"\n") + 1
            position += len(part)
    return max(longest, position - began)
