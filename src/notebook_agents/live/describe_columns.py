"""The facts of one column of a data frame: its type, what is missing, and its range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from notebook_agents.core.masking import is_secret_name
from notebook_agents.live.describe_classes import class_name, library_of, loaded
from notebook_agents.live.describe_words import Look, number

MAX_READ_CELLS = 100_000
"""Of a column; of longer ones so many at equal distances."""
MAX_READ_TEXTS = 5_000
SHOWN_TEXTS = 4
SHOWN_TEXT_CHARS = 24
MIDNIGHT = " 00:00:00"
_PLAIN_CELLS = frozenset({str, int, float, bool, type(None), bytes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column, and which of its rows are read."""

    series: Any
    name: object
    step: int = 1

    @property
    def is_secret(self) -> bool:
        """Whether its name says that no value may be told."""
        return type(self.name) is str and is_secret_name(self.name)


def column_line(label: str, facts: Iterable[str]) -> str:
    """``age: int64, 2 null, 18 to 90``."""
    # A colon behind the name of a secret would make what follows look like its value.
    return f"{label}{' -' if is_secret_name(label) else ':'} {', '.join(facts)}"


def column_facts(column: Column, look: Look) -> list[str]:
    """``int64``, ``2 null``, ``18 to 90``; without time or leave to look, the type alone."""
    dtype = column.series.dtype
    is_known = library_of(type(dtype)) in {"numpy", "pandas"}
    facts = [str(dtype)[:60] if is_known else class_name(type(dtype))]
    if not is_known or look.is_over:
        return facts
    about = "about " if column.step > 1 else ""
    values = column.series.array[:: column.step]
    if library_of(type(dtype)) == "numpy" and dtype.kind == "O":
        facts += _object_facts(column, values, look)
    elif library_of(type(dtype)) == "numpy":
        facts += _number_facts(values.to_numpy(), about, column)
    else:
        facts += _extension_facts(column, values, look)
    if column.is_secret:
        facts.append("values not told")
    return facts


def _number_facts(values: Any, about: str, column: Column) -> Iterator[str]:
    numpy, kind = loaded("numpy"), values.dtype.kind
    if kind == "b":
        yield "0 null"
        yield f"{about}{int(values.sum()) * column.step:,} true"
        return
    is_null = numpy["isnan"](values) if kind in "fc" else None
    if kind in "mM":
        is_null = numpy["isnat"](values)
    n_null = 0 if is_null is None else int(is_null.sum())
    yield _nulls(n_null, column.step)
    if n_null == len(values) or column.is_secret or kind == "c":
        return
    low, high = numpy["fmin"].reduce(values), numpy["fmax"].reduce(values)
    if kind in "mM":
        pandas = loaded("pandas")
        low, high = (pandas["Series"]([bound]).iloc[0] for bound in (low, high))
        yield _range(_moment(low), _moment(high))
    else:
        yield f"{about}{_range(number(low.item()), number(high.item()))}"


def _extension_facts(column: Column, values: Any, look: Look) -> Iterator[str]:
    """Text, categories, dates with zones, integers that may be missing: classes of pandas."""
    yield _nulls(int(values.isna().sum()), column.step)
    if column.is_secret:
        return
    name = class_name(type(values.dtype))
    if name == "CategoricalDtype":
        yield from _categories(values.categories, look)
    elif "String" in name or str(values.dtype) in {"str", "string"}:
        step = max(1, len(values) // MAX_READ_TEXTS)
        cells = [c for c in values[::step].astype(object).tolist() if type(c) is str]
        yield from _texts(cells, len(values) if step == 1 and column.step == 1 else 0, look)
    elif getattr(values.dtype, "kind", "") in "iufMm" and len(values):
        rest = values[~values.isna()]
        if len(rest):
            low, high = rest.min(), rest.max()
            is_number = getattr(values.dtype, "kind", "") in "iuf"
            yield _range(
                number(float(low)) if is_number else _moment(low),
                number(float(high)) if is_number else _moment(high),
            )


def _object_facts(column: Column, values: Any, look: Look) -> Iterator[str]:
    step = max(1, len(values) // MAX_READ_TEXTS)
    cells = values.to_numpy()[::step].tolist()
    kinds = Counter(map(type, cells))
    plain = [cell for cell in cells if type(cell) in _PLAIN_CELLS]
    n_null = sum(cell is None or (type(cell) is float and cell != cell) for cell in plain)
    yield _nulls(n_null, column.step * step)
    names = [class_name(kind) for kind, _ in kinds.most_common(4) if kind is not type(None)]
    yield f"of {', '.join(names)}" if names else "nothing else"
    texts = [cell for cell in plain if type(cell) is str]
    if texts and not column.is_secret:
        is_all = step == 1 and column.step == 1
        yield from _texts(texts, len(cells) if is_all else 0, look)


def _texts(texts: list[str], n_all: int, look: Look) -> Iterator[str]:
    """How many different ones there are, where all were read, and the most frequent."""
    # A text of many megabytes costs time to compare; its beginning tells as much.
    counts = Counter(text[:200] for text in texts)
    if not counts:
        return
    if n_all:
        yield f"{len(counts):,} distinct"
    frequent = [look.quoted(text, SHOWN_TEXT_CHARS) for text, _ in counts.most_common(SHOWN_TEXTS)]
    yield f"such as {', '.join(frequent)}"


def _categories(categories: Any, look: Look) -> Iterator[str]:
    shown = [look.cell(c, SHOWN_TEXT_CHARS) for c in categories[:SHOWN_TEXTS].astype(object)]
    yield f"{len(categories):,} categories: {', '.join(shown)}"


def _nulls(n_null: int, step: int) -> str:
    return f"about {n_null * step:,} null" if step > 1 and n_null else f"{n_null:,} null"


def _range(low: str, high: str) -> str:
    return f"{low} to {high}" if low != high else f"always {low}"


def _moment(value: Any) -> str:
    return str(value).removesuffix(MIDNIGHT)
