"""The notebook about cells and runs, run as papermill and tasks run notebooks."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "notebooks/analytics.ipynb"


@pytest.mark.slow
def test_it_finds_the_cell_that_a_run_broke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOTEBOOK_AGENTS_HOME", "IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    checks = (
        "assert broken['run_id'].tolist() == [answer.run_id]",
        "assert broken['last_error_type'].tolist() == ['KeyError']",
        "assert (executed['status'] == 'failed').sum() == 2",
        "assert executed['cell_id'].nunique() >= 10",
    )
    cell = nbformat.v4.new_code_cell("\n".join(checks))  # type: ignore[no-untyped-call]
    notebook.cells.append(cell)
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert cell.execution_count
