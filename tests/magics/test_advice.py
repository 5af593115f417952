"""What the person is told below an answer: what the built-in model is, and when to start afresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.magics.advice import BUILT_IN, START_AFRESH
from notebook_agents.testing import call

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell, Kernel


def shown_by(agent_shell: AgentShell, capsys: pytest.CaptureFixture[str], line: str) -> str:
    agent_shell.run(line)
    return capsys.readouterr().out


def test_the_first_answer_of_the_built_in_model_is_followed_by_what_it_is(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert BUILT_IN not in shown_by(agent_shell, capsys, "%agent -m other/model hello")
    agent_shell.engine.script = [EngineUnavailable("the worker died")]
    assert BUILT_IN not in shown_by(agent_shell, capsys, "%agent hello")
    agent_shell.engine.script = ["Here you are"]
    shown = shown_by(agent_shell, capsys, "r = %agent hello")
    assert shown.startswith("Here you are\n")
    assert f"\n! {BUILT_IN}\n" in shown
    assert "%agent model NAME" in BUILT_IN
    agent_shell.run("%agent reset")
    assert BUILT_IN not in shown_by(agent_shell, capsys, "%agent hello")


def test_the_user_is_told_of_tools_that_the_model_is_not_told_of(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "! the built-in model only knows its own tools and was not told of: file_writer" in (
        shown_by(agent_shell, capsys, "%agent hello")
    )
    assert "not told of" not in shown_by(agent_shell, capsys, "%agent once is enough")
    agent_shell.run("%agent reset")
    assert "not told of" in shown_by(agent_shell, capsys, "%agent hello")
    agent_shell.run("%agent reset")
    assert "not told of" not in shown_by(agent_shell, capsys, "%agent -m other/model hello")
    assert "not told of" not in shown_by(
        agent_shell, capsys, "%agent --tools python_executor hello"
    )


@pytest.mark.slow
def test_a_notebook_shows_the_badge_the_advice_and_the_warning(kernel: Kernel) -> None:
    kernel.run(
        "tools = ScriptedTools({'python_executor': repr, 'my_tool': repr})\n"
        "core = fake_core(engine=engine, tools=tools, home=Path('workspaces'))\n"
        "notebook_agents.use_core(core)"
    )
    [shown] = kernel.run("r = %agent hello").displays().values()
    assert "was not told of: my&#95;tool" in shown[-1]
    assert "This is the built-in demo model" in shown[-1]
    assert "<small>notebook-agents/tiny (built-in demo model) · " in shown[-1]


def test_two_runs_that_end_in_failed_calls_suggest_a_reset_once(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*arguments: str) -> bool:
        steps = [call("python_executor", **{name: "1"}) for name in arguments]
        agent_shell.engine.script = [*steps, "That is it"]
        return START_AFRESH in shown_by(agent_shell, capsys, "%agent go")

    assert [ask("bad"), ask("bad", "code"), ask("bad")] == [False, False, False]
    assert [ask("code", "bad"), ask("bad"), ask()] == [True, False, False]
    agent_shell.run("%agent reset")
    assert [ask("bad"), ask("bad")] == [False, True]


def test_a_call_that_the_person_denied_has_not_failed(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        agent_shell.engine.script = [call("python_executor", code="1"), "so be it"]
        assert START_AFRESH not in shown_by(agent_shell, capsys, "%agent --ask go")
