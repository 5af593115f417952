"""The names that coding agents have for our tools."""

from __future__ import annotations

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.tool_names import OURS, ours, theirs, to_ours

KNOWN = (*OURS.values(), "python_executor")


def test_names_go_there_and_back() -> None:
    assert [ours(name) for name in ("Read", "Bash", "python_executor", "other")] == [
        "file_reader", "shell", "python_executor", "other"
    ]  # fmt: skip
    assert all(theirs(ours(name)) == name for name in OURS)
    assert theirs("python_executor") == "python_executor"


def test_both_spellings_are_one_tool() -> None:
    names = ["Write", "python_executor", "Read", "file_writer"]
    assert to_ours(names, KNOWN) == ("file_writer", "python_executor", "file_reader")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("read", "did you mean 'Read'?"),
        ("Bahs", "did you mean 'Bash'?"),
        ("file_readr", "did you mean 'file_reader'?"),
        ("zzz", "available: file_editor, file_reader"),
        ("Bash(git:*)", "there is no tool"),
    ],
)
def test_an_unknown_name_says_what_is_nearest(name: str, hint: str) -> None:
    with pytest.raises(InvalidRequest, match="there is no tool") as caught:
        to_ours([name], KNOWN, field="allowed_tools")
    assert hint in caught.value.message
    assert caught.value.details["field"] == "allowed_tools"


def test_a_tool_that_is_not_installed_is_not_offered() -> None:
    with pytest.raises(InvalidRequest) as caught:
        to_ours(["Bash"], ("file_reader",))
    assert "Bash'?" not in caught.value.message
