"""Turns of the built-in model, and what it may write in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from notebook_agents.core.messages import (
    Message,
    ToolCallPart,
    ToolResultPart,
    assistant_message,
    tool_message,
    user_message,
)
from notebook_agents.core.models import (
    BUNDLED_MODEL,
    BUNDLED_TOOLS,
    GenerateRequest,
    Sampling,
    ToolSchema,
)
from notebook_agents.engine.model import LoadedModel

TOOLS = tuple(ToolSchema(name=name, description="", parameters={}) for name in BUNDLED_TOOLS)


def exchange(
    result: str, tool: str = "python_executor", request: str = "go", /, **arguments: Any
) -> tuple[Message, ...]:
    """A question, the call it led to and the answer."""
    part = ToolCallPart(call_id="1", name=tool, arguments=arguments)
    given = ToolResultPart(
        call_id="1", name=tool, content=result, is_error=result.startswith("Error: ")
    )
    return (
        user_message(request),
        assistant_message("", [part]),
        tool_message([given]),
        assistant_message("So it is."),
    )


def request_of(messages: Sequence[Message]) -> GenerateRequest:
    return GenerateRequest(
        model=BUNDLED_MODEL,
        messages=tuple(messages),
        tools=TOOLS,
        sampling=Sampling(temperature=0),
    )


def may_say(model: LoadedModel, text: str, messages: Sequence[Message]) -> bool:
    request = request_of(messages)
    constraint = model.constraint(request, model.prompt(request))
    assert constraint is not None
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    return all(map(constraint.accept, [*ids, *model.eos_ids]))
