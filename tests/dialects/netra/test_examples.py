"""The document's JSON examples, completed by what we add, validate and come back unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from notebook_agents_server.dialects import netra
from notebook_agents_server.dialects.netra import frames, health_wire, wire

EXAMPLES = Path(netra.__file__).parent / "examples"
MODELS: dict[str, type[BaseModel]] = {
    "agent_execute_request": wire.ExecuteRequest,
    "agent_execute_response": wire.ExecuteAnswer,
    "agent_history_response": wire.HistoryAnswer,
    "agent_status_response": wire.StatusAnswer,
    "config_response": health_wire.ConfigAnswer,
    "error_response": wire.ErrorAnswer,
    "health_dependencies_response": health_wire.DependenciesAnswer,
    "health_ready_response": health_wire.ReadyAnswer,
    "health_response": health_wire.HealthAnswer,
    "thread_delete_response": wire.MessageAnswer,
    "thread_response": wire.ThreadDetailAnswer,
    "threads_response": wire.ThreadsAnswer,
    "websocket_request": frames.OptimizationRequestMessage,
    "websocket_response": frames.AgentUpdateMessage,
}


def example(name: str) -> bytes:
    return (EXAMPLES / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_example_round_trips(name: str) -> None:
    value = MODELS[name].model_validate_json(example(name))
    dumped = json.loads(value.model_dump_json(by_alias=True, exclude_unset=True))
    assert dumped == json.loads(example(name))


@pytest.mark.parametrize("name", ["agent_execute_request", "websocket_request"])
def test_a_request_with_an_unknown_field_is_refused_by_name(name: str) -> None:
    body = json.loads(example(name)) | {"surprise": 1}
    with pytest.raises(ValidationError) as caught:
        MODELS[name].model_validate(body)
    assert caught.value.errors()[0]["loc"] == ("surprise",)


MESSAGES: list[tuple[TypeAdapter[frames.ClientFrame] | TypeAdapter[frames.ServerFrame], str]] = [
    (frames.CLIENT_FRAMES, '{"type": "stop_processing", "data": {"run_id": "run-789"}}'),
    (frames.CLIENT_FRAMES, '{"type": "ping"}'),
    (
        frames.SERVER_FRAMES,
        '{"type": "agent_result", "data": {"run_id": "run-789", "thread_id": "thread-456",'
        ' "success": true, "message": "", "result": {"recommendations": [{"action": "Switch to'
        ' A100 GPUs", "impact": "30% performance improvement", "cost_change": "+15%"}],'
        ' "supply_config": {}, "metrics": {}}}, "timestamp": "2024-01-01T00:00:00Z"}',
    ),
    (
        frames.SERVER_FRAMES,
        '{"type": "error", "data": {"code": "PROCESSING_ERROR", "message": "Failed to analyze'
        ' workload", "details": "Invalid workload configuration"},'
        ' "timestamp": "2024-01-01T00:00:00Z"}',
    ),
    (
        frames.SERVER_FRAMES,
        '{"type": "status", "data": {"connected": true, "authenticated": true, "user_id": 1},'
        ' "timestamp": "2024-01-01T00:00:00Z"}',
    ),
    (frames.SERVER_FRAMES, '{"type": "pong", "timestamp": "2024-01-01T00:00:00Z"}'),
]


@pytest.mark.parametrize(("adapter", "text"), MESSAGES)
def test_N_43_N_88_the_messages_of_the_document_round_trip(
    adapter: TypeAdapter[BaseModel], text: str
) -> None:
    value = adapter.validate_json(text)
    assert json.loads(value.model_dump_json(exclude_unset=True)) == json.loads(text)
