"""Asking a person; tests/magics/test_kernel.py asks through a real front end."""

from __future__ import annotations

import io

import pytest

from notebook_agents.core.events import ApprovalRequested
from notebook_agents.magics.approval import PersonAsker, question
from notebook_agents.magics.waiting import block_on

ASKED = ApprovalRequested(
    call_id="c1", name="python_executor", arguments={"code": "a = 1\nb\x1b[2J", "timeout": 5}
)


def test_the_question_shows_the_tool_and_everything_it_gets() -> None:
    assert question(ASKED).splitlines() == [
        "Allow python_executor?",
        "  code: a = 1",
        "      b[2J",
        "  timeout: 5",
        "[y]es / [N]o, or say what to do instead: ",
    ]


@pytest.mark.parametrize(
    ("answer", "is_approved", "feedback"),
    [
        ("y", True, ""),
        (" YES ", True, ""),
        ("", False, ""),
        ("n", False, ""),
        ("use addition", False, "use addition"),
    ],
)
def test_only_yes_allows_and_words_become_feedback(
    monkeypatch: pytest.MonkeyPatch, answer: str, is_approved: bool, feedback: str
) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    (decision,) = block_on(PersonAsker(is_kernel=True)([ASKED]))
    assert (decision.is_approved, decision.feedback) == (is_approved, feedback)


def test_without_a_terminal_the_answer_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    (decision,) = block_on(PersonAsker(is_kernel=False)([ASKED]))
    assert not decision.is_approved
    assert "nobody is there" in decision.feedback
