"""Values of what is named like a secret are masked wherever they stand."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any

import numpy as np
import pandas as pd
import polars
import pytest

from notebook_agents.core.figures import PLOTLY, Figure
from notebook_agents.core.masking import MASK, Masker
from notebook_agents.live.execution import Outcome
from notebook_agents.live.notebook_tools import without_secrets
from notebook_agents.live.visibility import Visibility


def told(text: str, **names: Any) -> str:
    return Visibility().masker(names).masked(text)


@pytest.mark.parametrize(
    "names",
    [
        {"api_key": "plum-4477"},
        {"_api_key": "plum-4477"},
        {"password": b"plum-4477"},
        {"settings": {"db": [{"login_pass": "plum-4477"}]}},
        {"auth": ("bob", "plum-4477")},
        {"headers": {"X-Auth": "plum-4477"}},
        {"client": Namespace(api_key="plum-4477")},
        {"frame": pd.DataFrame({"a": [1], "password": ["plum-4477"]})},
        {"frame": pd.DataFrame({"a": [1]}, index=pd.Index(["plum-4477"], name="token"))},
        {"series": pd.Series(["plum-4477"], name="token")},
        {"column": pd.Series(["plum-4477"] * 2, index=["a", "b"], dtype="string", name="pwd")},
        {"passwords": np.array(["plum-4477"])},
        {"table": polars.DataFrame({"api_key": ["plum-4477"]})},
    ],
)
def test_values_are_known_by_the_names_of_what_holds_them(names: dict[str, Any]) -> None:
    assert told("it is plum-4477.", **names) in (f"it is {MASK}.", f"it is {MASK}")
    assert told("['plum-4477', 1]", **names) == f"['{MASK}', 1]"


def test_values_of_the_environment_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", "plum-4477")
    assert told("[('X', 'plum-4477')]") == f"[('X', '{MASK}')]"


def test_numbers_and_short_secrets_are_masked_as_words_only() -> None:
    assert told("4711 and 47112, abcd in abcde", pin=4711, password="abcd") == (
        f"{MASK} and 47112, {MASK} in abcde"
    )
    assert told("12 test True none", pin=12, password="test", token="none", pwd=True) == (
        "12 test True none"
    )


def test_words_of_a_language_are_no_secrets_where_tokens_are_words() -> None:
    frame = pd.DataFrame({"token": ["house", "tree"], "password": ["hunter", "plum-4477"]})
    assert told("house tree hunter", frame=frame, token="garden") == f"house tree {MASK}"
    assert told("the garden", token="garden") == "the garden"


def test_what_the_person_shows_is_told() -> None:
    rules = Visibility(shown=("api_key",))
    assert rules.masker({"api_key": "plum-4477"}).masked("plum-4477") == "plum-4477"


def test_many_secrets_and_a_long_text_take_little_time() -> None:
    secrets = [f"s{i:x}-{i * 7919:x}-zz" for i in range(600)]
    cells = [f"cell{i}-{i * 7919:x}" for i in range(50_000)]
    text = (
        " ".join(f"{i} row of words s{i:x}-" for i in range(50_000)) + f" {secrets[1]} {cells[7]}"
    )
    masker, started = Masker(secrets, cells), time.process_time()
    assert masker.masked(text).endswith(f"- {MASK} {MASK}")
    assert time.process_time() - started < 5.0
    assert secrets[599] not in masker.masked(f"a {secrets[599]} b")


def test_a_value_that_was_cut_is_masked() -> None:
    frame = pd.DataFrame({"password": ["correct-horse-battery-staple-" * 3]})
    assert "correct" not in told(str(frame), frame=frame)


def test_titles_of_figures_are_told_without_secrets() -> None:
    content = '{"data": [{"x": {"bdata": "plum-4477"}}], "layout": {"title": "of plum-4477"}}'
    figure = Figure(media_type=PLOTLY, content=content, label="of plum-4477")
    outcome = Outcome(output="plum-4477", figures=(figure,))
    masked = without_secrets(outcome, Masker(["plum-4477"]).masked)
    assert masked.output == MASK
    assert masked.figures[0].label == f"of {MASK}"
    assert masked.figures[0].content == content.replace("of plum-4477", f"of {MASK}").replace(
        ": ", ":"
    ).replace(", ", ",")
