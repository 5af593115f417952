"""How values, tables and long texts are written for a model to read.

Tools use these functions for their results and the training data of the bundled model uses the
same ones, so the model meets in use exactly the text it met in training. The form is chosen to be
easy to copy: no padding, no alignment, one row per line, short numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

SEPARATOR = ", "
"""What stands between two cells of a row."""

MAX_ROWS = 20
"""Rows of a table that a model gets to see unless the caller says otherwise."""


def format_number(value: float | None) -> str:
    """Write a number: integers as they are, floats with 12 significant digits, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    return f"{value:.12g}"


def format_cell(value: object) -> str:
    """Write one cell of a table on one line."""
    if value is None or isinstance(value, int | float):
        return format_number(value)
    return " ".join(str(value).split("\n"))


def format_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, max_rows: int = MAX_ROWS
) -> str:
    """Write a header line and one line per row; say in a last line how many rows were left out."""
    remaining = iter(rows)
    lines = [SEPARATOR.join(columns)]
    lines += [SEPARATOR.join(map(format_cell, row)) for row in islice(remaining, max_rows)]
    n_left_out = sum(1 for _ in remaining)
    if n_left_out:
        lines.append(more_line(n_left_out, "rows"))
    return "\n".join(lines)


def more_line(count: int, noun: str) -> str:
    """Write the last line of something that was cut, such as `... 7 more rows`."""
    return f"... {count} more {noun}"


def clip_text(text: str, *, max_chars: int, marker: str = "...") -> str:
    """Shorten a text to at most `max_chars` characters, at the end of a line where possible.

    The marker stands on a line of its own and is counted. A line border is used when it keeps at
    least half of what fits; otherwise the text is cut inside a line.
    """
    if len(text) <= max_chars:
        return text
    room = max_chars - len(marker) - 1
    if room <= 0:
        return marker[:max_chars]
    border = text.rfind("\n", 0, room + 1)
    kept = text[:border] if border >= room // 2 and border > 0 else text[:room]
    return f"{kept}\n{marker}"
