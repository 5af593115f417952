"""A board in the words of the page: plain JSON, with names in place of ids where they are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from notebook_agents.dashboards.board import Board, Drawn, kpis

EMPTY = (
    "No run was recorded in this time.\n"
    "Ask something in a notebook, such as %agent What is 6 * 7?, or send a request to one of the"
    " server's APIs; then press Refresh. Or choose a longer time."
)
MINE_ONLY = (
    "everybody's figures come from the page's own queries alone; choose your own runs to write one"
)
FIXED = f"{MINE_ONLY[0].upper()}{MINE_ONLY[1:]}."
"""The same beside a query that cannot be changed."""
NO_DRAWING = "These columns are not the chart's, so its rows are shown as a table."
CHOICES = ("model", "source", "notebook", "user", "agent")


def told_board(board: Board) -> dict[str, Any]:
    """What the page shows."""
    newest = board.newest
    columns = tuple(newest[0]) if newest else ()
    return {
        "as_of": board.filters.now,
        "looked_at": board.filters.words(board.users),
        "empty": EMPTY if board.is_empty else "",
        "kpis": [
            {"label": label, "value": value, "about": ""} for label, value in kpis(board.totals)
        ],
        "charts": [_told_chart(drawn) for drawn in board.charts],
        "runs": told_rows(columns, [tuple(row.values()) for row in newest]),
        "choices": {name: _choices(board, name) for name in CHOICES}
        | {"version": _versions(board)},
    }


def told_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """A table."""
    return {"columns": list(columns), "rows": [list(row) for row in rows]}


def _told_chart(drawn: Drawn) -> dict[str, Any]:
    chart, rows = drawn.chart, drawn.rows
    table = chart.table(rows)
    return {
        "name": chart.name,
        "title": chart.title,
        "about": drawn.about or chart.about,
        "group": chart.group,
        "bar": chart.bar,
        "empty": chart.empty,
        "sql": drawn.sql,
        "parameters": {name: _written(value) for name, value in drawn.parameters.items()},
        "figure": drawn.figure(),
        "note": drawn.error or (chart.note(rows) if rows else ""),
        **told_rows(table.columns, table.rows),
    }


def _choices(board: Board, name: str) -> list[dict[str, str]]:
    return [{"value": value, "label": label} for label, value in board.offered(name)]


def _versions(board: Board) -> list[dict[str, str]]:
    found = sorted((label, version) for version, label in board.versions.items())
    return [{"value": version, "label": label} for label, version in found]


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)
