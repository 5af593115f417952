"""Making the notebook that runs of the one that somebody wrote: checked, choosing nothing itself.

Outputs are dropped, and all metadata but tags and titles, so that a notebook cannot choose a kernel
or bring signatures along. Where an execution goes on with another, cells tagged ``once`` that came
through there keep their outputs and are not run again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

from notebook_agents.tasks.spec import MAX_NOTEBOOK_BYTES, ONCE

BUILT_IN = Path(__file__).parent / "agent_task.ipynb"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
PARAMETERS = "parameters"
INJECTED = "injected-parameters"
ERROR = "papermill-error-cell-tag"
_v4: Any = nbformat.v4


def load(path: str, most: int = MAX_NOTEBOOK_BYTES) -> Any:
    """The notebook of a file, or the built-in one; raises ValueError when it is none."""
    file = Path(path) if path else BUILT_IN
    if file.stat().st_size > most:
        raise ValueError("the notebook is too large")
    book: Any = nbformat.reads(file.read_text(), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(book)
    return book


def prepare(book: Any) -> Any:
    """What is run."""
    cells = []
    for cell in book.cells:
        metadata = {"tags": [str(tag) for tag in cell.metadata.get("tags", [])]}
        if cell.cell_type == "code":
            cells.append(_v4.new_code_cell(cell.source, metadata=metadata))
        elif cell.cell_type == "markdown":
            cells.append(_v4.new_markdown_cell(cell.source, metadata=metadata))
    return _v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


def kept_outputs(book: Any, executed: Any) -> dict[int, list[Any]]:
    """By index, the outputs of cells that came through before and are not run again."""
    before = [cell for cell in executed.cells if not {INJECTED, ERROR} & set(tags_of(cell))]
    kept = {}
    for index, (cell, was) in enumerate(zip(book.cells, before, strict=False)):
        is_same = cell.cell_type == was.cell_type == "code" and cell.source == was.source
        if is_same and ONCE in tags_of(cell) and _came_through(was):
            kept[index] = list(was.outputs)
    return kept


def tags_of(cell: Any) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def _came_through(cell: Any) -> bool:
    papermill = cell.metadata.get("papermill", {})
    return papermill.get("status") == "completed" and papermill.get("start_time") is not None
