"""Answers of SQL as data frames: each column has the type it has in the database, rows or not."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from notebook_agents.core.analytics import Table, ViewInfo

_INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
     "UBIGINT", "UHUGEINT"}
)  # fmt: skip
_TEXTS = frozenset({"VARCHAR", "JSON", "UUID"})


def frame_of(table: Table) -> pd.DataFrame:
    """The table as a frame. Times are ``datetime64[ns, UTC]``, whole numbers with gaps ``Int64``.

    Lists and structures stay what they are; JSON is text.
    """
    import pandas as pd

    types = table.types or ("",) * len(table.columns)
    columns: Sequence[Sequence[Any]] = list(zip(*table.rows, strict=True)) or [()] * len(types)
    if not types:
        return pd.DataFrame()
    series = {at: _series(columns[at], kind) for at, kind in enumerate(types)}
    frame = pd.DataFrame(series)
    frame.columns = pd.Index(list(table.columns))  # a name may be there twice
    return frame


def view_frame(views: Sequence[ViewInfo]) -> pd.DataFrame:
    """A row for each view, with its function in ``frames``, what it shows, its columns."""
    import pandas as pd

    rows = [
        {
            "view": view.name,
            "function": f"frames.{view.name.removeprefix('v_')}",
            "about": view.description,
            "columns": list(view.columns),
        }
        for view in views
    ]
    return pd.DataFrame(rows, columns=["view", "function", "about", "columns"])


def _series(values: Sequence[Any], kind: str) -> pd.Series[Any]:
    import pandas as pd

    kept, name = list(values), kind.partition("(")[0].upper()
    if not kind or name.endswith("]") or name in ("STRUCT", "MAP", "UNION"):
        return pd.Series(kept, dtype=None if not kind and kept else object)
    if name in _INTEGERS:
        return _integers(kept)
    if name in ("DOUBLE", "FLOAT", "DECIMAL"):
        return pd.Series([None if v is None else float(v) for v in kept], dtype="float64")
    if name == "BOOLEAN":
        return pd.Series(kept, dtype="boolean" if None in kept else "bool")
    if name in _TEXTS:
        return pd.Series([None if v is None else str(v) for v in kept], dtype="str")
    return _moments(kept, name)


def _integers(values: list[Any]) -> pd.Series[Any]:
    import pandas as pd

    if any(value is not None and abs(value) >= 2**63 for value in values):
        return pd.Series(values, dtype=object)
    return pd.Series(values, dtype="Int64" if None in values else "int64")


def _moments(values: list[Any], name: str) -> pd.Series[Any]:
    """Times; what lies outside the years of nanoseconds, and what is of another kind, stays."""
    import pandas as pd

    dtypes: dict[str, Any] = {
        "TIMESTAMP WITH TIME ZONE": "datetime64[ns, UTC]",
        "TIMESTAMP": "datetime64[ns]",
        "DATE": "datetime64[ns]",
        "INTERVAL": "timedelta64[ns]",
    }
    parse: Any = pd.to_timedelta if name == "INTERVAL" else pd.to_datetime
    told = {"utc": True} if name.endswith("ZONE") else {}
    if name in dtypes:
        with suppress(pd.errors.OutOfBoundsDatetime, OverflowError, ValueError):
            series: pd.Series[Any] = pd.Series(parse(values, **told)).astype(dtypes[name])
            return series
    return pd.Series(values, dtype=object)
