"""Variables in a text are put in once, and what they bring is text."""

from __future__ import annotations

import pytest

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.substitution import MAX_CHARS, substitute, variables_of


def test_variables_with_and_without_spaces_are_put_in_once() -> None:
    text = "Logs of {{date}} for {{ team }}, {{date}}; {single} stays, {{1}} too"
    assert variables_of(text) == ("date", "team")
    assert substitute(text, {"date": "2025-10-19", "team": "ops"}) == (
        "Logs of 2025-10-19 for ops, 2025-10-19; {single} stays, {{1}} too"
    )


def test_values_are_never_looked_through_again() -> None:
    assert substitute("{{a}}{{b}}", {"a": "{{b}}", "b": "{{a}}\\1"}) == "{{b}}{{a}}\\1"
    assert substitute("{{a}}b}}", {"a": "{{", "b": "no"}) == "{{b}}"


def test_every_missing_variable_is_named() -> None:
    with pytest.raises(InvalidRequest, match="'b' has no value") as caught:
        substitute("{{a}} {{b}} {{c}}", {"a": ""})
    assert [field for field, _ in caught.value.problems] == ["variables.b", "variables.c"]


def test_the_result_has_a_largest_size_and_is_not_built_beyond_it() -> None:
    with pytest.raises(InvalidRequest, match="the most is 200,000"):
        substitute("{{a}}" * 3, {"a": "x" * (MAX_CHARS // 2)})
