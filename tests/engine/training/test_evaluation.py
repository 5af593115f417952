"""Claims about the measurements: calls are really executed and judged by values, not by words."""

from __future__ import annotations

import json
import signal
from datetime import date
from pathlib import Path

import duckdb
import pytest

from notebook_agents.engine.training import prompts, replies
from notebook_agents.engine.training.card import write_card
from notebook_agents.engine.training.conversation import Call, Exchange, Step
from notebook_agents.engine.training.evaluate import written_spans
from notebook_agents.engine.training.execution import Workspace
from notebook_agents.engine.training.export import MODEL_ID
from notebook_agents.engine.training.judging import (
    contains,
    judged,
    judged_natural,
    judged_refusal,
)
from notebook_agents.engine.training.natural import Request, natural_sets
from notebook_agents.engine.training.plotting import FIGURE
from notebook_agents.engine.training.product import Reply
from notebook_agents.engine.training.report import Report
from notebook_agents.engine.training.trainer import RECORD

QUERY = Call(
    "database_query", {"query": "SELECT \"status\", COUNT(*) FROM 'orders.csv' GROUP BY 1"}
)


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


def test_an_answer_must_contain_every_value_of_the_result() -> None:
    exchange = Exchange("file group", "count", (Step(QUERY, ""),), "")
    result = "status, count_star()\nopen, 2\npaid, 7"
    good = Reply((QUERY,), (result,), "Rows:\n- open: 2\n- paid: 7")
    bad = Reply((QUERY,), (result,), "Rows:\n- open: 2\n- paid: 1")
    assert judged(exchange, [result], good)["end to end"]
    assert not judged(exchange, [result], bad)["end to end"]
    other = Reply((Call("database_query", {"query": "SELECT 1"}),), (result,), good.answer)
    assert judged(exchange, [result], other)["result"]
    assert not judged(exchange, ["status, count_star()\nopen, 3"], other)["result"]


def test_a_reply_without_a_tool_must_be_exact() -> None:
    exchange = Exchange("small talk", "hello", (), "Hello!")
    assert judged(exchange, [], Reply((), (), "Hello!"))["end to end"]
    assert not judged(exchange, [], Reply((), (), "Hi!"))["end to end"]


def test_the_turns_of_the_assistant_are_found() -> None:
    assert written_spans([False, True, True, False, True]) == [(1, 3), (4, 5)]


@pytest.mark.parametrize(
    ("answer", "expected", "is_there"),
    [
        ("The mean is 33.3333.", "33.33", True),
        ("The total is 1,234.", "1234", False),
        ("There are 14 rows.", "4", False),
        ("There are 4 rows.", "4", True),
        ("It is 4.0.", "4", True),
        ("It is 4.5.", "4", False),
        ("Values: -3", "-3", True),
        ("Paris is there", "paris", True),
    ],
)
def test_a_number_must_stand_as_a_number(answer: str, expected: str, is_there: bool) -> None:
    assert contains(answer, expected) is is_there


def test_natural_replies_are_judged_by_kind() -> None:
    total = Request("t", ("sum?",), "database_query", expected=("1234",))
    good = Reply((QUERY,), ("x",), "The total is 1,234.")
    assert judged_natural(total, good) == {"tool": True, "end to end": True}
    ask = Request("t", ("read it",), "", kind="ask")
    assert judged_natural(ask, Reply((), (), replies.WHICH_FILE))["end to end"]
    assert not judged_natural(ask, Reply((), (), replies.NO_TOOL))["end to end"]
    plot = Request("t", ("draw a",), "python_executor", kind="plot", code_contains=("'a'",))
    code = Call("python_executor", {"code": "px.histogram(df, x='a')"})
    assert judged_natural(plot, Reply((code,), (FIGURE,), "Here it is."))["end to end"]
    assert not judged_natural(plot, Reply((code,), ("Error: no",), "Failed"))["end to end"]


def test_own_words_are_an_invention() -> None:
    assert judged_refusal(Reply((), (), replies.NO_KNOWLEDGE))["refused"]
    assert judged_refusal(Reply((), (), "Paris is the capital."))["invention"]
    assert judged_refusal(Reply((QUERY,), ("x",), "4"))["needless call"]
    missing = replies.NO_SUCH_TOOL.replace("{t}", "list_files")
    assert judged_refusal(Reply((), (), missing))["other fixed reply"]


def test_the_natural_requests_are_many_and_fair() -> None:
    sets = list(natural_sets())
    assert sum(len(found.requests) for found in sets) >= 200
    assert sum(len(found.out_of_domain) for found in sets) >= 100
    for found in sets:
        for request in found.requests:
            assert request.expected or request.kind, request.turns


def test_a_report_has_a_row_for_everything() -> None:
    report = Report()
    report.add("t", {"a": {"x": [True, False]}, "b": {"x": [True, True], "y": [False]}})
    assert report.tables["t"]["all"] == {"n": 4, "x": 75.0, "y": 0.0}
    assert "| all | 4 | 75.0 | 0.0 |" in report.markdown()


def test_a_report_says_which_thresholds_were_missed() -> None:
    report = Report()
    right, wrong = {"end to end": [True] * 10}, {"end to end": [False] * 10}
    report.add("end to end, vocabulary", {"plot": right, "join": wrong})
    report.add("out of domain", {"all prompts": {"invention": [False] * 10}})
    text = report.markdown()
    assert "| end to end, vocabulary: end to end | ≥ 95.0 | 50.0 | missed |" in text
    assert "| end to end, vocabulary: every category | ≥ 80.0 | join 0.0 | missed |" in text
    assert "| out of domain: invention | ≤ 1.0 | 0.0 | met |" in text


def test_the_card_says_what_was_measured_on_what(tmp_path: Path) -> None:
    plan = {"width": 8, "layers": 1, "heads": 1, "seed": 3, "longest": 100}
    progress = {"tokens": 12_345, "targets": 999, "seconds": 120.0}
    record = {"plan": plan, "progress": progress, "parameters": 4321}
    found, model = tmp_path / "found", tmp_path / "model"
    found.mkdir()
    model.mkdir()
    (model / RECORD).write_text(json.dumps(record))
    (found / "evaluation.md").write_text("### exact match")
    (found / "evaluation.json").write_text('{"tables": {"t": {}}, "failures": ["x"]}')
    write_card(model, found, day=date(2026, 1, 2), hardware="one CPU thread", note="n")
    assert json.loads((model / "evaluation.json").read_text()) == {"t": {}}
    card = (model / "README.md").read_text()
    for wanted in (MODEL_ID, "2026-01-02", "4,321", "12,345", "own synthetic data", "BSD-3-Clause"):
        assert wanted in card
    assert "not a general language model" in card
