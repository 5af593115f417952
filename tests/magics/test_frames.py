"""``notebook_agents.frames``: views as data frames, in a notebook and in plain Python."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from tests.magics.conftest import AgentShell, Kernel
from tests.magics.test_sql import sql_shell

from notebook_agents.analytics.catalogue import VIEWS
from notebook_agents.magics import frames as frames_module
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.frames import View

__all__ = ["sql_shell"]

PLAIN = """
import asyncio
from notebook_agents import frames

async def count():
    return len(frames.events())

print(list(frames.runs(limit=2).columns)[:2], asyncio.run(count()))
"""


@pytest.fixture
def frames(sql_shell: AgentShell, monkeypatch: pytest.MonkeyPatch) -> AgentShell:
    """A shell that IPython knows as the running one, with two runs on record."""
    monkeypatch.setattr(InteractiveShell, "_instance", sql_shell.shell)
    sql_shell.run("from notebook_agents import frames")
    sql_shell.run("%agent -m other/model again")
    return sql_shell


def value(shell: AgentShell, code: str) -> Any:
    cell = shell.run(code)
    assert cell.error is None
    return cell.value


def error(shell: AgentShell, code: str) -> str:
    found = shell.run(code).error
    assert isinstance(found, AgentError)
    return str(found)


def test_there_is_a_function_for_each_view_and_for_the_events() -> None:
    named = {v.name: n for n, v in vars(frames_module).items() if isinstance(v, View)}
    assert named == {name: name.removeprefix("v_") for name in ("events", *VIEWS)}


def test_rows_are_chosen_by_time_and_by_what_columns_equal(frames: AgentShell) -> None:
    now = datetime.now(UTC)
    names = {"now": now, "hour": timedelta(hours=1), "today": date.today()}  # noqa: DTZ011
    frames.shell.user_ns.update(names)
    assert len(value(frames, "frames.runs()")) == 2
    assert len(value(frames, "frames.runs(limit=1)")) == 1
    assert len(value(frames, "frames.runs(since=hour)")) == 2
    assert len(value(frames, "frames.runs(until=hour)")) == 0
    assert len(value(frames, "frames.runs(since='2026-01-01', until='2026-01-02')")) == 0
    assert len(value(frames, "frames.runs(model='other/model')")) == 1
    assert len(value(frames, "frames.runs(model=['other/model', 'x'], error_type=None)")) == 1
    assert len(value(frames, "frames.cost(since=hour)")) == 2
    newest = value(frames, "frames.runs()")["model"].tolist()
    assert newest == ["other/model", "notebook-agents/tiny"]


def test_sql_has_values_by_name_and_views_are_listed(frames: AgentShell) -> None:
    frame = value(frames, "frames.sql('SELECT $a + $b AS s', a=1, b=2)")
    assert frame["s"].tolist() == [3]
    listed = value(frames, "frames.views()")
    assert isinstance(listed, pd.DataFrame)
    assert listed["view"].tolist() == ["events", *VIEWS]
    assert listed["function"][1] == "frames.runs"
    about = value(frames, "frames.runs.__doc__")
    assert about.startswith("One row per run")
    assert "  started: TIMESTAMP WITH TIME ZONE" in about


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("frames.runs(modle='x')", "v_runs has no column 'modle'; did you mean model?"),
        ("frames.runs(model={})", "model: a dict cannot stand in a query"),
        ("frames.runs(limit=0)", "limit must be a whole number from 1, not 0"),
        ("frames.runs(since='soon')", "since='soon' is no time"),
        ("frames.tool_sequences(since='2026-01-01')", "v_tool_sequences has no column of times"),
        ("frames.sql('SELECT $a')", "$a in the query has no value; add it: a=…"),
        ("frames.sql('SELECT 1', a=1)", "the query has no $a, but a value for it was given"),
        ("frames.score(None, 'exact_match', 1.0)", "run must be an answer, a run, or a run's id"),
        (
            "frames.score('r', 'exact_match', float('nan'))",
            "value must be a finite number, not nan",
        ),
        ("frames.score('r', 'exact_match', {})", "value must be a finite number, not a dict"),
        ("frames.score('r', 'exact_match', 'good')", "value must be a finite number, not a str"),
        ("frames.sql('SELECT modle FROM v_runs')", "(line 1, column 8); did you mean model?"),
    ],
)
def test_mistakes_are_named(frames: AgentShell, code: str, said: str) -> None:
    assert said in error(frames, code)


@pytest.mark.slow
def test_a_running_loop_waits_for_a_frame_and_the_tab_key_knows_the_columns(kernel: Kernel) -> None:
    kernel.run("from notebook_agents import frames; import asyncio")
    assert kernel.run("await asyncio.sleep(0); frames.sql('SELECT 1')").status == "ok"


@pytest.mark.slow
def test_plain_python_reads_the_records_of_its_home(ipython_home: Path) -> None:
    home = {"NOTEBOOK_AGENTS_HOME": str(ipython_home / "home")}
    done = subprocess.run(
        [sys.executable, "-c", PLAIN],
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "['run_id', 'agent_id'] 0\n"
