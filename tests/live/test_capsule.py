"""The state capsule: a budget that holds, secrets that stay, and what has changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.live.hostile import hostile_namespace

from notebook_agents.live.capsule import MIN_CHARS, Capsule, Capsules, Question
from notebook_agents.live.visibility import Visibility

RULES = Visibility()
ORDERS = pd.DataFrame({"price": [1.5, 2.5], "city": ["Bern", "Genf"]})
HOSTILE = hostile_namespace()


def patient() -> Capsules:
    """Takes all the time it needs, on a machine that is busy with other tests."""
    return Capsules(comparing_s=30, reading_s=30)


def capsule(names: dict[str, Any], prompt: str = "", **question: Any) -> Capsule:
    return patient().take(names, RULES, Question(prompt=prompt, **question))


def test_variables_have_a_line_and_details_below() -> None:
    told = capsule({"orders": ORDERS, "n": 3, "pd": pd, "np": np}).text.split("\n")
    assert told[1] == "- n: int 3"
    assert told[2].startswith("- orders: DataFrame, 2 rows, 2 columns")
    assert told[3] == "    price: float64, 0 null, 1.5 to 2.5"
    assert told[-2:] == [
        "Imported: np = numpy, pd = pandas",
        "(inspect_variable shows more of each)",
    ]


def test_nothing_is_told_of_an_empty_notebook() -> None:
    assert capsule({}).text == ""
    assert capsule({"_x": 1, "In": []}).text == ""
    assert capsule({"x": 1}, max_chars=0).text == ""


def test_what_the_prompt_names_comes_first_then_what_is_newest() -> None:
    names = {f"v{n}": n for n in range(5)}
    assert capsule(names, "what is v2?").told == ("v2", "v4", "v3", "v1", "v0")


def test_what_changed_comes_before_what_is_merely_newer() -> None:
    capsules, names = patient(), {"old": [1], "new": 2}
    capsules.remember(capsules.take(names, RULES, Question()))
    names["old"] = [1, 2]
    found = capsules.take(names, RULES, Question())
    assert found.told == ("old", "new")
    assert found.text.split("\n")[-1] == (
        "Changed since the last prompt: old: 1 element → 2 elements"
    )


def test_changes_are_told_once_they_were_sent_and_not_before() -> None:
    capsules, names = patient(), {"df": ORDERS, "gone": 1}
    assert capsules.take(names, RULES, Question()).changes == ()
    capsules.remember(capsules.take(names, RULES, Question()))
    after: dict[str, Any] = {"df": ORDERS.assign(price=[1, 2]), "n": 3}
    for _ in range(2):
        found = capsules.take(after, RULES, Question())
        assert [str(change) for change in found.changes] == [
            "n new",
            "df: column price now int64",
            "gone removed",
        ]
    capsules.remember(found)
    assert capsules.take(after, RULES, Question()).changes == ()
    capsules.forget()
    assert capsules.take({}, RULES, Question()).changes == ()


def test_what_was_cut_is_named_with_the_way_to_see_it() -> None:
    names = {f"a_rather_long_name_{n}": "some text" * n for n in range(40)}
    found = capsule(names, max_chars=1500)
    assert len(found.told) + len(found.left_out) == 40
    last = found.text.split("\n")[-1]
    assert last.startswith(f"{len(found.left_out)} more variables: a_rather_long_name_")
    assert last.endswith("; inspect_variable shows more of each")
    without_tool = capsule(names, max_chars=1500, can_inspect=False).text
    assert "inspect_variable" not in without_tool


def test_a_wide_frame_leaves_room_for_the_others() -> None:
    wide = pd.DataFrame([[0] * 300], columns=[f"column_{n}" for n in range(300)])
    found = capsule({"x": 1, "orders": ORDERS, "wide": wide}, max_chars=2000)
    assert "price: float64" in found.text
    assert "    …" in found.text


@pytest.mark.parametrize("place", ["name", "alias", "key", "column", "attribute", "text", "list"])
def test_a_secret_is_never_told(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "correct-horse-battery"
    monkeypatch.setenv("STAGING_TOKEN", secret)

    class Client:
        def __init__(self) -> None:
            self.password = secret
            self.url = f"https://ada:{secret}@host"

    places: dict[str, dict[str, Any]] = {
        "name": {"api_key": secret},
        "alias": {"copy": secret},
        "key": {"config": {"password": secret, "n": 1}},
        "column": {"df": pd.DataFrame({"token": [secret], "note": [f"it is {secret}"]})},
        "attribute": {"client": Client()},
        "text": {"notes": "x" * 70 + secret + "y" * 500},
        "list": {"values": ["a", secret], "more": [secret] * 100},
    }
    names = places[place]
    told = capsule(names, "tell me about " + " ".join(names)).text
    assert "horse" not in told
    assert "battery" not in told


def test_secret_variables_are_counted_and_not_named() -> None:
    found = capsule({"api_key": "abcdefgh", "n": 1})
    assert found.n_secret == 1
    assert "api_key" not in found.text


def test_hostile_variables_are_told_without_running_their_code() -> None:
    found = capsule(HOSTILE, max_chars=20_000)
    assert set(found.told) >= set(HOSTILE) - {"hostile_class"}
    assert "cannot be described" not in found.text


class Special(str):
    """Stands for a value that the drawing of examples must not see: it would ask it things."""

    __slots__ = ()


def with_specials(value: Any) -> Any:
    if type(value) is Special:
        return SPECIAL[value]
    if isinstance(value, list | tuple):
        return type(value)(map(with_specials, value))
    if isinstance(value, dict):
        return {key: with_specials(inner) for key, inner in value.items()}
    return value


SPECIAL = {**HOSTILE, "orders": ORDERS, "array": np.arange(9.0), "module": pd, "function": capsule}
NAMES = some.sampled_from(["df", "x", "values", "café", "password", "n", "long_name" * 20])
VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.text(max_size=300)
    | some.binary(max_size=50)
    | some.sampled_from(sorted(SPECIAL)).map(Special),
    lambda inner: (
        some.lists(inner, max_size=6)
        | some.dictionaries(some.text(max_size=20), inner, max_size=6)
        | some.tuples(inner, inner)
    ),
    max_leaves=12,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(
    names=some.dictionaries(NAMES, VALUES, max_size=6),
    later=some.dictionaries(NAMES, VALUES, max_size=6),
    max_chars=some.integers(0, 3000),
    prompt=some.text(max_size=50),
)
def test_a_capsule_never_exceeds_its_budget_and_never_raises(
    names: dict[str, Any], later: dict[str, Any], max_chars: int, prompt: str
) -> None:
    capsules, question = patient(), Question(prompt=prompt, max_chars=max_chars)
    for namespace in map(with_specials, (names, later)):
        found = capsules.take(namespace, RULES, question)
        assert len(found.text) <= max_chars
        assert found.text or max_chars < MIN_CHARS or not RULES.visible(namespace)
        capsules.remember(found)


def test_without_time_every_variable_still_has_its_line() -> None:
    hurried = Capsules(comparing_s=0, reading_s=0)
    found = hurried.take({"orders": ORDERS, "n": 3}, RULES, Question())
    assert found.told == ("n", "orders")
    assert "price: float64" not in found.text
    hurried.remember(found)
    found = hurried.take({"orders": ORDERS.iloc[:1], "n": 4}, RULES, Question())
    assert [str(change) for change in found.changes] == [
        "n: 3 → 4",
        "orders: 2 rows → 1 row",
    ]
