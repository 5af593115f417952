"""Tab completion, asked through IPython's own completer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from IPython.core.completer import provisionalcompleter

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell


def completions(agent_shell: AgentShell, line: str) -> list[str]:
    """What the front end would offer at the end of the line, as whole words."""
    with provisionalcompleter():
        found = list(agent_shell.shell.Completer.completions(line, len(line)))
    return [line[line.rfind(" ", 0, len(line)) + 1 : c.start] + c.text for c in found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%agent st", ["status", "stop"]),
        ("%%agent --mo", ["--model"]),
        ("r = %agent --no", ["--no-history", "--no-stream", "--no-tools"]),
        ("%agent -m note", ["notebook-agents/tiny"]),
        ("%agent help s", ["save", "sql", "status", "stop"]),
        ("%agent mod", ["model", "models"]),
        ("%agent model ", ["default", "notebook-agents/tiny"]),
    ],
)
def test_subcommands_flags_and_models_complete(
    agent_shell: AgentShell, line: str, expected: list[str]
) -> None:
    assert completions(agent_shell, line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%agent -f j", ["json"]),
        ("%agent us", ["usage"]),
        ("%agent config his", ["history="]),
        (
            "%agent config mode=",
            ["mode=ask", "mode=auto-edit", "mode=full", "mode=plan"],
        ),
        ("%agent config mode=p", ["mode=plan"]),
        ("%agent list lo", ["local"]),
        ("%agent history --a", ["--all"]),
        ("%agent save --f", ["--force"]),
        ("%agent undo ", ["--force", "--list", "--redo"]),
        ("%agent undo --l", ["--list"]),
        ("%agent replay --v", ["--verify"]),
        ("%agent dashboard --so", ["--source"]),
        ("%agent task sched", ["schedule"]),
        ("%agent save ta", ["talk.json", "talks/"]),
        ("%agent load talks/", ["talks/old.json"]),
    ],
)
def test_what_follows_a_flag_or_a_subcommand_completes(
    agent_shell: AgentShell, line: str, expected: list[str]
) -> None:
    Path("talks").mkdir()
    Path("talk.json").touch()
    Path("talks/old.json").touch()
    assert completions(agent_shell, line) == expected


def test_aliases_and_personas_complete(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent alias big other/model")
    assert completions(agent_shell, "%agent -m b") == ["big"]
    assert completions(agent_shell, "%agent dealias ") == ["big"]
    agent_shell.run("%agent -p nobody hello")
    assert completions(agent_shell, "%agent -p te") == ["teacher"]


def test_models_complete_once_the_core_works(agent_shell: AgentShell) -> None:
    assert "other/model" not in completions(agent_shell, "%agent model oth")
    agent_shell.run("%agent hello")
    assert completions(agent_shell, "%agent model oth") == ["other/model"]
    assert completions(agent_shell, "%agent -m oth") == ["other/model"]
    assert "other/model" not in completions(agent_shell, "%agent build a model oth")


def test_models_and_tools_that_were_listed_complete(agent_shell: AgentShell) -> None:
    agent_shell.run("%agent models")
    agent_shell.run("%agent tools")
    line = "%agent -m other"
    assert completions(agent_shell, line) == ["other/model"]
    line = "%agent --tools file_writer,py"
    assert completions(agent_shell, line) == ["file_writer,python_executor"]
    assert completions(agent_shell, "%agent /py") == ["/python_executor"]


def test_the_text_of_a_prompt_is_not_completed_by_us(agent_shell: AgentShell) -> None:
    line = "%agent tell me about st"
    assert "status" not in completions(agent_shell, line)
