"""The walk of a new user with nobody there: what papermill and a schedule make of the notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient
from tests.browser.test_walk import CHANGE, CHAT, COLUMNS, DASHBOARD, LOAD, PLOT, TOTAL, UNDO

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

DATA = """date,region,units,revenue
2026-01-05,south,2,388
2026-01-06,north,2,430
2026-01-07,south,6,366
"""
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """The outputs of each cell by its source."""
    for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "NOTEBOOK_AGENTS_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    for name in ("NOTEBOOK_AGENTS_URL", "NOTEBOOK_AGENTS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "work"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "sales.csv").write_text(DATA)
    v4: Any = nbformat.v4
    sources = [LOAD, TOTAL, PLOT, CHANGE, COLUMNS, UNDO, CHAT, DASHBOARD]
    book = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    where = {"metadata": {"path": str(folder)}}
    client: Any = NotebookClient(book, kernel_name="python3", resources=where, timeout=90)
    client.execute()
    nbformat.validate(book)
    return {cell.source: list(cell.outputs) for cell in book.cells}


def test_answers_are_final_changes_are_denied_and_nothing_waits(
    outputs: dict[str, list[Any]],
) -> None:
    assert outputs[LOAD] == []
    [total] = outputs[TOTAL]
    assert "south: 754" in total.data["text/markdown"]
    assert "Thinking" not in total.data["text/markdown"]
    answer, figure = outputs[PLOT]
    assert "bar chart of revenue by region" in answer.data["text/markdown"]
    assert "application/vnd.plotly.v1+json" in figure.data
    [denied] = outputs[CHANGE]
    assert "denied" in denied.data["text/markdown"]
    [columns] = outputs[COLUMNS]
    assert columns.data["text/plain"] == "['date', 'region', 'units', 'revenue']"
    [undone] = outputs[UNDO]
    assert "Nothing to undo" in undone.data["text/plain"]
    _panel, transcript = outputs[CHAT]
    assert "Nothing was said yet" in transcript.data["text/html"]
    [board] = outputs[DASHBOARD]
    assert VIEW not in board.data
    assert "calls denied 1" in board.data["text/plain"]
