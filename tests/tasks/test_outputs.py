"""What is kept of what a cell puts out: as a terminal is left with it, and never without end."""

from __future__ import annotations

import re
from typing import Any

import pytest

from notebook_agents.tasks import outputs
from notebook_agents.tasks.outputs import (
    MAX_DISPLAYS,
    MAX_ERROR,
    MAX_PRINTED,
    MAX_SHOWN,
    PRINTED_NOTE,
    SHOWN_NOTE,
    as_left,
    compacted,
)


def printed(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(text: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\r\nb\r\n", "a\nb\n"),
        ("10%\r20%\r30%\nend", "30%\nend"),
        ("one\n10%\r", "one\n10%"),
        ("abc\b\bX\n\b\bY", "aX\nY"),
        ("ab\b\b\b\bc", "c"),
        ("a\r\b\bb", "b"),
    ],
)
def test_returns_and_backspaces_leave_what_a_terminal_shows(text: str, left: str) -> None:
    assert as_left(text) == left


def test_a_line_of_any_length_is_gone_through_once() -> None:
    """Each pattern looks at one character and its repetitions, so nothing is looked at twice."""
    assert re.fullmatch(r"\((?:.\+?\|?)+\)", outputs._MOVE.pattern, re.S)
    for line in ("x" * 3_000_000, "\r" * 3_000_000 + "x", "\b" * 3_000_000, "x\r" * 1_500_000):
        [made] = compacted([printed(line)])
        assert len(made["text"]) <= MAX_PRINTED + len(PRINTED_NOTE)


def test_what_is_printed_is_cut_once_and_stays_so() -> None:
    piece = "x" * (MAX_PRINTED // 2)
    made = [printed(piece), printed("!", "stderr"), printed(piece), printed("more")]
    first = compacted(made)
    assert [out["text"] for out in first] == [piece * 2 + PRINTED_NOTE, "!"]
    assert compacted([*first, printed("\revery\b more")]) == first


def test_a_progress_line_never_fills_the_room() -> None:
    lines = "".join(f"\r{n}" for n in range(MAX_PRINTED // 2))
    assert compacted([printed(lines)])[0]["text"] == str(MAX_PRINTED // 2 - 1)


def test_stdout_stands_before_stderr() -> None:
    made = compacted([shown("a"), printed("e", "stderr"), printed("o"), shown("b"), printed("p")])
    assert [out.get("text") for out in made] == [None, "op", "e", None]


def test_displays_are_bounded_in_size_and_number() -> None:
    small, large = shown("x"), shown("x" * (MAX_SHOWN - 1))
    texts = [out["data"]["text/plain"] for out in compacted([small, large, shown("yy"), shown("")])]
    assert texts == ["x", "x" * (MAX_SHOWN - 1), SHOWN_NOTE, ""]
    many = compacted([shown("x") for _ in range(MAX_DISPLAYS + 5)])
    assert len(many) == MAX_DISPLAYS
    assert [out["data"]["text/plain"] for out in many[-2:]] == ["x", SHOWN_NOTE]
    assert compacted([*many, shown("x")]) == many


def test_an_error_keeps_its_beginning_and_its_end() -> None:
    lines = ["begin", "x" * (2 * MAX_ERROR), "end"]
    error = {
        "output_type": "error",
        "ename": "E",
        "evalue": "v" * MAX_ERROR * 2,
        "traceback": lines,
    }
    [made] = compacted([error])
    assert len(made["evalue"]) == MAX_ERROR
    text = "".join(made["traceback"])
    assert len(text) < MAX_ERROR + 5
    assert text.startswith("begin")
    assert text.endswith("end")
