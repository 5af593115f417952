"""What a query over a small table gives, computed directly.

The generator needs thousands of results per second, more than a database can plan. A test runs the
same SQL in DuckDB and the same code in pandas and compares every value.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterable, Sequence

from notebook_agents.engine.training.fixtures import Column, Table

Row = tuple[object, ...]

_KEYWORD_LINES = (
    "class cost current day distance end event filter first group hour index key label language "
    "large last left level match minute month name new old order percent quarter right sample "
    "second server share start table time timestamp type user value views week year "
)
_KEYWORDS = frozenset(_KEYWORD_LINES.split())
"""Words of the lists of names that DuckDB quotes in headers."""

SQL_NAMES = {
    "mean": "ROUND(AVG({}), 4)",
    "sum": "SUM({})",
    "min": "MIN({})",
    "max": "MAX({})",
    "median": "ROUND(MEDIAN({}), 4)",
    "std": "ROUND(STDDEV({}), 4)",
}
SQL_PLAIN = {
    "mean": "AVG({})",
    "sum": "SUM({})",
    "min": "MIN({})",
    "max": "MAX({})",
}
"""The aggregates without rounding, as a condition on groups needs them."""
HEADERS = {
    "mean": "round(avg({}), 4)",
    "sum": "sum({})",
    "min": "min({})",
    "max": "max({})",
    "median": "round(median({}), 4)",
    "std": "round(stddev({}), 4)",
}
PANDAS_NAMES = {
    "mean": "mean().round(4)",
    "sum": "sum().round(4)",
    "min": "min()",
    "max": "max()",
    "median": "median().round(4)",
    "std": "std().round(4)",
}
_FUNCTIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda v: round(sum(v) / len(v), 4),
    "sum": lambda v: sum(v) if all(isinstance(x, int) for x in v) else round(math.fsum(v), 4),
    "min": min,
    "max": max,
    "median": lambda v: round(float(statistics.median(v)), 4),
    "std": lambda v: round(statistics.stdev(v), 4),
}


def aggregate(values: Iterable[object], kind: str) -> float:
    """Aggregate a column of numbers as SQL and pandas do."""
    numbers = [v for v in values if isinstance(v, int | float)]
    return _FUNCTIONS[kind](numbers)


def grouped(table: Table, group: str, column: str | None, kind: str) -> list[Row]:
    """One row per group, ordered by the group; without a column the rows are counted."""
    keys = table.values(group)
    values = table.values(column) if column else keys
    found: list[Row] = []
    for key in sorted(set(keys), key=str):
        members = [v for k, v in zip(keys, values, strict=True) if k == key]
        found.append((key, aggregate(members, kind) if column else len(members)))
    return found


def grouped_by_two(
    table: Table, groups: tuple[str, str], column: str | None, kind: str
) -> list[Row]:
    """One row per pair of values that occurs, ordered by both; counted without a column."""
    pairs = list(zip(*(table.values(name) for name in groups), strict=True))
    values = table.values(column) if column else pairs
    found: list[Row] = []
    for pair in sorted(set(pairs), key=lambda p: (str(p[0]), str(p[1]))):
        members = [v for p, v in zip(pairs, values, strict=True) if p == pair]
        found.append((*pair, aggregate(members, kind) if column else len(members)))
    return found


def counted(table: Table, column: str) -> list[Row]:
    """The values of a column and how often each occurs, the most frequent and then first ones."""
    values = table.values(column)
    found: list[Row] = [(value, values.count(value)) for value in dict.fromkeys(values)]
    return sorted(found, key=lambda row: -int(str(row[1])))


def by_count(rows: Iterable[Row], *, down: bool = True) -> list[Row]:
    """Values with their counts in the order of the counts; equal ones in that of the values."""
    sign = -1 if down else 1
    return sorted(rows, key=lambda row: (sign * int(str(row[1])), str(row[0])))


def as_pandas(table: Table, rows: Iterable[Row]) -> list[Row]:
    """Rows as pandas keeps them: whole numbers of a column of the table with gaps become floats."""
    gaps = [None in table.values(name) for name in table.names]
    return [
        tuple(float(v) if gap and isinstance(v, int) else v for v, gap in zip(r, gaps, strict=True))
        for r in rows
    ]


def quantile(values: Iterable[object], share: float) -> float:
    """A quantile with linear interpolation."""
    numbers = sorted(float(str(v)) for v in values)
    place = (len(numbers) - 1) * share
    low = math.floor(place)
    high = min(low + 1, len(numbers) - 1)
    return round(numbers[low] + (numbers[high] - numbers[low]) * (place - low), 4)


def ordered(table: Table, column: str, *, descending: bool) -> list[Row]:
    """All rows ordered by a column of numbers; equal rows keep their order."""
    place = table.index(column)
    return sorted(table.rows, key=lambda row: float(str(row[place])), reverse=descending)


def extremes(table: Table, column: Column) -> Row:
    """Minimum, maximum and average of a column as `SUMMARIZE` writes them."""
    values = table.values(column.name)
    if not column.is_number:
        texts = sorted(map(str, values))
        return texts[0], texts[-1], None
    low, high = (str(aggregate(values, kind)) for kind in ("min", "max"))
    return low, high, aggregate(values, "mean")


def describe(values: Sequence[object]) -> tuple[float, ...]:
    """The statistics of `DataFrame.describe`."""
    low, high, mean, std = (float(aggregate(values, k)) for k in ("min", "max", "mean", "std"))
    quarters = (quantile(values, share) for share in (0.25, 0.5, 0.75))
    return float(len(values)), mean, std, low, *quarters, high


def correlation(table: Table, first: str, second: str) -> float | None:
    """The correlation of two columns, None when one of them is constant."""
    a = [float(str(v)) for v in table.values(first)]
    b = [float(str(v)) for v in table.values(second)]
    if len(set(a)) < 2 or len(set(b)) < 2:
        return None
    return round(statistics.correlation(a, b), 4)


def quoted(name: str) -> str:
    """A column name in SQL."""
    return f'"{name}"'


def shown(name: str) -> str:
    """A column name as DuckDB repeats it in the header of an aggregate."""
    is_plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in _KEYWORDS
    return name if is_plain else quoted(name)


def csv_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Rows as `DataFrame.to_csv` prints them."""
    lines = [",".join(columns)]
    lines += [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    return "\n".join(lines)
