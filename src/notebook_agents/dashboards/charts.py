"""One chart: what it asks of the log, how it is drawn, and what stands in its place as words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from notebook_agents.dashboards.filters import (
    CONDITIONS,
    FORMATS,
    Filters,
    in_words,
    names_in,
)
from notebook_agents.dashboards.tables import Table

Rows = Sequence[dict[str, Any]]
NOTHING_HERE = "Nothing in this time."
PARTS = {
    "runs": "{runs}",
    "phases": "SELECT * FROM v_run_phases WHERE run_id IN (SELECT run_id FROM runs)",
    "calls": (
        "SELECT run_id, tool_name, status, error_type, duration_ms FROM events"
        " WHERE type = 'tool_finished' AND ts >= $since AND run_id IN (SELECT run_id FROM runs)"
    ),
}
"""What several charts read: read once for a whole board, each may read those before it."""


def _silent(_rows: Rows) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a chart shows and how it is drawn."""

    name: str
    title: str
    """With the unit of time where there is one."""
    about: str
    """What is counted, in a sentence."""
    group: str
    sql: str
    """A SELECT that may read `PARTS` as tables, with ``$name`` as `Filters.parameters` has them."""
    figure: Callable[[Rows], dict[str, Any]]
    """From rows to the JSON of a plotly figure; KeyError or TypeError where columns are others."""
    bar: str = ""
    """The column that is drawn as bars in the table."""
    note: Callable[[Rows], str] = _silent
    """What must be said beside the numbers, such as what is not known."""
    empty: str = NOTHING_HERE
    is_for_admins: bool = False
    """Whether it says something only of everybody's runs."""

    def table(self, rows: Rows) -> Table:
        """The same as a table."""
        columns = tuple(rows[0]) if rows else ()
        cells = tuple(tuple(in_words(row).values()) for row in rows)
        return Table(
            caption=self.title, columns=columns, rows=cells, bar=self.bar, empty=self.empty
        )

    def explained(self, filters: Filters) -> str:
        """What is counted, and which of the chosen filters do not narrow it."""
        if "runs" in parts_of([self.sql], filters):
            return self.about
        known = names_in(self.sql)
        left = [name for name in CONDITIONS if getattr(filters, name) and name not in known]
        return (
            f"{self.about} Not narrowed by the filter {' or '.join(left)}." if left else self.about
        )

    def statement(self, filters: Filters) -> str:
        """The whole query, to be read, changed and used."""
        return statement(self.sql, filters)


def statement(sql: str, filters: Filters) -> str:
    """A whole SELECT over the runs that the filters leave."""
    parts = [f"{name} AS (\n    {text}\n)" for name, text in parts_of([sql], filters).items()]
    head = f"WITH {', '.join(parts)}\n" if parts else ""
    return f"{head}{filled(sql, filters).strip()}"


def parts_of(statements: Sequence[str], filters: Filters) -> dict[str, str]:
    """Those of `PARTS` that the statements read, and that these read in turn."""
    wanted: list[str] = []
    text = " ".join(statements)
    for name in reversed(PARTS):
        if re.search(rf"\b(?:FROM|JOIN)\s+{name}\b", text):
            wanted.append(name)
            text += " " + PARTS[name]
    return {
        name: text.replace("{runs}", filters.sql) for name, text in PARTS.items() if name in wanted
    }


def filled(sql: str, filters: Filters) -> str:
    """With the unit of time that suits the filters."""
    unit = filters.bucket
    return sql.replace("{bucket}", unit).replace("{format}", FORMATS[unit])
