"""Subcommands of %agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell

from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.options import FLAGS
from notebook_agents.magics.subcommands import SUBCOMMANDS


def test_alone_it_shows_where_it_stands_and_three_examples(agent_shell: AgentShell) -> None:
    text = str(agent_shell.run("%agent").value)
    assert "built-in demo model" in text
    assert text.count("\n  %agent ") == 3


def test_status_says_model_engine_sandbox_conversation_and_what_is_sent(
    agent_shell: AgentShell,
) -> None:
    agent_shell.run("%agent hello")
    agent_shell.shell.user_ns["orders"] = pd.DataFrame({"price": [1]})
    text = str(agent_shell.run("%agent status").value)
    assert "notebook-agents/tiny (built-in demo model)" in text
    assert "in a worker of this process" in text
    assert "enforces low, medium" in text
    assert "1 prompt in this kernel" in text
    assert "1 earlier exchange; Dataframes: orders(price); no data files" in text


def test_models_and_tools_are_tables(agent_shell: AgentShell) -> None:
    models = agent_shell.run("%agent models").value
    tools = agent_shell.run("%agent tools").value
    assert list(models["model"]) == ["notebook-agents/tiny", "other/model"]
    assert dict(zip(tools["tool"], tools["effect"], strict=True)) == {
        "python_executor": "compute",
        "file_writer": "write",
    }


def test_sql_answers_a_frame_and_binds_it(agent_shell: AgentShell) -> None:
    frame = agent_shell.run("%agent sql -o df SELECT 1").value
    assert isinstance(frame, pd.DataFrame)
    assert agent_shell.shell.user_ns["df"] is frame


def test_sql_without_a_query_says_what_to_write(agent_shell: AgentShell) -> None:
    error = agent_shell.run("%agent sql").error
    assert isinstance(error, AgentError)
    assert "SELECT * FROM v_runs" in str(error)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_has_help(agent_shell: AgentShell, name: str) -> None:
    by_flag = str(agent_shell.run(f"%agent {name} --help").value)
    by_word = str(agent_shell.run(f"%agent help {name}").value)
    assert by_flag == by_word
    assert SUBCOMMANDS[name].about in by_flag


def test_the_question_mark_documents_every_flag_and_subcommand(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    agent_shell.run("%agent?")
    text = capsys.readouterr().out
    for flag in FLAGS:
        assert all(name in text for name in flag.names)
    for name, row in SUBCOMMANDS.items():
        assert f"  {name}" in text
        assert row.about in text


def test_facts_are_escaped_in_a_notebook(agent_shell: AgentShell) -> None:
    agent_shell.shell.user_ns["evil"] = pd.DataFrame({"<script>|": [1]})
    markdown = agent_shell.run("%agent status").value._repr_markdown_()
    assert "<script>" not in markdown


def test_version_is_the_packages(agent_shell: AgentShell) -> None:
    import notebook_agents

    assert notebook_agents.__version__ in str(agent_shell.run("%agent version").value)
