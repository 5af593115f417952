"""``%agent task``: tasks made, run with progress, looked at and scheduled in cells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import notebook_agents
from notebook_agents.core.executions import Outcome
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.subcommands import TASK_VERBS
from notebook_agents.magics.tasks import ExecutedNotebook
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import fake_core
from notebook_agents.testing.tasks import ScriptedRunner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.magics.conftest import AgentShell

BOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Sum"]},
        {
            "cell_type": "code",
            "source": ["1 + 1"],
            "outputs": [
                {"output_type": "stream", "text": ["two\n"]},
                {"output_type": "execute_result", "data": {"text/plain": ["2"]}},
                {"output_type": "error", "ename": "E", "evalue": "no"},
            ],
        },
    ]
}


class BookRunner(ScriptedRunner):
    """Leaves a notebook behind."""

    async def read(self, id: str, name: str) -> bytes:
        return json.dumps(BOOK).encode()


@pytest.fixture
def outcomes() -> list[Outcome | None]:
    return []


@pytest.fixture
def shell(agent_shell: AgentShell, outcomes: list[Outcome | None], tmp_path: Path) -> AgentShell:
    runner = BookRunner(*outcomes)
    core = fake_core(home=tmp_path / "w", timetable=CronTimetable(), task_runner=runner)
    notebook_agents.use_core(core, shell=agent_shell.shell)
    return agent_shell


def value(shell: AgentShell, line: str) -> Any:
    cell = shell.run(f"%agent task {line}")
    if cell.error is not None:
        raise cell.error
    return cell.value


def test_a_task_is_made_run_and_looked_at(
    shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    made = str(value(shell, "create Daily What is the total in {{file}} of {{year}}?"))
    assert "What is the total in {{file}} of {{year}}?" in made
    assert "file, year" in made
    capsys.readouterr()
    ended = str(value(shell, 'run Daily file="data/sales 1.csv" year=2026'))
    assert capsys.readouterr().out.startswith("cell 1/1\n  done in 0.0 s\nsucceeded after ")
    assert "succeeded" in ended
    book = value(shell, "notebook Daily")
    assert isinstance(book, ExecutedNotebook)
    assert book.text == "two\n2\nE: no"
    assert "```python\n1 + 1\n```" in book._repr_markdown_()
    assert list(value(shell, "executions daily")["state"]) == ["succeeded"]
    assert "is deleted" in str(value(shell, "delete Daily"))
    assert value(shell, "list").empty


def test_a_task_is_scheduled_and_paused(shell: AgentShell) -> None:
    value(shell, 'create "Daily sums" Sum it up')
    times = str(value(shell, "schedule 'Daily sums' 30 8 * * MON Europe/Berlin")).splitlines()
    assert len(times) == 5
    assert all(time.endswith(" 08:30 CET") for time in times)
    assert "30 8 * * MON Europe/Berlin" in str(value(shell, "show 'Daily sums'"))
    assert str(value(shell, "next 'Daily sums' 1")) == times[0]
    assert "is paused" in str(value(shell, "pause 'Daily sums'"))
    assert str(value(shell, "next 'Daily sums'")) == "paused"
    assert list(value(shell, "list")["is_paused"]) == [True]
    assert str(value(shell, "resume 'Daily sums'")).splitlines()[0] == times[0]
    value(shell, "unschedule 'Daily sums'")
    assert str(value(shell, "next 'Daily sums'")) == "not scheduled"


def test_a_notebook_is_scheduled_by_its_name_below_the_folder_of_the_server(
    agent_shell: AgentShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sales").mkdir()
    monkeypatch.chdir(tmp_path / "sales")
    monkeypatch.setenv("NOTEBOOK_AGENTS_TASK_FOLDER", str(tmp_path))
    runner = ScriptedRunner()
    runner.notebooks = {"sales/by region.ipynb": ()}
    core = fake_core(home=tmp_path / "w", timetable=CronTimetable(), task_runner=runner)
    notebook_agents.use_core(core, shell=agent_shell.shell)
    made = str(value(agent_shell, "create Weekly 'by region.ipynb'"))
    assert "sales/by region.ipynb" in made
    assert value(agent_shell, "schedule Weekly 0 9 * * MON") is not None
    value(agent_shell, "run Weekly")
    assert [execution.notebook for execution in runner.ran] == ["sales/by region.ipynb"]
    made = str(value(agent_shell, "create Prompt Tell what is in a.ipynb"))
    assert "Tell what is in a.ipynb" in made


@pytest.mark.parametrize(
    "outcomes", [[Outcome(state="failed", error_code="x", error_message="ValueError: no")]]
)
def test_an_execution_that_fails_fails_the_cell(shell: AgentShell) -> None:
    value(shell, "create Daily Sum")
    with pytest.raises(AgentError, match="failed: ValueError: no"):
        value(shell, "run Daily")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("crate Daily x", "did you mean create?"),
        ("xyzzy", "there are: list, create"),
        ("run", "needs a name; usage: run NAME"),
        ("run Nothing", "task 'Nothing' was not found"),
        ("run Known", "date"),
        ("run Known date", "given as name=value, not 'date'"),
        ("run Known date='x", "cannot be read"),
        ("create Empty", "a task needs a prompt"),
        ("create known Another", "you have a task 'Known' already"),
        ("schedule Asks 0 9 * * *", "needs a value of 'file'"),
        ("schedule Known 0 9 * *", "needs five fields"),
        ("schedule Known 0 25 * * *", "field 2 of 5, hour"),
        ("next Known soon", "takes a number"),
        ("notebook Known", "has not been executed yet"),
        ("pause Known", "schedule"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(shell: AgentShell, line: str, said: str) -> None:
    value(shell, "create Known The {{date}}")
    value(shell, "create Asks Sum {{file}}")
    with pytest.raises(AgentError) as caught:
        value(shell, line)
    assert said in str(caught.value)


def test_help_and_completion_know_every_verb(agent_shell: AgentShell) -> None:
    text = str(agent_shell.run("%agent task --help").value)
    for verb, about in TASK_VERBS.items():
        assert f"  {verb}" in text
        assert about in text
    from tests.magics.test_completion import completions

    assert completions(agent_shell, "%agent task re") == ["resume"]
    assert completions(agent_shell, "%agent ta") == ["task"]


def test_a_prompt_may_begin_with_the_word(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent -- task one: say hello")
    assert agent_shell.last_text.endswith("task one: say hello")
