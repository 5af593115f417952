"""The engine of a provider: what goes out, what comes back, what goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notebook_agents.core.errors import (
    EngineUnavailable,
    InvalidRequest,
    LimitExceeded,
    NotebookAgentsError,
    NotFound,
)
from notebook_agents.core.messages import (
    AttachmentPart,
    ToolCallPart,
    ToolResultPart,
    assistant_message,
    system_message,
    tool_message,
    user_message,
)
from notebook_agents.core.models import (
    GenerateFinished,
    GenerateRequest,
    GenerateText,
    GenerateToolCall,
    Sampling,
    ToolSchema,
)

if TYPE_CHECKING:
    from tests.providers.conftest import Endpoint

    from notebook_agents.providers.engine import ProviderEngine

ADD = ToolSchema(
    name="add",
    description="Add two numbers.",
    parameters={
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
)
PNG = "iVBORw0KGgo="
HISTORY = (
    system_message("Be brief."),
    user_message("look", [AttachmentPart(kind="image", content=PNG, media_type="image/png")]),
    assistant_message("", (ToolCallPart(call_id="c1", name="add", arguments={"a": 1, "b": 2}),)),
    tool_message([ToolResultPart(call_id="c1", name="add", content="3")]),
)


def delta(reason: str | None = None, usage: dict[str, int] | None = None, **said: Any) -> Any:
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "small",
        "choices": [{"index": 0, "delta": said, "finish_reason": reason}],
        **({"usage": usage} if usage else {}),
    }


def asked(**changes: Any) -> GenerateRequest:
    given: dict[str, Any] = {"model": "lab/small", "messages": HISTORY, "tools": (ADD,)}
    return GenerateRequest(**{**given, **changes})


async def answer(engine: ProviderEngine, request: GenerateRequest) -> list[Any]:
    return [chunk async for chunk in engine.generate(request)]


async def test_text_streams_and_ends_with_usage(endpoint: Endpoint) -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14}
    endpoint.says(delta(content="It "), delta(content="is 3"), delta("stop", usage=usage))
    chunks = await answer(endpoint.engine(), asked())
    assert [c.text for c in chunks if isinstance(c, GenerateText)] == ["It ", "is 3"]
    end = chunks[-1]
    assert isinstance(end, GenerateFinished)
    assert (end.finish_reason, end.usage.input_tokens, end.usage.output_tokens) == ("stop", 12, 2)


async def test_tool_calls_come_whole(endpoint: Endpoint) -> None:
    call = {"index": 0, "id": "c2", "type": "function"}
    endpoint.says(
        delta(tool_calls=[{**call, "function": {"name": "add", "arguments": '{"a": 3,'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ' "b": 4}'}}]),
        delta("tool_calls"),
    )
    chunks = await answer(endpoint.engine(), asked())
    calls = [c.call for c in chunks if isinstance(c, GenerateToolCall)]
    assert calls == [ToolCallPart(call_id="c2", name="add", arguments={"a": 3, "b": 4})]
    assert chunks[-1].finish_reason == "tool_calls"


async def test_arguments_that_are_no_json_are_a_call_that_cannot_be_made(
    endpoint: Endpoint,
) -> None:
    function = {"name": "add", "arguments": '{"a": 3,'}
    endpoint.says(
        delta(tool_calls=[{"index": 0, "id": "c2", "type": "function", "function": function}]),
        delta("tool_calls"),
    )
    chunks = await answer(endpoint.engine(), asked())
    (call,) = (c.call for c in chunks if isinstance(c, GenerateToolCall))
    assert (call.name, call.arguments, call.invalid) == (
        "add",
        {},
        "the arguments are not a JSON object",
    )


async def test_messages_tools_and_sampling_go_out(endpoint: Endpoint) -> None:
    endpoint.says(delta("stop", content="ok"))
    sampling = Sampling(temperature=0.5, max_tokens=7, seed=3, stop=("END",))
    await answer(endpoint.engine(), asked(sampling=sampling))
    (sent,), (headers,) = endpoint.requests, endpoint.headers
    assert sent["model"] == "small"
    assert [message["role"] for message in sent["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]
    image = sent["messages"][1]["content"][1]["image_url"]["url"]
    assert image == f"data:image/png;base64,{PNG}"
    assert sent["messages"][3]["tool_call_id"] == "c1"
    assert sent["tools"][0]["function"]["name"] == "add"
    assert (sent["temperature"], sent["seed"], sent["stop"]) == (0.5, 3, ["END"])
    assert headers["Authorization"] == "Bearer sk-very-secret-key"


async def test_anthropic_speaks_its_own_api(endpoint: Endpoint) -> None:
    usage = {"input_tokens": 9, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "small", "content": []}
    endpoint.says(
        {"type": "message_start", "message": {**message, "usage": usage, "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "hello"},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
        names=True,
    )
    chunks = await answer(endpoint.engine("anthropic"), asked())
    assert [c.text for c in chunks if isinstance(c, GenerateText)] == ["hello"]
    assert (chunks[-1].usage.input_tokens, chunks[-1].usage.output_tokens) == (9, 5)
    assert endpoint.headers[0]["Authorization"] == "Bearer sk-very-secret-key"


@pytest.mark.parametrize(
    ("status", "code", "expected", "words"),
    [
        (401, "invalid_api_key", EngineUnavailable, "lab refuses the key; check LAB_API_KEY"),
        (404, "model_not_found", NotFound, "lab/small"),
        (400, "context_length_exceeded", InvalidRequest, "the prompt does not fit lab/small"),
        (400, "bad", InvalidRequest, "lab refuses the request"),
        (429, "rate_limit_exceeded", LimitExceeded, "lab asks to wait"),
        (503, "overloaded", EngineUnavailable, "lab answered 503"),
    ],
)
async def test_errors_are_ours_and_keep_the_key(
    endpoint: Endpoint, status: int, code: str, expected: type[NotebookAgentsError], words: str
) -> None:
    endpoint.status = status
    endpoint.body = {"error": {"message": "no, sk-very-secret-key", "code": code, "type": code}}
    with pytest.raises(expected) as error:
        await answer(endpoint.engine(), asked())
    assert words in error.value.message
    assert "sk-very-secret-key" not in error.value.message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"message": "out of memory", "code": "x"}}, "lab answered 500: out of memory"),
        ({"error": "out of memory"}, "lab answered 500: out of memory"),
        ({"detail": "out of memory"}, "lab answered 500: out of memory"),
        ({}, "lab answered 500"),
    ],
)
async def test_an_error_says_once_what_the_provider_says(
    endpoint: Endpoint, body: dict[str, Any], expected: str
) -> None:
    endpoint.status, endpoint.body = 500, body
    with pytest.raises(EngineUnavailable) as error:
        await answer(endpoint.engine(), asked())
    assert error.value.message == expected


async def test_a_provider_that_cannot_be_reached_is_named(endpoint: Endpoint) -> None:
    engine = endpoint.engine()
    object.__setattr__(engine.config, "url", "http://127.0.0.1:9")
    with pytest.raises(EngineUnavailable, match=r"lab cannot be reached at http://127\.0\.0\.1:9"):
        await answer(engine, asked())


async def test_models_are_listed_once_and_unlisted_ones_can_be_asked(endpoint: Endpoint) -> None:
    engine = endpoint.engine()
    listed = [model.id for model in await engine.models()]
    assert listed == ["lab/large", "lab/small"]
    await engine.models()
    assert endpoint.n_lists == 1
    other = await engine.model("lab/org/new-model")
    assert (other.id, other.name, other.provider) == ("lab/org/new-model", "org/new-model", "lab")
    assert (await engine.model("gpt-4o")).id == "gpt-4o"


async def test_a_list_that_cannot_be_had_is_empty(endpoint: Endpoint) -> None:
    endpoint.status = 500
    engine = endpoint.engine()
    assert await engine.models() == ()
    await engine.models()
    assert endpoint.n_lists == 1
