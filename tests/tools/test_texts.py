"""What a model sees is short, plain, and says how much was left out."""

from __future__ import annotations

import pytest

from notebook_agents.tools.texts import MAX_CHARS, fit_lines, one_line, plain


def test_what_fits_stays_as_it_is() -> None:
    assert fit_lines(["a", "b"], "lines") == "a\nb"
    assert fit_lines([], "lines") == ""


def test_lines_beyond_the_limit_are_counted() -> None:
    assert fit_lines(list("abc"), "rows", max_lines=2, n_more=10) == "a\nb\n... 11 more rows"


@pytest.mark.parametrize("width", [1, 100, 1499, 1500, 1501, 100_000])
def test_the_text_is_never_longer_than_the_budget(width: int) -> None:
    text = fit_lines(["x" * width] * 40, "lines")
    assert len(text) <= MAX_CHARS
    assert text.split("\n")[-1].startswith("... ")


@pytest.mark.parametrize(
    ("shown", "read"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("\x1b]52;c;eA==\x1b\\text", "text"),
        ("10%\r50%\r100%", "100%"),
        ("windows\r\nlines\r\n", "windows\nlines\n"),
        ("\u202eabc\u2066d\u200be\U000e0041", "abcde"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("bell\x07 null\0", "bell null"),
    ],
)
def test_codes_and_hidden_characters_are_removed(shown: str, read: str) -> None:
    assert plain(shown) == read


def test_one_line_is_one_line() -> None:
    assert one_line("a\n  b\x1b[0m\tc") == "a b c"
    assert len(one_line("x" * 10_000)) < 600
