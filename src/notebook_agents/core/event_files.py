"""Which rows Parquet files of events hold, as SQL: also files of an earlier version of the product.

Columns are added to `core.event_columns` while files are never written again for that. What a file
has no column for is taken out of the payload, where it always was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from notebook_agents.core.event_columns import EVENT_COLUMNS

SCHEMAS_SQL = "SELECT file_name, list(name) FROM parquet_schema($files) GROUP BY file_name"
"""The columns of each of ``$files``; reads their ends only."""


def files_sql(
    schemas: Iterable[tuple[str, Collection[str]]], where: str = "", more: tuple[str, ...] = ()
) -> str:
    """A SELECT of all columns of events and ``more``, over files of which each has such columns.

    Files with the same columns are read together. ``where`` holds for all.
    """
    alike: dict[str, list[str]] = {}
    for file, there in sorted(schemas):
        alike.setdefault(_columns_sql(there), []).append(quoted(file))
    return " UNION ALL ".join(
        f"SELECT {', '.join((columns, *more))} FROM read_parquet([{', '.join(files)}]){where}"  # noqa: S608
        for columns, files in alike.items()
    )


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _columns_sql(there: Collection[str]) -> str:
    return ", ".join(
        column.name if column.name in there or not column.sql else f"{column.sql} AS {column.name}"
        for column in EVENT_COLUMNS
    )
