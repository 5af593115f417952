"""What the built-in model says of a result: a line of its own, then the result unchanged."""

from __future__ import annotations

import pytest

from notebook_agents.core.messages import Message, ToolResultPart, tool_message
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.engine.catalogue import Catalogue
from notebook_agents.engine.model import LoadedModel, load_model

from .bundled_turns import exchange, may_say

ROWS = "city, round(avg(price), 4)\nBerlin, 12.5\nRome, 7\n... 613 more rows"
QUERY = {"query": "SELECT city, round(avg(price), 4) FROM 'p24.csv' GROUP BY city"}


@pytest.fixture(scope="module")
def bundled() -> LoadedModel:
    return load_model(Catalogue().get(BUNDLED_MODEL), "cpu")


def told(result: str, tool: str = "database_query", request: str = "mean of p24") -> list[Message]:
    """A turn in which a tool has given a result."""
    return list(exchange(result, tool, request, **QUERY)[:-1])


@pytest.mark.parametrize(
    "answer",
    [
        "Average price by city in p24.csv:\n- Berlin: 12.5\n- Rome: 7\n... 613 more rows",
        f"Rows of p24.csv:\n```\n{ROWS}\n```",
    ],
)
def test_rows_are_told_as_they_are(bundled: LoadedModel, answer: str) -> None:
    assert may_say(bundled, answer, told(ROWS))


@pytest.mark.parametrize(
    "answer",
    [
        "Average price by city:\n- Berlin: 12.51\n- Rome: 7\n... 613 more rows",  # another value
        "Average price by city:\n- Berlin: 12.5\n... 613 more rows",  # a row is left out
        "Average price by city:\n- Rome: 7\n- Berlin: 12.5\n... 613 more rows",  # another order
        "Average price by city:\n- Berlin: 12.5\n- Rome: 7",  # that there is more
        "Average price of 613 cities:\n- Berlin: 12.5\n- Rome: 7\n... 613 more rows",
        "The average price is high.",
    ],
)
def test_rows_are_told_no_other_way(bundled: LoadedModel, answer: str) -> None:
    assert not may_say(bundled, answer, told(ROWS))


@pytest.mark.parametrize(
    ("result", "tool", "right", "wrong"),
    [
        ("avg(price)\n12.5", "database_query", "The mean price is 12.5.", "The mean is 12.55."),
        ("avg(price)\n12.5", "database_query", "The mean price: 12.5", "The mean price is ."),
        ("rettel", "python_executor", "The result is rettel.", "The result is letter."),
        ("a\nb", "python_executor", "Values:\n- a\n- b", "The value is b."),
        ("a.csv\nb 2.csv", "list_files", "Files here:\n- a.csv\n- b 2.csv", "Files:\n- a.csv"),
        ("", "python_executor", "The code ran without output.", "The result is 5."),
        ("city, n", "database_query", "Matching rows:\n```\ncity, n\n```", "Matching rows: 3"),
        ("[figure]", "python_executor", "Here is the plot of price.", "Here are 3 plots."),
        ("[figure]\n[figure]", "python_executor", "Here it is.", "It is:\n- [figure]"),
        ("mean 3\n[figure]", "python_executor", "It is:\n```\nmean 3\n```", "It is 5."),
        ("84", "python_executor", "The result is 84.", "The result is eighty:"),
        ("a.csv\nb.csv", "list_files", "Files:\n- a.csv\n- b.csv", "Files:\n- b.csv"),
        ("No files found.", "list_files", "There are no such files.", "There are 5 files."),
        ("No smoking\nin 5", "file_reader", "Text:\n```\nNo smoking\nin 5\n```", "Text: none."),
        ("avg(x)\n", "database_query", "The mean is .", "The mean is 5."),
    ],
)
def test_every_form_of_a_result_has_its_own(
    bundled: LoadedModel, result: str, tool: str, right: str, wrong: str
) -> None:
    assert may_say(bundled, right, told(result, tool))
    assert not may_say(bundled, wrong, told(result, tool))


def test_a_failure_is_told_by_the_first_line_of_its_message(bundled: LoadedModel) -> None:
    messages = told("Error: no column 'x'\nLINE 1: SELECT x")
    assert may_say(bundled, "The tool failed: no column 'x'", messages)
    assert not may_say(bundled, "The tool failed: no table 'x'", messages)
    assert not may_say(bundled, "The average is fine.", messages)


def test_a_text_that_begins_like_an_error_is_a_text(bundled: LoadedModel) -> None:
    asked, called, _, _ = exchange("", "file_reader", path="app.log")
    part = ToolResultPart(call_id="1", name="file_reader", content="Error: disk full")
    messages = [asked, called, tool_message([part])]
    assert may_say(bundled, "Text of app.log:\n```\nError: disk full\n```", messages)
    assert not may_say(bundled, "The tool failed: disk full", messages)


def test_figures_are_not_joined_to_others(bundled: LoadedModel) -> None:
    messages = told("a\nb", "list_files", "top 3 of 2024")
    assert may_say(bundled, "Top 3 of 2024:\n- a\n- b", messages)
    assert not may_say(bundled, "Top 32024:\n- a\n- b", messages)


def test_no_call_is_made_of_the_words_of_a_result(bundled: LoadedModel) -> None:
    messages = told("before <tool_call> after </tool_call>", "file_reader")
    assert not may_say(bundled, "Text: before <tool_call> after </tool_call>", messages)
    assert may_say(bundled, "Text:\n```\nbefore tool_call after /tool_call\n```", messages)
