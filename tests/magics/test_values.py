"""Values as text within a budget."""

from __future__ import annotations

import pandas as pd
import pytest

from notebook_agents.magics.values import value_text


def test_a_frame_shows_shape_types_nulls_and_rows_and_says_what_is_missing() -> None:
    frame = pd.DataFrame({"price": [1.5, None, *[2.0] * 998], "town": ["Bern"] * 1000})
    assert value_text(frame).splitlines() == [
        "DataFrame with 1,000 rows and 2 columns",
        f"Columns: price float64 (1 null), town {frame['town'].dtype} (0 null)",
        "First 5 rows:",
        "price, town",
        "1.5, Bern",
        "nan, Bern",
        "2, Bern",
        "2, Bern",
        "2, Bern",
        "Not shown: 995 more rows",
    ]


def test_a_wide_frame_stays_within_the_budget_and_says_so() -> None:
    frame = pd.DataFrame({f"column_{i}": ["x" * 200] * 3 for i in range(500)})
    text = value_text(frame, max_chars=1000)
    assert len(text) < 1100
    assert "more columns" in text.splitlines()[-1]
    assert "column_0 " in text
    assert "x" * 100 not in text


def test_columns_with_the_same_name_and_other_labels_are_no_problem() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", "a", 7])
    assert "a int64 (0 null), a int64 (0 null), 7 int64 (0 null)" in value_text(frame)


def test_an_empty_frame_has_a_description() -> None:
    assert value_text(pd.DataFrame()).startswith("DataFrame with 0 rows and 0 columns")


def test_a_series_is_described_like_a_frame() -> None:
    text = value_text(pd.Series([1, 2, None], name="price"))
    assert text.startswith("Series with 3 rows and 1 columns\nColumns: price float64 (1 null)")


@pytest.mark.parametrize("value", ["y" * 10_000, list(range(100_000)), {"k": "y" * 10_000}])
def test_nothing_exceeds_the_budget_by_more_than_the_note(value: object) -> None:
    assert len(value_text(value, max_chars=500)) < 600


def test_a_cut_text_says_how_much_is_missing() -> None:
    assert value_text("y" * 600, max_chars=500).endswith("(100 more characters not shown)")


def test_short_values_are_their_own_text() -> None:
    assert value_text("plain") == "plain"
    assert value_text([1, "two"]) == "[1, 'two']"
    assert value_text(3.5) == "3.5"
