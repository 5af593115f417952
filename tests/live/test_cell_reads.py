"""What a cell uses: names before they are bound, through the notebook's functions, and texts."""

from __future__ import annotations

from typing import Any

import pytest

from notebook_agents.live.cell_reads import reads_of


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("print(df)", {"print", "df"}),
        ("df = 1\ndf + 1", set()),
        ("df = df + 1", {"df"}),
        ("df += 1", {"df"}),
        ("df['a'] = b", {"df", "b"}),
        ("del df", {"df"}),
        ("import pandas as pd\npd.x(y)", {"y"}),
        ("if n:\n    df = 1\ndf", {"n", "df"}),
        ("for i in rows:\n    pass", {"rows"}),
        ("def f():\n    return df\nf()", {"df"}),
        ("%not python", set()),
    ],
)
def test_names_are_read_unless_the_cell_has_bound_them_before(source: str, names: set[str]) -> None:
    assert reads_of(source, {}).names == names


def test_functions_of_the_notebook_are_followed() -> None:
    notebook: dict[str, Any] = {"df": 1}
    exec("def f(): return g()\ndef g(): return df", notebook)  # noqa: S102 - our own code
    assert {"f", "g", "df"} <= reads_of("f()", notebook).names


def test_texts_are_told_as_one_may_be_a_path() -> None:
    assert "a.csv" in reads_of("read('a.csv')", {}).texts
