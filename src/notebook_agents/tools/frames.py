"""Describes tables and arrays in a few lines: shape, types, missing values, ranges.

Runs inside tool kernels on values that are there already, so pandas, numpy and torch are never
imported for it: whoever made a data frame has imported pandas.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from notebook_agents.core.formatting import format_number

MAX_COLUMNS = 12
MAX_NAME_CHARS = 200
MAX_COUNTED = 1_000_000
"""Among so many values the distinct ones are counted, among more they are estimated."""
SAMPLE_ROWS = 200_000
MIDNIGHT = " 00:00:00"


def is_a(value: object, module: str, *names: str) -> bool:
    """Whether the value's class is one of those or is derived from one, without asking the value.

    False while nobody has imported the module.
    """
    classes = [getattr(sys.modules.get(module), name, None) for name in names]
    return any(kind in classes for kind in type(value).__mro__)


def is_exactly(value: object, module: str, name: str) -> bool:
    """Whether the value's class is that one and none derived from it."""
    return type(value) is getattr(sys.modules.get(module), name, None)


def frame_lines(frame: Any) -> list[str]:
    """``DataFrame, 3 rows, 2 columns`` and a line for each of the first columns."""
    n_rows, n_columns = frame.shape
    lines = [f"DataFrame, {n_rows} rows, {n_columns} columns"]
    for position, label in enumerate(islice(frame.columns, MAX_COLUMNS)):
        name = " ".join(str(label).split())[:MAX_NAME_CHARS]
        lines.append(f"{name}: {', '.join(_facts(frame.iloc[:, position]))}")
    return lines


def series_line(series: Any) -> str:
    """``Series of float64, 1000 values, 0 missing, 1.5 to 99``."""
    kind, *others = _facts(series)
    return ", ".join([f"Series of {kind}", f"{len(series)} values", *others])


def array_line(array: Any) -> str:
    """``ndarray, shape (3, 4), float64, 0 to 11``."""
    facts = [f"ndarray, shape {array.shape}", str(array.dtype)[:MAX_NAME_CHARS]]
    if array.dtype.kind == "b":
        facts.append(f"{int(array.sum())} true")
    elif array.dtype.kind in "iuf" and array.size:
        numpy = sys.modules["numpy"]
        low, high = numpy.fmin.reduce(array, axis=None), numpy.fmax.reduce(array, axis=None)
        facts += _range(low, high)
    return ", ".join(facts)


def tensor_line(tensor: Any) -> str:
    """``Tensor, shape (3, 4), float32, cpu, 0 to 11``."""
    kind = str(tensor.dtype).removeprefix("torch.")
    facts = [f"{type(tensor).__name__}, shape {tuple(tensor.shape)}", kind, str(tensor.device)]
    # Complex tensors, and those of no device, have no values to compare.
    with suppress(RuntimeError, TypeError):
        facts += _tensor_values(tensor.detach(), kind)
    return ", ".join(facts)


def _tensor_values(tensor: Any, kind: str) -> list[str]:
    if kind == "bool":
        return [f"{int(tensor.sum())} true"]
    if not tensor.numel():
        return []
    low, high = tensor.aminmax()
    if low.isnan():
        # Only here, for the copy may need more memory than there is.
        return _tensor_values(tensor[~tensor.isnan()], kind)
    return _range(low, high)


def _facts(series: Any) -> Iterator[str]:
    """Type, missing values, and what else there is to say about that type."""
    pandas, dtype = sys.modules["pandas"], series.dtype
    types = pandas.api.types
    n_missing = int(series.isna().sum())
    is_text = isinstance(dtype, pandas.StringDtype) or (
        types.is_object_dtype(dtype) and types.infer_dtype(series, skipna=True) == "string"
    )
    yield "str" if is_text and types.is_object_dtype(dtype) else str(dtype)
    yield f"{n_missing} missing"
    if isinstance(dtype, pandas.CategoricalDtype):
        yield f"{series.nunique()} distinct"
    elif types.is_bool_dtype(dtype):
        yield f"{int(series.sum())} true"
    elif is_text:
        yield _distinct(series, n_missing)
    elif n_missing < len(series):
        yield from _series_range(series, types)


def _series_range(series: Any, types: Any) -> list[str]:
    dtype = series.dtype
    if types.is_integer_dtype(dtype) or types.is_float_dtype(dtype):
        return _range(series.min(), series.max())
    if types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        texts = str(series.min()), str(series.max())
        if types.is_datetime64_dtype(dtype) and all(text.endswith(MIDNIGHT) for text in texts):
            texts = texts[0].removesuffix(MIDNIGHT), texts[1].removesuffix(MIDNIGHT)
        return [" to ".join(texts)]
    return []


def _range(low: Any, high: Any) -> list[str]:
    """Empty when nothing but not-a-number was there to compare."""
    low, high = (value.item() if hasattr(value, "item") else value for value in (low, high))
    return [f"{format_number(low)} to {format_number(high)}"] if low == low else []


def _distinct(series: Any, n_missing: int) -> str:
    n_values = len(series) - n_missing
    if n_values <= MAX_COUNTED:
        return f"{series.dropna().nunique()} distinct"
    return f"about {_estimate(series, n_values):.0f} distinct"


def _estimate(series: Any, n_values: int) -> float:
    """How many distinct values there are, out of a random sample, with two digits.

    Values seen once or twice say how many were not seen. Source: Chao and Lin, "Nonparametric Lower
    Bounds for Species Richness … under Sampling without Replacement", Biometrics 68, 2012.
    """
    numpy = sys.modules["numpy"]
    rows = numpy.unique(numpy.random.default_rng(0).integers(0, len(series), SAMPLE_ROWS))
    counts = series.take(rows).value_counts()
    n_once, n_twice = (int((counts == times).sum()) for times in (1, 2))
    seen = int(counts.sum()) / n_values
    unseen = 1 - seen
    n_more = n_once**2 * unseen / (2 * n_twice * unseen + n_once * seen) if n_once else 0
    return float(f"{len(counts) + n_more:.1e}")
