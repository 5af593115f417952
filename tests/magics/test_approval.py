"""Asking a person; tests/magics/test_kernel.py asks through a real front end."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from notebook_agents.core.assessments import Finding
from notebook_agents.core.events import ApprovalRequested
from notebook_agents.core.forecasts import Forecast
from notebook_agents.magics.approval import PersonAsker, question
from notebook_agents.magics.waiting import block_on

if TYPE_CHECKING:
    from notebook_agents.magics.waiting import Waits

ASKED = ApprovalRequested(
    call_id="c1",
    name="python_executor",
    arguments={"code": "a = 1\nb\x1b[2J", "timeout": 5},
    effect="external",
    findings=(
        Finding(risk="mutates", text="rebinds a", line=1),
        Finding(risk="shell", text="runs a program\x1b[2J"),
    ),
)


class DryRun:
    """What a dry run showed."""

    def lines(self) -> list[str]:
        return ["If it ran:", "  ~ a: 1 → 2"]


def dry_run(_asked: ApprovalRequested) -> Waits[DryRun | None]:
    return DryRun()
    yield


def test_the_question_shows_the_tool_the_reasons_by_line_and_everything_it_gets() -> None:
    assert question(ASKED).splitlines() == [
        "Allow python_executor? It could do anything you can do.",
        "  ! line 1: rebinds a",
        "  ! runs a program⟨U+001B⟩[2J",
        "     1 | a = 1",
        "     2 | b⟨U+001B⟩[2J",
        "  timeout: 5",
        "[y]es, once / [N]o, or say what to do instead: ",
    ]


def test_what_such_a_call_took_before_stands_below_the_reasons() -> None:
    forecast = Forecast(
        n_seen=4, duration_ms=840_000, duration_p95_ms=840_000, memory_bytes=9_000_000_000
    )
    assert question(replace(ASKED, forecast=forecast)).splitlines()[2:4] == [
        "  ! runs a program⟨U+001B⟩[2J",
        "  ~ expect about 14 min, 9 GB; seen 4 times",
    ]


def test_a_terminal_gets_the_code_in_colours() -> None:
    asked = ApprovalRequested(call_id="c1", name="python_executor", arguments={"code": "import a"})
    assert "\x1b[" in question(asked, has_colors=True)
    assert "\x1b[" not in question(asked)


def test_what_a_dry_run_showed_stands_before_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    questions: list[str] = []

    def answer(text: str) -> str:
        questions.append(text)
        return "y"

    monkeypatch.setattr("builtins.input", answer)
    block_on(PersonAsker(is_kernel=True, previewer=dry_run)([ASKED]))
    assert questions[0].splitlines()[-3:-1] == ["If it ran:", "  ~ a: 1 → 2"]


@pytest.mark.parametrize(
    ("answer", "is_approved", "feedback", "scope"),
    [
        ("y", True, "", "once"),
        (" YES ", True, "", "once"),
        ("a", True, "", "conversation"),
        ("always", True, "", "conversation"),
        ("", False, "", "once"),
        ("n", False, "", "once"),
        ("use addition", False, "use addition", "once"),
    ],
)
def test_only_yes_and_always_allow_and_words_become_feedback(
    monkeypatch: pytest.MonkeyPatch, answer: str, is_approved: bool, feedback: str, scope: str
) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    (decision,) = block_on(PersonAsker(is_kernel=True)([ASKED]))
    said = (decision.is_approved, decision.feedback, decision.scope, decision.via)
    assert said == (is_approved, feedback, scope, "person")


def test_without_a_terminal_the_answer_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    (decision,) = block_on(PersonAsker(is_kernel=False, previewer=dry_run)([ASKED]))
    assert (decision.is_approved, decision.via) == (False, "nobody")
    assert "nobody is there" in decision.feedback
