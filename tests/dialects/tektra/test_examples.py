"""Every JSON example of the document validates as what it stands for and comes back unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from notebook_agents_server.dialects import tektra
from notebook_agents_server.dialects.tektra import (
    auth_wire,
    frames,
    mapping,
    system_wire,
    webhook_wire,
    wire,
)

EXAMPLES = Path(tektra.__file__).parent / "examples"
MODELS: dict[str, type[BaseModel]] = {
    "configure_webhook_request": webhook_wire.ConfigureWebhookRequest,
    "conversation_history_response": wire.HistoryAnswer,
    "conversation_socket_request": frames.MessageFrame,
    "create_agent_request": wire.CreateAgentRequest,
    "create_agent_response": wire.AgentCreatedAnswer,
    "delete_agent_response": wire.AgentDeletedAnswer,
    "error_response": system_wire.ErrorAnswer,
    "execute_tool_request": wire.ExecuteToolRequest,
    "execute_tool_response": wire.ExecutionAnswer,
    "get_agent_response": wire.AgentAnswer,
    "health_response": system_wire.HealthAnswer,
    "list_agents_response": wire.AgentsAnswer,
    "list_models_response": system_wire.ModelsAnswer,
    "list_tools_response": wire.ToolsAnswer,
    "login_request": auth_wire.LoginRequest,
    "metrics_response": system_wire.MetricsAnswer,
    "start_conversation_request": wire.StartConversationRequest,
    "start_conversation_response": wire.ConversationAnswer,
    "update_agent_request": wire.UpdateAgentRequest,
    "webhook_payload": webhook_wire.WebhookPayload,
}


def example(name: str) -> bytes:
    return (EXAMPLES / f"{name}.json").read_bytes()


def test_every_example_has_a_model() -> None:
    assert sorted(MODELS) == sorted(path.stem for path in EXAMPLES.glob("*.json"))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_example_round_trips(name: str) -> None:
    value = MODELS[name].model_validate_json(example(name))
    dumped = json.loads(value.model_dump_json(by_alias=True, exclude_unset=True))
    assert dumped == json.loads(example(name))


@pytest.mark.parametrize("name", sorted(name for name in MODELS if name.endswith("_request")))
def test_a_request_with_an_unknown_field_is_refused_by_name(name: str) -> None:
    body = json.loads(example(name)) | {"surprise": 1}
    with pytest.raises(ValidationError) as caught:
        MODELS[name].model_validate(body)
    assert caught.value.errors()[0]["loc"] == ("surprise",)


def test_the_frame_of_the_document_is_a_message() -> None:
    frame = frames.CLIENT_FRAMES.validate_json(example("conversation_socket_request"))
    assert isinstance(frame, frames.MessageFrame)
    assert frame.metadata == {"timestamp": "2024-01-01T12:00:00.000Z"}


@pytest.mark.parametrize("kind", ["text", "code", "image", "file"])
def test_t25_all_kinds_of_attachments_reach_the_message(kind: str) -> None:
    attachment = wire.Attachment.model_validate(
        {"type": kind, "content": "aGVsbG8=", "name": "hello.txt"}
    )
    message = mapping.message_from_wire("look", [attachment])
    assert message.parts[1].type == "attachment"


def test_an_image_must_be_base64() -> None:
    with pytest.raises(ValidationError, match="base64"):
        wire.Attachment(type="image", content="not base64!")
