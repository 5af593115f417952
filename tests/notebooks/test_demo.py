"""The demo, as ``make demo`` runs it, and the notebook it plays."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"


def demo(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {
        "NOTEBOOK_AGENTS_HOME": str(home / "agents"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "IPYTHONDIR": str(home / "ipython"),
        **environment,
    }
    return subprocess.run(
        [sys.executable, NOTEBOOKS / "demo.py"],
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.mark.slow
def test_the_demo_answers_right_and_leaves_no_process_behind(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "Server up at http://127.0.0.1:",
        "83810205",
        "Model notebook-agents/tiny is loaded in the engine worker, pid ",
        "[database_query] SELECT",
        "All 3 answers are right.",
        "make lab",
        "jupyter agents",
    ):
        assert words in done.stdout
    pid = done.stdout.partition("engine worker, pid ")[2].partition(",")[0]
    assert not psutil.pid_exists(int(pid))


def test_a_demo_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    done = demo(tmp_path, NOTEBOOK_AGENTS_HOME=os.devnull)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.strip().startswith("The demo failed: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_notebook_is_kept_without_outputs_and_has_an_id_for_every_cell() -> None:
    book = json.loads((NOTEBOOKS / "quickstart.ipynb").read_text())
    assert all(not cell.get("outputs") for cell in book["cells"])
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    assert book["metadata"]["kernelspec"]["name"] == "python3"


def test_the_sales_are_consistent() -> None:
    with (NOTEBOOKS / "data" / "sales.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 200
    assert {row["region"] for row in rows} == {"north", "south", "east", "west"}
    assert all(int(row["units"]) * int(row["price"]) == int(row["revenue"]) for row in rows)
