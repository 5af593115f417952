"""What the model is told about the data frames of the notebook."""

from __future__ import annotations

import pandas as pd

from notebook_agents.magics.context import MAX_FRAMES, frames_by_name, frames_line


def test_frames_are_named_with_their_columns() -> None:
    names = {
        "df": pd.DataFrame({"price": [1], "qty": [2]}),
        "n": 3,
        "wide": pd.DataFrame([[0] * 13]),
    }
    columns = ", ".join(map(str, range(12)))
    assert frames_line(names) == f"Dataframes: df(price, qty); wide({columns}, ...)"
    assert frames_line({"n": 3}) == ""


def test_a_frame_whose_columns_cannot_be_told_is_named_alone() -> None:
    names = {"df": pd.DataFrame({"price (EUR)": [1]}), "none": pd.DataFrame()}
    assert frames_line(names) == "Dataframes: df; none"


def test_the_newest_frames_are_told_each_under_its_newest_name() -> None:
    names = {f"f{number}": pd.DataFrame({"x": [1]}) for number in range(MAX_FRAMES + 1)}
    names |= {"_hidden": names["f3"], "again": names["f2"]}
    assert list(frames_by_name(names)) == ["f1", "f3", "f4", "f5", "f6", "f7", "f8", "again"]
