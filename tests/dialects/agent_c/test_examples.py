"""The document's JSON examples, completed by what we add, validate and come back unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from notebook_agents_server.dialects import agent_c
from notebook_agents_server.dialects.agent_c import chat_wire, model_wire, session_wire

EXAMPLES = Path(agent_c.__file__).parent / "examples"
MODELS: dict[str, type[BaseModel]] = {
    "cancel_request": chat_wire.CancelRequest,
    "cancel_response": chat_wire.CancelAnswer,
    "debug_agent_state_response": session_wire.AgentStateAnswer,
    "get_agent_config_response": session_wire.AgentConfigAnswer,
    "get_agent_tools_response": session_wire.AgentToolsAnswer,
    "initialize_request": session_wire.InitializeRequest,
    "initialize_response": session_wire.InitializeAnswer,
    "models_response": model_wire.ModelsAnswer,
    "personas_response": model_wire.PersonasAnswer,
    "update_settings_request": session_wire.UpdateSettingsRequest,
    "update_settings_response": session_wire.UpdateSettingsAnswer,
    "update_tools_request": session_wire.UpdateToolsRequest,
    "update_tools_response": session_wire.UpdateToolsAnswer,
    "verify_session_response": session_wire.VerifyAnswer,
}


def example(name: str) -> bytes:
    return (EXAMPLES / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_example_round_trips(name: str) -> None:
    value = MODELS[name].model_validate_json(example(name))
    dumped = json.loads(value.model_dump_json(by_alias=True, exclude_unset=True))
    assert dumped == json.loads(example(name))


@pytest.mark.parametrize("name", [name for name in sorted(MODELS) if name.endswith("_request")])
def test_a_request_with_an_unknown_field_is_refused_by_name(name: str) -> None:
    body = json.loads(example(name)) | {"surprise": 1}
    with pytest.raises(ValidationError) as caught:
        MODELS[name].model_validate(body)
    assert caught.value.errors()[0]["loc"] == ("surprise",)
