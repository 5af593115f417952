"""How a notebook value is written into a prompt, within a budget of characters.

A table becomes its shape, columns, types, missing values and first rows, and says what was left
out: that is what a model needs, and what the printed form of a table hides. Everything else is its
text, cut at the budget with a note.
"""

from __future__ import annotations

import reprlib
import sys
from typing import TYPE_CHECKING, Any

from notebook_agents.core.formatting import SEPARATOR, format_cell

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_ROWS = 5
MAX_CELL_CHARS = 80


def value_text(value: Any, *, max_chars: int = 2000) -> str:
    """``value`` as text of about ``max_chars`` characters at most; says what was cut."""
    pandas = loaded_pandas()
    if is_frame(value):
        return frame_text(value, max_chars=max_chars)
    if pandas is not None and isinstance(value, pandas.Series):
        name = "values" if value.name is None else value.name
        return frame_text(value.to_frame(name), max_chars=max_chars, kind="Series")
    if isinstance(value, str):
        return _cut(value, max_chars)
    if isinstance(value, list | tuple | set | frozenset | dict):
        return _cut(_container_repr(value, max_chars), max_chars)
    return _cut(str(value), max_chars)


def is_frame(value: Any) -> bool:
    """Whether the value is a data frame."""
    pandas = loaded_pandas()
    return pandas is not None and isinstance(value, pandas.DataFrame)


def loaded_pandas() -> Any:
    """The pandas module if this process has imported it; a frame cannot exist before that."""
    pandas = sys.modules.get("pandas")
    return pandas if hasattr(pandas, "DataFrame") else None


def frame_text(frame: pd.DataFrame, *, max_chars: int = 2000, kind: str = "DataFrame") -> str:
    """Shape, columns with types and nulls, and the first rows of a table."""
    n_rows, n_columns = frame.shape
    columns = _column_texts(frame, max_chars // 2)
    lines = [
        f"{kind} with {n_rows:,} rows and {n_columns:,} columns",
        "Columns: " + SEPARATOR.join(columns),
        f"First {min(n_rows, SAMPLE_ROWS)} rows:",
        SEPARATOR.join(str(name) for name in frame.columns[: len(columns)]),
    ]
    n_shown = 0
    room = max_chars - sum(len(line) + 1 for line in lines) - 60
    sample = frame.iloc[:SAMPLE_ROWS, : len(columns)]
    for row in sample.itertuples(index=False, name=None):
        line = SEPARATOR.join(_cell(cell) for cell in row)
        if len(line) + 1 > room:
            break
        room -= len(line) + 1
        lines.append(line)
        n_shown += 1
    lines[2] = f"First {n_shown} rows:"
    lines += _left_out(n_rows - n_shown, n_columns - len(columns))
    return "\n".join(lines)


def _column_texts(frame: pd.DataFrame, max_chars: int) -> list[str]:
    texts: list[str] = []
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        text = f"{name} {column.dtype} ({int(column.isna().sum())} null)"
        max_chars -= len(text) + len(SEPARATOR)
        if max_chars < 0 and texts:
            break
        texts.append(text)
    return texts


def _left_out(n_rows: int, n_columns: int) -> list[str]:
    cut = [
        f"{count:,} {noun}{'s' if count != 1 else ''}"
        for count, noun in ((n_rows, "more row"), (n_columns, "more column"))
        if count
    ]
    return [f"Not shown: {' and '.join(cut)}"] if cut else []


def _cell(value: Any) -> str:
    text = format_cell(value)
    return text if len(text) <= MAX_CELL_CHARS else text[: MAX_CELL_CHARS - 1] + "…"


def _container_repr(value: Any, max_chars: int) -> str:
    """A repr that does not first build megabytes for a large container."""
    writer = reprlib.Repr()
    writer.maxlist = writer.maxtuple = writer.maxset = writer.maxfrozenset = max_chars
    writer.maxdict = writer.maxstring = writer.maxother = writer.maxlong = max_chars
    return writer.repr(value)


def _cut(text: str, max_chars: int) -> str:
    if len(text) <= max_chars:
        return text
    return f"{text[:max_chars]}… ({len(text) - max_chars:,} more characters not shown)"
