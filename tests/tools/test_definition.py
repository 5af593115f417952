"""A typed function with a docstring is a tool."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import Tool, define_tool
from notebook_agents.tools.python_executor import python_executor


@define_tool(title="Word count", category="text", effect="read", timeout_s=5)
async def word_count(
    context: ToolContext,
    text: Annotated[str, Field(description="What to count")],
    least: int = 1,
) -> str:
    """Count the words
    of a text.

    Only those that are long enough.
    """
    return str(sum(1 for word in text.split() if len(word) >= least))


def test_the_specification_comes_from_the_function() -> None:
    spec = word_count.spec
    assert (spec.name, spec.title, spec.effect) == ("word_count", "Word count", "read")
    assert spec.description == "Count the words of a text."
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "What to count"},
            "least": {"type": "integer", "default": 1},
        },
        "required": ["text"],
        "additionalProperties": False,
    }
    assert word_count.takes_context


def test_defaults_are_filled_in() -> None:
    assert word_count.validate({"text": "a"}) == {"text": "a", "least": 1}
    assert python_executor.validate({"code": "1"}) == {"code": "1", "timeout": 30}


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        ({}, "text", "argument 'text' is missing"),
        ({"text": 5}, "text", "argument 'text' is wrong"),
        ({"text": "a", "least": "2"}, "least", "valid integer, got '2'"),
        ({"text": "a", "more": 1}, "more", "unknown argument 'more'; word_count takes text, least"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        word_count.validate(arguments)
    assert words in caught.value.message
    assert caught.value.details["field"] == field


def test_no_argument_switches_the_sandbox_off() -> None:
    with pytest.raises(InvalidRequest, match="unknown argument"):
        python_executor.validate({"code": "1", "dangerously_disable_sandbox": True})
    assert "level" not in str(python_executor.spec.parameters)


def test_no_tool_calls_itself_a_sandbox() -> None:
    words = f"{python_executor.spec.description} {python_executor.spec.title}".lower()
    assert "sandbox" not in words
    assert "secure" not in words


def test_a_function_without_docstring_or_types_is_refused() -> None:
    async def silent(text: str) -> str:
        return text

    async def untyped(text) -> str:  # type: ignore[no-untyped-def]
        """Say it."""
        return str(text)

    for function, words in ((silent, "no docstring"), (untyped, "no type")):
        with pytest.raises(TypeError, match=words):
            define_tool(title="x", category="x", effect="read")(function)


def test_the_decorated_name_is_a_tool() -> None:
    assert isinstance(word_count, Tool)
