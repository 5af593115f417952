"""A message that begins with a call is one in every API, and its answer arrives like any other."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents_server.testing import Client

CALL = '/python_executor {"code": "6*7"}'
ANSWER = "ran: 6*7\n\n(This is the result as it came; the built-in model does not comment on it.)"


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


async def test_over_tektra_and_its_socket(client: Client) -> None:
    agent = (await client.post("/v1/agents", {"name": "Helper"})).json["agent_id"]
    said = await client.post(f"/v1/agents/{agent}/conversations", {"message": CALL})
    assert ANSWER in json.dumps(said.json, ensure_ascii=False).replace("\\n", "\n")
    id = said.json["conversation_id"]
    wrong = await client.post(f"/v1/conversations/{id}/messages", {"message": "/python_executo"})
    assert wrong.status == 400
    assert "did you mean /python_executor?" in wrong.body.decode()
    socket = await client.socket(f"/v1/ws/conversations/{id}")
    await socket.send({"type": "message", "content": CALL})
    frames = await socket.until("complete")
    assert frames[-1]["content"] == ANSWER
    assert [f["status"] for f in frames if f["type"] == "tool_execution"] == [
        "started", "completed"
    ]  # fmt: skip
    assert "".join(f["content"] for f in frames if f["type"] == "token") == ANSWER


async def test_over_the_agent_api(client: Client) -> None:
    session = (await client.post("/api/v1/sessions", {"name": "s"})).json["id"]
    said = await client.post(f"/api/v1/sessions/{session}/query", {"message": CALL})
    assert said.status == 200, said.body
    messages = (await client.get(f"/api/v1/sessions/{session}/messages")).body.decode()
    assert "the built-in model does not comment on it" in messages
    calls = (await client.get(f"/api/v1/sessions/{session}/tool-calls")).json
    assert "6*7" in json.dumps(calls)


async def test_over_agent_c(client: Client) -> None:
    api = client.below("/api/v1")
    begun = await api.post("/initialize", {"model_name": BUNDLED_MODEL})
    fields = {"ui_session_id": begun.json["ui_session_id"], "message": CALL}
    kind = "application/x-www-form-urlencoded"
    said = await api.ask("POST", "/chat", urlencode(fields).encode(), Content_Type=kind)
    lines = [json.loads(line) for line in said.body.decode().splitlines()]
    assert "".join(line["data"] for line in lines if line["type"] == "content") == ANSWER
    called, answered = (line for line in lines if line["type"].startswith("tool_"))
    (call,), (result,) = called["tool_calls"], answered["tool_results"]
    assert (call["name"], json.loads(call["arguments"])) == ("python_executor", {"code": "6*7"})
    assert call["id"] == result["tool_call_id"]
    refused = await api.post("/chat", fields | {"message": "/python_executo"})
    assert refused.status == 400
    found = await api.get(f"/verify_session/{fields['ui_session_id']}")
    assert found.json["valid"] is True
