"""Claims about the execution of calls: real libraries, bounded, and shown as the product shows."""

from __future__ import annotations

import signal
from pathlib import Path

import duckdb
import pytest

from notebook_agents.engine.training import prompts
from notebook_agents.engine.training.conversation import Call, Conversation, Exchange, Step
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.plotting import FIGURE
from notebook_agents.engine.training.scene import as_shown
from notebook_agents.tools.texts import fit_lines


def test_code_that_never_ends_is_stopped(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGALRM)
    with Workspace(tmp_path) as workspace:
        for code in ("while True: pass", "while True:\n  try: [].pop()\n  except Exception: 0"):
            call = Call("python_executor", {"code": code, "timeout": 0.2})
            assert workspace.run(call).startswith("Error: TimeoutError: ")
        assert workspace.run(Call("python_executor", {"code": "1 + 1", "timeout": 5})) == "2"
    assert signal.getsignal(signal.SIGALRM) == before


def test_a_figure_is_the_last_value_of_code(tmp_path: Path) -> None:
    draw = "import plotly.express as px\nfigure = px.bar(x=[1], y=[2])\n"
    with Workspace(tmp_path) as workspace:
        assert workspace.run(Call("python_executor", {"code": draw + "figure"})) == FIGURE
        assert workspace.run(Call("python_executor", {"code": draw})) == ""
        assert workspace.run(Call("python_executor", {"code": "'next'"})) == "'next'"


@pytest.mark.parametrize("n_lines", [1, 20, 21, 22, 60])
@pytest.mark.parametrize("n_chars", [0, 1, 70, 75, 1499, 4000])
def test_long_results_are_cut_as_the_tools_cut_them(n_lines: int, n_chars: int) -> None:
    lines = ["x" * n_chars] * n_lines
    for most in (20, 21):
        assert as_shown("\n".join(lines), "rows", most) == fit_lines(lines, "rows", max_lines=most)


def test_variables_are_inspected_as_the_product_does(tmp_path: Path) -> None:
    with Workspace(tmp_path) as workspace:
        assert workspace.run(Call("python_executor", {"code": "x = [1, 2]"})) == ""
        assert workspace.run(Call("inspect_variable", {"name": "x"})) == "list, 2 items: [1, 2]"
        missing = workspace.run(Call("inspect_variable", {"name": "y"}))
        assert missing == "Error: there is no variable 'y'; variables here: x"


def test_leaving_a_workspace_closes_its_database(tmp_path: Path) -> None:
    with Workspace(tmp_path) as workspace:
        assert "1" in workspace.run(Call("database_query", {"query": "SELECT 1"}))
    with pytest.raises(duckdb.ConnectionException):
        workspace.database.execute("SELECT 1")


def test_python_shows_output_and_the_last_value(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.run(Call("python_executor", {"code": "x = 2\nprint('a')\nx * 21"})) == "a\n42"
    assert workspace.run(Call("python_executor", {"code": "x"})) == "2"
    assert workspace.run(Call("python_executor", {"code": "y"})).startswith("Error: NameError: ")
    assert workspace.run(Call("no_such_tool", {})).startswith("Error: ")


def test_files_are_queried_read_and_listed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for path, text in prompts.FILES.items():
        workspace.add_text(path, text)
    query = Call("database_query", {"query": "SELECT MAX(amount) FROM 'orders.csv'"})
    assert workspace.run(query) == "max(amount)\n80"
    read = Call("file_reader", {"path": "data/notes.txt", "start_line": 2, "max_lines": 2})
    assert workspace.run(read) == "beta second\ngamma third\n... 3 more lines"
    listed = workspace.run(Call("list_files", {"path": "data", "pattern": "*.csv"}))
    assert listed == "data/sales.csv"


def test_lines_that_were_read_one_after_the_other_are_one_file(tmp_path: Path) -> None:
    first = Call("file_reader", {"path": "a.txt", "max_lines": 2})
    second = Call("file_reader", {"path": "a.txt", "start_line": 4, "max_lines": 2})
    steps = (Step(first, "one\ntwo\n... 9 more lines"), Step(second, "four\nfive"))
    made = Conversation((Exchange("read file", "", steps, ""),))
    with Workspace(tmp_path, made) as workspace:
        assert (tmp_path / "a.txt").read_text() == "one\ntwo\n-\nfour\nfive"
        assert workspace.run(first) == "one\ntwo\n... 3 more lines"
        assert workspace.run(second) == "four\nfive"
