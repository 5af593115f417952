"""``%agent sql`` and ``%%agent_sql``: frames with types, values bound, errors that point."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter
from tests.magics.conftest import AgentShell

import notebook_agents
from notebook_agents.analytics.catalogue import VIEWS, catalogue
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.analytics import Table
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.sql_text import parameters_in, tables_in
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.magics.errors import AgentError, Stopped
from notebook_agents.magics.magic import installed_magics
from notebook_agents.magics.sql import tabled
from notebook_agents.magics.sql_frames import frame_of
from notebook_agents.magics.waiting import Interrupted, Waits, block_on
from notebook_agents.testing import fake_core


@pytest.fixture
def sql_shell(agent_shell: AgentShell, ipython_home: Path) -> AgentShell:
    """A shell whose events are kept on disk and can be asked for; one prompt was asked."""
    home = ipython_home / "home"
    core = fake_core(
        engine=agent_shell.engine,
        clock=SystemClock(),
        home=ipython_home / "workspaces",
        event_log=JsonlEventLog(home),
        analytics=EventAnalytics(EventFiles(home)),
    )
    notebook_agents.use_core(core, shell=agent_shell.shell)
    agent_shell.run("%agent hello")
    return agent_shell


def error_of(shell: AgentShell, code: str) -> str:
    error = shell.run(code).error
    assert isinstance(error, AgentError)
    assert "\n" not in str(error)
    return str(error)


def test_a_frame_has_the_types_of_the_columns_with_and_without_rows(sql_shell: AgentShell) -> None:
    query = "SELECT run_id, started, steps, duration_ms, started::DATE AS day FROM v_runs"
    for condition, n_rows in (("", 1), (" WHERE false", 0)):
        frame = sql_shell.run(f"%agent sql {query}{condition}").value
        assert len(frame) == n_rows
        assert dict(frame.dtypes.astype(str)) == {
            "run_id": "str",
            "started": "datetime64[ns, UTC]",
            "steps": "int64",
            "duration_ms": "float64",
            "day": "datetime64[ns]",
        }


def test_gaps_lists_structures_and_names_that_are_there_twice() -> None:
    table = Table(
        columns=("n", "n", "is", "tags", "when", "cost"),
        types=("BIGINT", "HUGEINT", "BOOLEAN", "VARCHAR[]", "TIMESTAMP", "DECIMAL(4,2)"),
        rows=(
            (1, 2**70, True, ["a"], datetime.fromisoformat("3000-01-01"), None),
            (None, 1, None, [], None, 1),
        ),
    )
    frame = frame_of(table)
    assert list(frame.columns) == ["n", "n", "is", "tags", "when", "cost"]
    assert list(map(str, frame.dtypes)) == [
        "Int64", "object", "boolean", "object", "object", "float64",
    ]  # fmt: skip
    assert frame["tags"].tolist() == [["a"], []]
    assert frame_of(Table(columns=(), rows=())).empty


def test_a_cell_keeps_its_answer_under_a_name_and_shows_nothing(sql_shell: AgentShell) -> None:
    cell = "%%agent_sql runs <<\n-- mine\nSELECT status, /* how */ model\nFROM v_runs;"
    assert sql_shell.run(cell).value is None
    frame = sql_shell.shell.user_ns["runs"]
    assert frame.to_dict("list") == {"status": ["succeeded"], "model": ["notebook-agents/tiny"]}
    assert sql_shell.run("%agent sql n << SELECT count(*) AS n FROM v_runs").error is None
    assert sql_shell.shell.user_ns["n"]["n"].tolist() == [1]
    shown = sql_shell.run("%%agent_sql -o kept\nSELECT 1 AS one").value
    assert sql_shell.shell.user_ns["kept"] is shown
    assert sql_shell.run("x = %agent_sql SELECT 2 AS two").error is None
    assert sql_shell.shell.user_ns["x"]["two"].tolist() == [2]


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        ("it's", "VARCHAR", "it's"),
        (3, "INTEGER", 3),
        (True, "BOOLEAN", True),
        (np.float64(0.5), "DOUBLE", 0.5),
        (np.int64(7), "INTEGER", 7),
        (datetime(2026, 1, 2, tzinfo=UTC), "TIMESTAMP WITH TIME ZONE", None),
        (pd.Timestamp("2026-01-02", tz="UTC"), "TIMESTAMP WITH TIME ZONE", None),
        (date(2026, 1, 2), "DATE", None),
        (timedelta(hours=1), "INTERVAL", None),
        (["a", "b"], "VARCHAR[]", ["a", "b"]),
        (pd.Series([1, 2]), "INTEGER[]", [1, 2]),
        (np.array(["a"]), "VARCHAR[]", ["a"]),
        (pd.date_range("2026-01-01", periods=2), "TIMESTAMP[]", None),
        (pd.date_range("2026-01-01", periods=2, tz="UTC"), "TIMESTAMP WITH TIME ZONE[]", None),
        (pd.to_timedelta(["1h", "2h"]), "INTERVAL[]", None),
        (np.datetime64("2026-01-02", "ns"), "TIMESTAMP", pd.Timestamp("2026-01-02")),
        (None, '"NULL"', None),
        (pd.NaT, '"NULL"', None),
        (float("nan"), '"NULL"', None),
    ],
)
def test_variables_are_bound_as_they_are(
    sql_shell: AgentShell, value: Any, kind: str, said: Any
) -> None:
    sql_shell.shell.user_ns["given"] = value
    cell = "%%agent_sql\nSELECT $given AS given, typeof($given) AS kind, '$given' AS text -- $no"
    frame = sql_shell.run(cell).value
    assert frame["text"].tolist() == ["$given"]
    assert frame["kind"].tolist() == [kind]
    if said is not None:
        assert frame["given"].tolist() == [said]


def test_what_is_bound_is_never_read_as_sql(sql_shell: AgentShell) -> None:
    sql_shell.shell.user_ns["model"] = "x' OR 1=1 --"
    frame = sql_shell.run("%agent sql SELECT * FROM v_runs WHERE model = $model").value
    assert len(frame) == 0


def test_a_variable_that_is_not_there_or_no_value_is_named(sql_shell: AgentShell) -> None:
    sql_shell.shell.user_ns.update(since=datetime.now(UTC), table={"a": 1})
    text = error_of(sql_shell, "%agent sql SELECT * FROM v_runs WHERE started > $sinc")
    assert text == "$sinc in the query is no variable of this notebook; did you mean $since?"
    assert "define it first: other = …" in error_of(sql_shell, "%agent sql SELECT $other")
    assert "a dict cannot stand in a query, only texts" in error_of(
        sql_shell, "%agent sql SELECT $table"
    )
    sql_shell.shell.user_ns["names"] = ["a", "b\ud800"]
    text = error_of(sql_shell, "%agent sql SELECT $names")
    assert text.startswith("$names in the query: character 2 of the text is half of a pair")


def test_a_limit_is_told_in_words_with_what_helps(sql_shell: AgentShell) -> None:
    pairs = "SELECT list(a.range || '-' || b.range) FROM range(100000) a, range(10000) b"
    assert error_of(sql_shell, f"%agent sql {pairs}") == (
        "the query needs more memory than it may take; read fewer days or columns, "
        "or aggregate before you join and sort"
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT *\nFROM v_rnus r", "there is no view 'v_rnus' (line 2, column 6); "
         "did you mean v_runs?"),
        ("SELECT modle FROM v_runs", "there is no column 'modle' in v_runs (line 1, column 8); "
         "did you mean model?"),
        ("SELECT status,\n  r.modle\nFROM v_runs AS r", "there is no column 'modle' in v_runs "
         "(line 2, column 5); did you mean model?"),
        ("SELECT zzz FROM v_tools", "there is no column 'zzz' in v_tools (line 1, column 8); "
         "its columns: %agent sql DESCRIBE v_tools"),
    ],
)  # fmt: skip
def test_an_error_points_at_its_place_and_says_what_was_meant(
    sql_shell: AgentShell, query: str, said: str
) -> None:
    assert error_of(sql_shell, f"%%agent_sql\n{query}") == said


def test_other_errors_are_one_line_without_lists_of_functions(sql_shell: AgentShell) -> None:
    text = error_of(sql_shell, "%agent sql SELECT * FORM v_runs")
    assert text.startswith('syntax error at or near "v_runs" (line 1, column 15')
    text = error_of(sql_shell, "%agent sql SELECT sum(model) FROM v_runs")
    assert "No function matches" in text
    assert "Candidate" not in text
    assert "exactly one SELECT" in error_of(sql_shell, "%agent sql DROP VIEW v_runs")
    assert "exactly one SELECT" in error_of(sql_shell, "%%agent_sql\nSELECT 1;\nSELECT 2")
    assert "needs a query" in error_of(sql_shell, "%%agent_sql\n;")
    for front in ("-o a b <<", "-o a <<"):
        assert "keep one" in error_of(sql_shell, f"%%agent_sql {front}\nSELECT 1")
    for name in ("1x", "class", "None"):
        text = error_of(sql_shell, f"%agent sql {name} << SELECT 1")
        assert text == f"{name!r} is no name of a variable; write: runs << SELECT …"


@pytest.mark.parametrize(
    "condition",
    [
        "step = $token",
        "step = list_extract($tokens, 1)",
        "ts > $token::TIMESTAMPTZ",
        "$token::JSON",
    ],
)
def test_errors_name_a_variable_and_never_its_value(sql_shell: AgentShell, condition: str) -> None:
    sql_shell.run("token = 'sk-it\\'s \\n secret'; tokens = [token]")
    error = sql_shell.run(f"%agent sql SELECT * FROM events WHERE {condition}").error
    assert isinstance(error, AgentError)
    assert "secret" not in "".join(traceback.format_exception(error)).replace(condition, "")
    assert "$token" in str(error)


def test_a_plan_is_shown_as_text_and_nothing_is_read(sql_shell: AgentShell) -> None:
    sql_shell.shell.user_ns["name"] = "x"
    for line in (
        "%agent sql --explain SELECT * FROM events WHERE type = $name",
        "%agent sql EXPLAIN SELECT * FROM events WHERE type = $name",
        "%agent_sql --explain SELECT * FROM events WHERE type = $name",
        "%agent sql -o plan --explain SELECT * FROM events WHERE type = $name",
        "%agent sql --explain -o plan SELECT * FROM events WHERE type = $name",
    ):
        plan = sql_shell.run(line).value
        assert "─" in str(plan)
        assert "```text" in plan._repr_markdown_()
    assert sql_shell.shell.user_ns["plan"] is plan
    for line in ("%agent sql --explain p << SELECT 1", "%%agent_sql p << --explain\nSELECT 1"):
        sql_shell.shell.user_ns["p"] = None
        assert sql_shell.run(line).value is None
        assert "─" in str(sql_shell.shell.user_ns["p"])


def test_the_views_are_listed_with_what_they_show(sql_shell: AgentShell) -> None:
    frame = sql_shell.run("%agent sql --views -o listed").value
    assert frame["view"].tolist() == ["events", *VIEWS]
    assert frame["about"][1].startswith("One row per run:")
    assert sql_shell.shell.user_ns["listed"] is frame
    assert sql_shell.run("%agent_sql mine << --views").value is None
    assert len(sql_shell.shell.user_ns["mine"]) == len(frame)
    for line in ("%agent sql --views SELECT 1", "%agent sql --views --explain"):
        assert error_of(sql_shell, line) == "--views stands alone: %agent sql --views"


def test_names_of_python_are_neither_taken_nor_suggested(sql_shell: AgentShell) -> None:
    text = error_of(sql_shell, "%%agent_sql print <<\nSELECT 1")
    assert text.endswith("Python's own, which would be lost; choose another, such as print_")
    assert "print" not in sql_shell.shell.user_ns
    sql_shell.run("import os as nop\ndef nopes(): pass")
    for name in ("nope", "quitt"):
        text = error_of(sql_shell, f"%agent sql SELECT ${name}")
        assert text.endswith(f"no variable of this notebook; define it first: {name} = …")
    assert offered(sql_shell, "%agent sql SELECT $I") == {"$I": "text"}


def offered(shell: AgentShell, text: str, rest: str = "") -> dict[str, str]:
    """What the front end would offer behind the text, with its kinds."""
    with provisionalcompleter():
        found = list(shell.shell.Completer.completions(text + rest, len(text)))
    return {completion.text: str(completion.type) for completion in found}


@pytest.mark.parametrize(
    "start", ["%agent sql ", "%%agent_sql\n", "%%agent sql -o x\n", "y = %agent_sql "]
)
def test_views_and_columns_complete(sql_shell: AgentShell, start: str) -> None:
    assert offered(sql_shell, f"{start}SELECT * FROM v_appr") == {"v_approvals": "table"}
    assert offered(sql_shell, f"{start}SELECT stat", " FROM v_runs")["status"] == "column"
    assert "p95_ms" not in offered(sql_shell, f"{start}SELECT p", " FROM v_runs")
    qualified = offered(sql_shell, f"{start}SELECT r.ttf", " FROM v_runs AS r JOIN v_tools t ON 1")
    assert qualified == {"ttft_ms": "column"}
    assert "p95_ms" in offered(sql_shell, f"{start}SELECT t.", " FROM v_runs r, v_tools t")
    assert offered(sql_shell, f"{start}SELECT quantile_c")["quantile_cont("] == "function"
    assert offered(sql_shell, f"{start}sel")["select"] == "keyword"


def test_names_of_the_statement_and_of_the_notebook_complete(sql_shell: AgentShell) -> None:
    sql_shell.shell.user_ns["since_monday"] = datetime.now(UTC)
    cell = "%%agent_sql\nWITH slow AS (SELECT * FROM v_runs)\nSELECT * FROM slo"
    assert offered(sql_shell, cell)["slow"] == "table"
    line = "%agent sql SELECT * FROM v_runs WHERE started > $si"
    assert offered(sql_shell, line) == {"$since_monday": "variable"}
    assert "v_runs" not in offered(sql_shell, "%agent sql SELECT 'v_ru")
    assert "v_runs" not in offered(sql_shell, "%%agent_sql\nSELECT 1 -- FROM v_ru")
    assert "--explain" in offered(sql_shell, "%agent sql --ex")


@pytest.mark.parametrize(
    "text", ["%agent sql SELECT $ma", "%agent sql SELECT zzma", "%%agent_sql x <<\n-- all ma"]
)
def test_where_nothing_fits_no_names_of_python_are_offered(
    sql_shell: AgentShell, text: str
) -> None:
    assert set(offered(sql_shell, text)) <= {text.split()[-1]}


def test_columns_of_all_views_complete_before_it_is_said_which(sql_shell: AgentShell) -> None:
    found = offered(sql_shell, "%%agent_sql x <<\nSELECT mo")
    assert found["model"] == "column"
    assert not [name for name in found if name.startswith("%")]
    assert "p95_ms" in offered(sql_shell, "%agent sql SELECT t.p95")


@pytest.fixture
def starting_shell(agent_shell: AgentShell) -> Iterator[AgentShell]:
    """A shell in which nothing was asked, whose core does not come to be."""
    may_start = threading.Event()

    def start() -> Core:
        may_start.wait(60)
        return fake_core(engine=agent_shell.engine)

    notebook_agents.use_core(start, shell=agent_shell.shell)
    yield agent_shell
    may_start.set()


def test_views_and_columns_complete_at_the_first_tab(starting_shell: AgentShell) -> None:
    shell = starting_shell
    assert offered(shell, "%agent sql SELECT * FROM v_appr") == {"v_approvals": "table"}
    assert set(offered(shell, "%agent sql FROM ")) == {"events", *VIEWS}
    of_runs = set(next(view for view in catalogue() if view.name == "v_runs").columns)
    found = offered(shell, "%agent sql SELECT r.", " FROM v_runs AS r")
    assert (set(found), set(found.values())) == (of_runs, {"column"})
    assert "model" in offered(shell, "%agent sql SELECT * FROM v_runs WHERE mod")
    assert set(offered(shell, "%agent sql SELECT ").values()) == {"column"}


@pytest.mark.parametrize("text", ["= '", "= 'a ", "= 'a/", "= 1", "= '%", '= "', "= 1 --", "/*\n"])
def test_in_texts_and_comments_neither_python_nor_files_are_offered(
    starting_shell: AgentShell, text: str
) -> None:
    Path("a file.csv").touch()
    cell = f"%%agent_sql\nSELECT * FROM v_runs WHERE model {text}"
    assert "".join(offered(starting_shell, cell)) in text


def test_what_is_read_from_and_what_is_bound_is_found_in_any_text() -> None:
    sql = "SELECT '$a', $b, $$ $c $$ FROM v_runs r, \"v_tools\" LEFT JOIN events AS e ON $b -- $d"
    assert parameters_in(sql) == ["b"]
    assert tables_in(sql) == {"r": "v_runs", "v_tools": "v_tools", "e": "events"}
    assert tables_in("SELECT a, b FROM (SELECT x FROM v_cost) WHERE c, d") == {"v_cost": "v_cost"}


def test_a_query_that_the_person_stops_is_broken_off(
    sql_shell: AgentShell,
) -> None:
    session = installed_magics(sql_shell.shell).session
    asking = tabled(session, "SELECT count(*) FROM range(1_000_000_000_000)", {})
    answer, _ = next(asking)
    with pytest.raises(Interrupted, match=r"^the query was broken off$"):
        asking.throw(Interrupted())
    assert answer.cancelled()
    session.host.submit(lambda core: core.analytics.at_rest()).result(timeout=60)


def test_it_says_so_in_the_cell() -> None:
    def stopped() -> Waits[None]:
        yield from ()
        raise Interrupted("the query was broken off")

    with pytest.raises(Stopped, match=r"^the query was broken off$"):
        block_on(stopped())
