"""The document's JSON examples of sessions, completed by what we add, come back unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from notebook_agents_server.dialects import agent_api
from notebook_agents_server.dialects.agent_api import frames, session_wire, template_wire

EXAMPLES = Path(agent_api.__file__).parent / "examples"
MODELS: dict[str, type[BaseModel]] = {
    "session_archive_request": session_wire.ArchiveRequest,
    "session_archive_response": session_wire.ArchiveAnswer,
    "session_create_request": session_wire.CreateSessionRequest,
    "session_create_response": session_wire.SessionAnswer,
    "session_fork_request": session_wire.ForkRequest,
    "session_fork_response": session_wire.SessionAnswer,
    "session_messages_response": session_wire.MessagesAnswer,
    "session_query_request": session_wire.QueryRequest,
    "session_query_response": session_wire.QueryAnswer,
    "session_response": session_wire.SessionDetailAnswer,
    "session_stream_request": frames.QueryFrame,
    "session_stream_response": frames.ToolCallStartedFrame,
    "session_tool_calls_response": session_wire.ToolCallsAnswer,
    "sessions_response": session_wire.SessionsAnswer,
    "template_create_request": template_wire.CreateTemplateRequest,
    "template_create_response": template_wire.TemplateAnswer,
    "template_response": template_wire.TemplateAnswer,
    "templates_response": template_wire.TemplatesAnswer,
}


def example(name: str) -> bytes:
    return (EXAMPLES / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_example_round_trips(name: str) -> None:
    value = MODELS[name].model_validate_json(example(name))
    dumped = json.loads(value.model_dump_json(by_alias=True, exclude_unset=True))
    assert dumped == json.loads(example(name))


REQUESTS = sorted(name for name in MODELS if name.endswith("_request"))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_with_an_unknown_field_is_refused_by_name(name: str) -> None:
    body: dict[str, Any] = json.loads(example(name)) | {"surprise": 1}
    with pytest.raises(ValidationError) as caught:
        MODELS[name].model_validate(body)
    assert caught.value.errors()[0]["loc"] == ("surprise",)


FRAMES = [
    '{"type": "connected", "session_id": "uuid", "status": "active"}',
    '{"type": "pong"}',
    '{"type": "message_sent", "content": {"type": "text", "text": "Hello"}}',
    '{"type": "message", "content": {"type": "text", "text": "Hi"}, "is_partial": true}',
    '{"type": "status_change", "status": "processing"}',
    '{"type": "tool_call_completed", "tool_call_id": "uuid", "tool_name": "Read",'
    ' "status": "success", "tool_output": {"content": "x"}, "duration_ms": 120}',
    '{"type": "error", "detail": "Error message", "error_code": "SPECIFIC_ERROR_CODE"}',
]


@pytest.mark.parametrize("text", FRAMES)
def test_S_82_every_kind_of_frame_round_trips(text: str) -> None:
    where = {"session_id": "uuid", "query_id": "uuid", "sequence": 1}
    frame = {"timestamp": "2025-10-19T12:00:00Z", **where, **json.loads(text)}
    adapter: TypeAdapter[Any] = frames.SERVER_FRAMES
    value = adapter.validate_python(frame)
    assert json.loads(value.model_dump_json(exclude_unset=True)) == frame
