"""Data frames and series of pandas: schema, missing values, ranges and first rows.

Frames of a class of the notebook are looked at as plain ones, so that nothing of that class runs.
Of a long frame only rows at equal distances are read, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from notebook_agents.core.masking import MASK, is_secret_name
from notebook_agents.live.describe_classes import class_name, is_a, library_of, loaded
from notebook_agents.live.describe_columns import MAX_READ_CELLS, Column, column_facts, column_line
from notebook_agents.live.describe_words import (
    MORE,
    Look,
    counted,
    listed,
    number,
    size_text,
)

MAX_COLUMNS = 20
MAX_NAMED_COLUMNS = 60
MAX_SAMPLE_COLUMNS = 12
SAMPLE_ROWS = 3
SAMPLE_CELL_CHARS = 24
MAX_MEASURED_COLUMNS = 500
PERCENTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FREQUENT = 8


def is_frame(value: object) -> bool:
    """Whether it is a data frame of pandas."""
    return is_a(value, "pandas", "DataFrame")


def is_series(value: object) -> bool:
    """Whether it is a series or an index of pandas."""
    return is_a(value, "pandas", "Series", "Index")


def plain_frame(value: Any) -> Any:
    """The same data as a frame of pandas' own class."""
    kind = loaded("pandas")["DataFrame"]
    if type(value) is kind:
        return value
    manager = object.__getattribute__(value, "_mgr")
    return kind._from_mgr(manager, manager.axes)


def plain_series(value: Any) -> Any:
    """The same data as a series of pandas' own class; an index becomes one."""
    pandas = loaded("pandas")
    kind = pandas["Series"]
    if type(value) is kind:
        return value
    if is_a(value, "pandas", "Index"):
        if library_of(type(value)) != "pandas":
            raise TypeError("an index of a class of the notebook")
        return value.to_series(index=range(len(value)))
    manager = object.__getattribute__(value, "_mgr")
    return kind._from_mgr(manager, manager.axes)


def frame_head(value: Any, _look: Look) -> str:
    """``DataFrame, 1,000 rows, 3 columns, 24.1 KB``."""
    frame = plain_frame(value)
    n_rows, n_columns = frame.shape
    size = f"{counted(n_rows, 'row')}, {counted(n_columns, 'column')}"
    facts = [_kind(value), size]
    if n_columns <= MAX_MEASURED_COLUMNS:
        facts.append(size_text(int(frame.memory_usage(deep=False).sum())))
    return ", ".join(facts)


def frame_more(value: Any, look: Look) -> Iterator[str]:
    """The columns, then the index, then rows."""
    frame = plain_frame(value)
    n_rows, n_columns = frame.shape
    step = step_of(n_rows)
    labels = [look.label(label) for label in frame.columns[:MAX_NAMED_COLUMNS]]
    n_shown = n_columns if look.is_thorough else MAX_COLUMNS
    for position in range(min(n_columns, n_shown)):
        name = frame.columns[position]
        facts = column_facts(Column(series=frame.iloc[:, position], name=name, step=step), look)
        yield column_line(look.label(name), facts)
    if n_columns > n_shown:
        names = listed(labels[n_shown:], n_columns - n_shown, MAX_NAMED_COLUMNS - n_shown)
        yield f"{MORE} {counted(n_columns - n_shown, 'more column')}: {names}"
    if step > 1:
        yield f"(of every {step:,}th row)"
    if index := _index_text(frame.index, look):
        yield index
    if n_rows:
        yield from _rows(frame, look)


def series_head(value: Any, look: Look) -> str:
    """``Series of float64, 1,000 values``."""
    series = plain_series(value)
    name = getattr(series, "name", None) if is_a(value, "pandas", "Series") else None
    named = f" {look.label(name)!r}" if name is not None else ""
    return f"{_kind(value)}{named} of {dtype_text(series.dtype)}, {counted(len(series), 'value')}"


def series_more(value: Any, look: Look) -> Iterator[str]:
    """Missing values, range, and the first values."""
    series = plain_series(value)
    name = series.name if is_a(value, "pandas", "Series") else ""
    step = step_of(len(series))
    _dtype, *facts = column_facts(Column(series=series, name=name, step=step), look)
    if facts:
        yield ", ".join(facts)
    if is_a(value, "pandas", "Series") and (index := _index_text(series.index, look)):
        yield index
    cells = series.iloc[: 3 * SAMPLE_ROWS].astype(object).tolist()
    if cells:
        yield f"first: {', '.join(look.named_cell(name, cell) for cell in cells)}"
    if look.is_thorough:
        yield from values_in_full(series, name, look)


def values_in_full(series: Any, name: object, look: Look) -> Iterator[str]:
    """Percentiles of numbers, or the most frequent of other values."""
    if type(name) is str and is_secret_name(name):
        return
    sample = series.iloc[:: step_of(len(series))]
    dtype = sample.dtype
    if getattr(dtype, "kind", "O") in "iuf":
        found = sample.dropna().quantile(list(PERCENTILES))
        texts = (f"{share:.0%} {number(float(v))}" for share, v in found.items())
        yield f"percentiles: {', '.join(texts)}; mean {number(float(sample.mean()))}"
    elif dtype_text(dtype) in {"str", "string", "category", "bool", "boolean"}:
        counts = sample.value_counts().head(FREQUENT)
        texts = (f"{look.cell(v)} ({n:,})" for v, n in counts.items())
        yield f"most frequent: {', '.join(texts)}"


def dtype_text(dtype: Any) -> str:
    """A type of values; of libraries that are not known, its class."""
    is_known = library_of(type(dtype)) in {"numpy", "pandas", "pyarrow"}
    return str(dtype)[:60] if is_known else class_name(type(dtype))


def step_of(n_rows: int) -> int:
    """So far apart are the rows that are read."""
    return max(1, -(-n_rows // MAX_READ_CELLS))


def _kind(value: object) -> str:
    return class_name(type(value))


def _index_text(index: Any, look: Look) -> str:
    if is_a(index, "pandas", "RangeIndex"):
        return ""
    if library_of(type(index)) != "pandas":
        return f"index: {class_name(type(index))}"
    names = [look.label(name) for name in index.names if name is not None]
    named = f" {', '.join(names)}" if names else ""
    ends = f", {look.label(index[0])} to {look.label(index[-1])}" if len(index) else ""
    return f"index: {class_name(type(index))}{named}{ends}"


def _rows(frame: Any, look: Look) -> Iterator[str]:
    n_rows, n_columns = frame.shape
    width = min(n_columns, MAX_SAMPLE_COLUMNS)
    n_first = 2 * SAMPLE_ROWS if look.is_thorough else SAMPLE_ROWS
    n_first = min(n_rows, n_first)
    cut = f" of the first {width} columns" if width < n_columns else ""
    yield f"first {counted(n_first, 'row')}{cut}:"
    yield from _cells(frame.iloc[:n_first, :width], look)
    if look.is_thorough and n_rows > n_first:
        n_last = min(SAMPLE_ROWS, n_rows - n_first)
        yield f"last {counted(n_last, 'row')}:"
        yield from _cells(frame.iloc[-n_last:, :width], look)


def _cells(part: Any, look: Look) -> Iterator[str]:
    columns = [part.iloc[:, position].astype(object).tolist() for position in range(part.shape[1])]
    for row in zip(*columns, strict=True):
        cells = (
            MASK
            if type(label) is str and is_secret_name(label)
            else look.cell(cell, SAMPLE_CELL_CHARS)
            for label, cell in zip(part.columns, row, strict=True)
        )
        yield f"  {' | '.join(cells)}"
