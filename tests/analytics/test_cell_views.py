"""Cells of notebooks beside the runs of agents: which of them broke which."""

from __future__ import annotations

from typing import Any

import pytest
from tests.analytics.recorded import Recorded, at

from notebook_agents.core.events import CellExecuted


def ran(cell: str, status: Any = "succeeded", **told: Any) -> CellExecuted:
    """A cell of the notebook ``n.ipynb``."""
    error = {"error_type": "KeyError"} if status == "failed" else {}
    return CellExecuted(cell_id=cell, notebook="n.ipynb", status=status, **{**error, **told})


def test_v_cells_counts_and_measures_each_cell_of_a_notebook(log: Recorded) -> None:
    log.tell(0, ran("a", duration_ms=10, memory_bytes=100, memory_delta_bytes=5))
    log.tell(1, ran("a", "failed", duration_ms=30, memory_bytes=300, memory_delta_bytes=-5))
    log.tell(2, ran("a", "interrupted", duration_ms=20, memory_bytes=200))
    log.tell(3, ran("b"))
    log.tell(4, ran("a"), user_id="bob")
    columns = (
        "notebook, cell_id, executions, errors, interrupted, last_status, last_error_type, p50_ms,"
        " memory_bytes, memory_delta_bytes, first_seen, last_seen, broken_by"
    )
    assert log.rows(f"SELECT {columns} FROM v_cells", "ann") == [
        ("n.ipynb", "b", 1, 0, 0, "succeeded", None, 0.0, None, None, at(3), at(3), []),
        ("n.ipynb", "a", 3, 1, 1, "interrupted", "KeyError", 20.0, 300, 5, at(0), at(2), []),
    ]


@pytest.mark.parametrize(
    ("cells", "broken_by"),
    [
        ([ran("a"), ran("a", "failed", after_run_id="r1")], ["r1"]),
        ([ran("a", after_run_id="r1"), ran("a", "failed", after_run_id="r1")], []),
        ([ran("a", "failed", after_run_id="r1")], []),
        ([ran("a", "failed", changed_by_run_id="r1")], ["r1"]),
        ([ran("a", changed_by_run_id="r1")], []),
        ([ran("a"), ran("b", "failed", after_run_id="r1"), ran("a", after_run_id="r1")], []),
        (
            [ran("a"), ran("a", "failed", changed_by_run_id="r1", after_run_id="r2")] * 2,
            ["r1"],
        ),
        (
            [
                ran("a"),
                ran("a", "failed", after_run_id="r1"),
                ran("a", after_run_id="r1"),
                ran("a", "failed", after_run_id="r2"),
            ],
            ["r1", "r2"],
        ),
    ],
)
def test_a_run_breaks_what_it_changed_or_what_worked_before_it(
    log: Recorded, cells: list[CellExecuted], broken_by: list[str]
) -> None:
    for hour, cell in enumerate(cells):
        log.tell(hour, cell)
    [(found,)] = log.rows("SELECT list_sort(broken_by) FROM v_cells WHERE cell_id = 'a'", "ann")
    assert found == broken_by
