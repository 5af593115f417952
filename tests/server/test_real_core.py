"""The whole path behind the doors: bundled model, sandboxed tool, event log, analytics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from notebook_agents.build import build_core
from notebook_agents.core.core import Core
from notebook_agents_server.testing import Client

pytestmark = pytest.mark.slow
QUESTION = "Use python to compute 12345*6789"


@pytest.fixture
def core() -> Core | None:
    """The server builds its own."""
    return None


@pytest.fixture
def jp_server_config(tmp_path: Path) -> Config:
    settings: dict[str, Any] = {
        "home": str(tmp_path / "home"),
        "core_factory": build_core,
        "sandbox_fallback": "low",
    }
    extensions = {"jpserver_extensions": {"notebook_agents_server": True}}
    return Config({"ServerApp": extensions, "NotebookAgentsApp": settings})


async def test_k13_the_bundled_model_computes_with_python_and_it_is_on_record(
    client: Client,
) -> None:
    health = (await client.get("/v1/health")).json
    assert health["components"]["models"] == "healthy"
    agent_id = (await client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    socket = await client.socket(f"/v1/ws/stream/{agent_id}")
    await socket.send({"type": "message", "content": QUESTION})
    frames = await socket.until("complete", "error")
    assert "83810205" in frames[-1].get("content", ""), frames[-1]
    tools = [(f["tool"], f["status"]) for f in frames if f["type"] == "tool_execution"]
    assert tools == [("python_executor", "started"), ("python_executor", "completed")]
    path = f"/v1/conversations/{frames[-1]['conversation_id']}"
    answer = await client.post(f"{path}/messages", {"message": QUESTION})
    assert [(use["tool"], use["result"]) for use in answer.json["tools_used"]] == [
        ("python_executor", "83810205")
    ]
    assert (await client.get(path)).json["message_count"] == 4
    statistics = (await client.get(f"/v1/agents/{agent_id}")).json["statistics"]
    assert (statistics["total_requests"], statistics["successful_requests"]) == (2, 2)
    metrics = (await client.get("/v1/metrics")).json["application"]
    assert metrics["requests"]["total_today"] == 2
    assert metrics["performance"]["p95_response_time_ms"] > 0
    await check_chat(client.below("/api/v1"))


async def check_chat(api: Client) -> None:
    """The same model with a persona in a chat of Agent C, in documented objects."""
    wish = {"model_name": "notebook-agents/tiny", "persona_name": "data - analyst"}
    session = (await api.post("/initialize", wish)).json["ui_session_id"]
    answer = await api.post("/chat", {"ui_session_id": session, "message": QUESTION})
    said = [json.loads(line) for line in answer.body.splitlines()]
    (results,) = [each["tool_results"] for each in said if each["type"] == "tool_results"]
    assert (results[0]["name"], results[0]["content"]) == ("python_executor", "83810205")
    assert "83810205" in "".join(each["data"] for each in said if each["type"] == "content")
    assert (said[0]["type"], said[-1]["type"]) == ("interaction_start", "interaction_end")


async def test_t37_the_timeout_bounds_a_real_execution(client: Client) -> None:
    body = {"parameters": {"code": "while True: pass", "timeout": 1}}
    answer = await client.post("/v1/tools/python_executor/execute", body)
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (400, "TOOL_EXECUTION_FAILED")
    assert error["details"]["reason"] == "TIMEOUT"


async def test_t31_t32_t34_the_real_tools_are_as_documented(client: Client) -> None:
    tools = {tool["tool_id"]: tool for tool in (await client.get("/v1/tools")).json["tools"]}
    assert {"python_executor", "file_reader", "list_files", "database_query"} <= set(tools)
    parameters = tools["python_executor"]["parameters"]
    assert (parameters["code"]["type"], parameters["code"]["required"]) == ("string", True)
    timeout = parameters["timeout"]
    assert (timeout["type"], timeout["required"], timeout["default"]) == ("integer", False, 30)
