"""Messages and tools as pydantic-ai's model classes take them. Pure functions."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from notebook_agents.core.messages import AttachmentPart, Message
from notebook_agents.core.messages import TextPart as OurText

if TYPE_CHECKING:
    from notebook_agents.core.models import Sampling, ToolSchema


def messages_for(messages: Sequence[Message]) -> list[ModelMessage]:
    """The conversation as the provider is told it."""
    return [_assistant(m) if m.role == "assistant" else _request(m) for m in messages]


def parameters_for(tools: Sequence[ToolSchema]) -> ModelRequestParameters:
    """What the model may call."""
    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=tool.parameters,
            )
            for tool in tools
        ],
        allow_text_output=True,
    )


def settings_for(sampling: Sampling) -> ModelSettings:
    """What is set of how tokens are chosen; the rest is the provider's own."""
    settings = ModelSettings()
    if sampling.temperature is not None:
        settings["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        settings["top_p"] = sampling.top_p
    if sampling.max_tokens is not None:
        settings["max_tokens"] = sampling.max_tokens
    if sampling.seed is not None:
        settings["seed"] = sampling.seed
    if sampling.stop:
        settings["stop_sequences"] = list(sampling.stop)
    return settings


def _assistant(message: Message) -> ModelResponse:
    texts = [TextPart(content=message.text)] if message.text else []
    calls = [
        ToolCallPart(tool_name=call.name, args=call.arguments, tool_call_id=call.call_id)
        for call in message.tool_calls
    ]
    return ModelResponse(parts=[*texts, *calls])


def _request(message: Message) -> ModelRequest:
    return ModelRequest(parts=list(_parts(message)))


def _parts(message: Message) -> Iterator[ModelRequestPart]:
    if message.role == "system":
        yield SystemPromptPart(content=message.text)
    elif message.role == "tool":
        for result in message.tool_results:
            yield ToolReturnPart(
                tool_name=result.name,
                content=result.content,
                tool_call_id=result.call_id,
                outcome="failed" if result.is_error else "success",
            )
    else:
        yield UserPromptPart(content=list(_contents(message)))


def _contents(message: Message) -> Iterator[UserContent]:
    for part in message.parts:
        match part:
            case OurText():
                yield part.text
            case AttachmentPart(kind="image"):
                data = base64.b64decode(part.content)
                yield BinaryContent(data=data, media_type=part.media_type or "image/png")
            case AttachmentPart(kind="text" | "code"):
                yield f"{part.name}:\n{part.content}" if part.name else part.content
            case _:
                pass
