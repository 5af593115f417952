"""Variables in a prompt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from notebook_agents.magics.interpolation import interpolate


class Moody:
    """An object whose attribute raises."""

    @property
    def mood(self) -> str:
        raise RuntimeError("not today")

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Silent:
    """An object that cannot be written, not even inside a list."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


NAMES: dict[str, Any] = {
    "name": "Ada",
    "place": SimpleNamespace(town="Bern", codes=[3000, 3001]),
    "ages": {"ada": 36, 2: "two", "a b": 1},
    "i": 1,
    "sly": "{name} {{name}}",
    "moody": Moody(),
    "silent": Silent(),
    "frame": pd.DataFrame({"x": [Silent()]}),
}


def text(prompt: str) -> str:
    return interpolate(prompt, NAMES).text


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Hello {name}!", "Hello Ada!"),
        ("{place.town}", "Bern"),
        ("{place.codes[0]}", "3000"),
        ("{place.codes[i]}", "3001"),
        ("{place.codes[:1]}", "[3000]"),
        ("{ages['ada']} {ages[2]} {ages['a b']}", "36 two 1"),
    ],
)
def test_names_attributes_and_subscripts_become_values(prompt: str, expected: str) -> None:
    assert text(prompt) == expected


@pytest.mark.parametrize(
    "prompt",
    [
        '{"a": 1, "b": {"c": [2]}}',
        "f'{x:.2f}' and {0} and {}",
        "\\frac{1}{2} {\\alpha}",
        "{len(name)} {name!r} {name + name}",
        "def f(): return {n for n in names}",
        "{",
        "}",
        "}}{",
        "{name",
        "name}",
        "{unknown} {place.country} {ages['bob']} {moody.mood}",
        "{\nname\n}",
        "{name[}",
    ],
)
def test_every_other_brace_is_literal(prompt: str) -> None:
    assert text(prompt) == prompt


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("{{name}}", "{name}"),
        ("{{'a': {'b': 1}}}", "{'a': {'b': 1}}"),
        ("{{", "{"),
        ("{{name} {name}", "{name} Ada"),
    ],
)
def test_a_doubled_brace_writes_one(prompt: str, expected: str) -> None:
    assert text(prompt) == expected


def test_a_value_is_not_scanned_again() -> None:
    assert text("{sly}") == "{name} {{name}}"


def test_it_says_what_it_replaced_and_what_it_could_not() -> None:
    done = interpolate("{name} {unknown} {place.country} {'a': 1}", NAMES)
    assert done.replaced == ("name",)
    assert done.unresolved == ("unknown", "place.country")


def test_what_cannot_be_written_stays_and_is_told() -> None:
    prompt = "{moody} {silent} {frame} {name}"
    done = interpolate(prompt, NAMES)
    assert done.text == "{moody} {silent} {frame} Ada"
    assert done.unwritable == ("moody", "silent", "frame")
    assert done.unresolved == ()


def test_a_frame_is_described_not_printed() -> None:
    frame = pd.DataFrame({"price": [1.5, None], "qty": [1, 2]})
    described = interpolate("{df}", {"df": frame}).text
    assert "2 rows" in described
    assert "price float64 (1 null)" in described


def test_a_frame_becomes_its_name_for_a_model_that_reads_no_more() -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    text = "mean of a in {df} and {df.a} with {n}"
    names = {"df": frame, "n": 3}
    assert interpolate(text, names, are_frames_named=True).text.startswith("mean of a in df and ")
    assert "with 3" in interpolate(text, names, are_frames_named=True).text
    assert "2 rows" in interpolate("{df}", names).text
