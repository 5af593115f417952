"""Tables of polars and pyarrow: schema, missing values, ranges and first rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from notebook_agents.core.masking import MASK, is_secret_name
from notebook_agents.live.describe_classes import class_name, is_a, library_of, loaded
from notebook_agents.live.describe_columns import column_line
from notebook_agents.live.describe_words import MORE, WRITTEN_AS_STR, Look, counted, listed, number

MAX_COLUMNS = 20
MAX_NAMED = 40
MAX_SAMPLE_COLUMNS = 12
SAMPLE_ROWS = 3
MAX_READ_CELLS = 1_000
MAX_RANGED_ROWS = 1_000_000
SHOWN_TEXTS = 4
_ORDERED = frozenset({int, float, *WRITTEN_AS_STR}) - {complex, range}


@dataclass(frozen=True, slots=True)
class Columns:
    """A table as its columns, whichever library it is of."""

    table: Any
    is_arrow: bool
    n_rows: int
    names: tuple[str, ...]
    types: tuple[str, ...]

    def cells(self, position: int, n_first: int) -> list[Any]:
        """The first cells of a column."""
        column = self._column(position).slice(0, n_first)
        cells: list[Any] = column.to_pylist() if self.is_arrow else column.to_list()
        return cells

    def n_null(self, position: int) -> int:
        """Known to both libraries without reading the values."""
        column = self._column(position)
        return int(column.null_count if self.is_arrow else column.null_count())

    def bounds(self, position: int) -> tuple[Any, Any]:
        """The least and the greatest value."""
        column = self._column(position)
        if not self.is_arrow:
            return column.min(), column.max()
        compute = loaded("pyarrow.compute")
        if not compute:
            return None, None
        found = compute["min_max"](column).as_py()
        return found["min"], found["max"]

    def _column(self, position: int) -> Any:
        if self.is_arrow:
            return self.table.column(position)
        return self.table.to_series(position)


def is_table(value: object) -> bool:
    """Whether it is a table, frame or column of one of them."""
    return library_of(type(value)) in {"polars", "pyarrow"} and (
        is_a(value, "polars", "DataFrame", "LazyFrame", "Series")
        or is_a(value, "pyarrow", "Table", "RecordBatch", "ChunkedArray", "Array")
    )


def head(value: Any, _look: Look) -> str:
    """``polars DataFrame, 1,000 rows, 3 columns``."""
    name = f"{library_of(type(value))} {class_name(type(value))}"
    if is_a(value, "polars", "LazyFrame"):
        return f"{name}, not computed yet"
    if is_a(value, "polars", "Series"):
        return f"{name} of {value.dtype}, {counted(value.len(), 'value')}"
    if is_a(value, "pyarrow", "ChunkedArray", "Array"):
        return f"{name} of {value.type}, {counted(len(value), 'value')}"
    columns = _columns(value)
    return f"{name}, {counted(columns.n_rows, 'row')}, {counted(len(columns.names), 'column')}"


def more(value: Any, look: Look) -> Iterator[str]:
    """The columns, then rows."""
    if is_a(value, "polars", "LazyFrame"):
        return
    if is_a(value, "polars", "Series"):
        value = value.to_frame()
    elif is_a(value, "pyarrow", "ChunkedArray", "Array"):
        value = loaded("pyarrow")["table"]({"values": value})
    columns = _columns(value)
    n_columns = len(columns.names)
    n_shown = n_columns if look.is_thorough else min(n_columns, MAX_COLUMNS)
    for position in range(n_shown):
        facts = _facts(columns, position, look)
        yield column_line(look.label(columns.names[position]), facts)
    if n_columns > n_shown:
        rest = [look.label(name) for name in columns.names[n_shown : n_shown + MAX_NAMED]]
        names = listed(rest, n_columns - n_shown, MAX_NAMED)
        yield f"{MORE} {counted(n_columns - n_shown, 'more column')}: {names}"
    yield from _rows(columns, look)


def _columns(value: Any) -> Columns:
    is_arrow = library_of(type(value)) == "pyarrow"
    if is_arrow:
        names, types = value.schema.names, [str(kind) for kind in value.schema.types]
        return Columns(value, True, value.num_rows, tuple(names), tuple(types))
    types = [str(kind) for kind in value.dtypes]
    return Columns(value, False, value.height, tuple(value.columns), tuple(types))


def _facts(columns: Columns, position: int, look: Look) -> Iterator[str]:
    yield columns.types[position][:60]
    if look.is_over:
        return
    yield f"{columns.n_null(position):,} null"
    if is_secret_name(columns.names[position]):
        yield "values not told"
        return
    cells = columns.cells(position, MAX_READ_CELLS)
    kinds = {type(cell) for cell in cells} - {type(None)}
    if kinds == {str}:
        is_all = columns.n_rows <= MAX_READ_CELLS
        yield from _texts([cell for cell in cells if cell is not None], look, is_all=is_all)
    elif kinds == {bool}:
        about = "" if columns.n_rows <= MAX_READ_CELLS else f" of the first {MAX_READ_CELLS:,}"
        yield f"{sum(cell is True for cell in cells):,} true{about}"
    elif kinds and kinds <= _ORDERED and columns.n_rows <= MAX_RANGED_ROWS:
        low, high = columns.bounds(position)
        if low is not None:
            yield f"{_text(low)} to {_text(high)}"


def _texts(cells: list[str], look: Look, *, is_all: bool) -> Iterator[str]:
    counts = Counter(cell[:200] for cell in cells)
    if is_all:
        yield f"{len(counts):,} distinct"
    frequent = (look.quoted(text, 24) for text, _ in counts.most_common(SHOWN_TEXTS))
    yield f"such as {', '.join(frequent)}"


def _rows(columns: Columns, look: Look) -> Iterator[str]:
    n_first = min(columns.n_rows, SAMPLE_ROWS * (2 if look.is_thorough else 1))
    if not n_first:
        return
    width = min(len(columns.names), MAX_SAMPLE_COLUMNS)
    cut = f" of the first {width} columns" if width < len(columns.names) else ""
    yield f"first {counted(n_first, 'row')}{cut}:"
    shown = [
        [MASK] * n_first
        if is_secret_name(columns.names[position])
        else [look.cell(cell, 24) for cell in columns.cells(position, n_first)]
        for position in range(width)
    ]
    for row in zip(*shown, strict=True):
        yield f"  {' | '.join(row)}"


def _text(bound: Any) -> str:
    return number(bound) if type(bound) in (int, float) else str(bound)
