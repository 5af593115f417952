"""Claims about the text form of numbers, tables and long texts."""

from __future__ import annotations

import math
from datetime import date

import pytest

from notebook_agents.core.formatting import (
    clip_text,
    format_cell,
    format_number,
    format_table,
    more_line,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (10**20, "1" + "0" * 20),
        (7.25, "7.25"),
        (7.0, "7"),
        (0.1 + 0.2, "0.3"),
        (10 / 3, "3.33333333333"),
        (None, ""),
        (True, "True"),
        (math.inf, "inf"),
        (1e300, "1e+300"),
    ],
)
def test_numbers_are_short_and_exact_where_possible(value: float | None, text: str) -> None:
    assert format_number(value) == text


def test_a_cell_stays_on_one_line() -> None:
    assert format_cell("a\nb") == "a b"
    assert format_cell(date(2026, 1, 2)) == "2026-01-02"


def test_a_table_is_a_header_and_one_line_per_row() -> None:
    text = format_table(["region", "sum(price)"], [("east", 7.5), ("north", None)])
    assert text == "region, sum(price)\neast, 7.5\nnorth, "


def test_a_long_table_says_how_many_rows_are_missing() -> None:
    text = format_table(["n"], ([n] for n in range(25)), max_rows=3)
    assert text.split("\n") == ["n", "0", "1", "2", "... 22 more rows"]


def test_a_table_without_rows_is_its_header() -> None:
    assert format_table(["a", "b"], []) == "a, b"


def test_more_line_names_what_is_missing() -> None:
    assert more_line(4, "files") == "... 4 more files"


def test_clip_keeps_short_texts() -> None:
    assert clip_text("abc", max_chars=3) == "abc"


def test_clip_prefers_a_line_border() -> None:
    assert clip_text("one\ntwo\nthree\nfour", max_chars=14, marker="[cut]") == "one\ntwo\n[cut]"


def test_clip_cuts_inside_a_long_line() -> None:
    text = clip_text("a\n" + "b" * 100, max_chars=20, marker="...")
    assert text == "a\n" + "b" * 14 + "\n..."


@pytest.mark.parametrize("max_chars", range(1, 30))
def test_clip_never_exceeds_the_limit(max_chars: int) -> None:
    text = "some words\nand more words\nand the end"
    assert len(clip_text(text, max_chars=max_chars)) <= max_chars
