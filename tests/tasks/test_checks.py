"""Checks are expressions over what was put out, and nothing but that."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from notebook_agents.core.tasks import CHECK_NAMES
from notebook_agents.tasks.checks import FUNCTIONS, facts_of, failed_checks

V4: Any = nbformat.v4


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    result = {"rows": [[1], [2]], "total": 12.5, "usage": {"output_tokens": 7}, "tool_calls": []}
    shown = V4.new_output("display_data", {"application/json": result, "text/plain": "{…}"})
    cells = [
        V4.new_code_cell("1", outputs=[V4.new_output("stream", text="The total is 1,234.5 EUR\n")]),
        V4.new_markdown_cell("no output"),
        V4.new_code_cell("2", outputs=[V4.new_output("execute_result", {"text/plain": "'ok'"})]),
        V4.new_code_cell("3", outputs=[shown]),
    ]
    return facts_of(V4.new_notebook(cells=cells), 1.5)


@pytest.mark.parametrize(
    "check",
    [
        "'total' in text",
        "contains(text, 'TOTAL')",
        "number(text) == 1234.5",
        "result['total'] > 10 and rows(result['rows']) == 2",
        "cells == 3 and errors == 0 and seconds < 2",
        "tokens <= 7",
        "len(tool_calls) == 0",
        "matches(text, '*total is ?,2*')",
        "not (last == 'ok')",
        "cells % 2 == 1",
    ],
)
def test_what_holds_holds(facts: dict[str, Any], check: str) -> None:
    assert failed_checks([check], facts) == []


@pytest.mark.parametrize(
    ("check", "why"),
    [
        ("'x' in text", "is False"),
        ("text", "is The total"),
        ("result['missing']", "KeyError"),
        ("result.keys()", "is dict_keys"),
        ("().__class__.__bases__", "FeatureNotAvailable"),
        ("open('/etc/passwd')", "FunctionNotDefined"),
        ("'{0.__class__}'.format(text)", "FeatureNotAvailable"),
        ("9**9**9**9", "NumberTooHigh"),
        ("'a' * 999999999", "IterableTooLong"),
        ("[x for x in text]", "IterableTooLong|is "),
        ("'%999999999d' % 1", "fills in no texts"),
        ("unknown", "NameNotDefined"),
    ],
)
def test_what_does_not_hold_says_why_and_does_nothing_else(
    facts: dict[str, Any], check: str, why: str
) -> None:
    [failed] = failed_checks([check], facts)
    assert failed.startswith(check)
    assert any(reason in failed for reason in why.split("|"))


def test_the_names_of_checks_are_those_that_are_known(facts: dict[str, Any]) -> None:
    names = {name for name in facts if name.islower()}
    assert names | set(FUNCTIONS) == CHECK_NAMES
