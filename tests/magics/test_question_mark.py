"""A prompt may end in a question mark, which IPython takes for a request for help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell


@pytest.mark.parametrize(
    ("code", "prompt"),
    [
        ("%agent what is it?", "what is it?"),
        ("%agent What is the revenue in data/sales.csv?", "What is the revenue in data/sales.csv?"),
        ("r = %agent what is it??", "what is it??"),
        ("if True:\n    %agent what is it?\n", "what is it?"),
        ("%agent what (is it?\nx = 1", "what (is it?"),
        ("%agent what's it?", "what's it?"),
        ('%agent who said "why?', 'who said "why?'),
        ("%agent what is it\\\n now?", "what is it  now?"),
        ("%%agent what is it?\nThis?", "what is it?\nThis?"),
        ("%agent ist das – schön?", "ist das – schön?"),  # noqa: RUF001
    ],
)
def test_a_question_reaches_the_agent(agent_shell: AgentShell, code: str, prompt: str) -> None:
    assert agent_shell.run(code).error is None
    assert agent_shell.last_text == prompt


@pytest.mark.parametrize("code", ["%agent?", "%agent??", "%%agent?", "len?"])
def test_asking_ipython_for_help_still_works(
    agent_shell: AgentShell, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    agent_shell.run(code)
    assert agent_shell.engine.requests == []
    assert "agent" in capsys.readouterr().out or code == "len?"


def test_text_in_a_string_is_left_alone(agent_shell: AgentShell) -> None:
    assert agent_shell.run('s = """\n%agent what is it?\n"""\ns').value == "\n%agent what is it?\n"
