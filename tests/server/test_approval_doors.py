"""What nobody can be asked about is denied alike through MCP, REST and agent_api's modes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client as McpClient
from mcp.client.streamable_http import streamable_http_client

from notebook_agents.core.assessments import Assessment
from notebook_agents.core.core import Core
from notebook_agents.core.events import ApprovalDecided
from notebook_agents.core.runs import ListRuns
from notebook_agents.core.users import Actor
from notebook_agents.testing import (
    FakeSandbox,
    MemoryEventLog,
    ScriptedEngine,
    ScriptedTools,
    call,
    fake_core,
)
from notebook_agents.tools.judging import judge_code
from notebook_agents_server.testing import Client

READS, WRITES = "print(1)", "open('out.txt', 'w')"


class JudgedTools(ScriptedTools):
    """Scripted tools whose effect their code tells, as of the real ones."""

    async def assess(self, name: str, arguments: Mapping[str, Any]) -> Assessment | None:
        return judge_code(arguments)


def ran(code: str) -> str:
    """Run code."""
    return f"ran {code}"


@pytest.fixture
def log() -> MemoryEventLog:
    return MemoryEventLog()


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine([call("python_executor", code=WRITES)], "done")


@pytest.fixture
def core(engine: ScriptedEngine, log: MemoryEventLog, tmp_path: Path) -> Core:
    """Without a sandbox, so that the code of a call decides."""
    return fake_core(
        engine=engine,
        tools=JudgedTools({"python_executor": ran}),
        home=tmp_path / "workspaces",
        event_log=log,
        sandbox=FakeSandbox("low"),
        level="low",
    )


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


def decisions(log: MemoryEventLog) -> list[tuple[bool, str]]:
    bodies = [event.body for event in log.events]
    return [(b.is_approved, b.via) for b in bodies if isinstance(b, ApprovalDecided)]


async def test_mcp_runs_what_only_looks_and_denies_what_would_ask(
    client: Client, log: MemoryEventLog
) -> None:
    url = f"{client.origin}{client.base_path}/notebook-agents/mcp"
    async with (
        httpx2.AsyncClient(headers=dict(client.headers), timeout=20) as http,
        McpClient(streamable_http_client(url, http_client=http)) as mcp,
    ):
        for code, is_refused in ((READS, False), (WRITES, True)):
            use = {"name": "python_executor", "arguments": {"code": code}}
            assert (await mcp.call_tool("execute_tool", use)).is_error is is_refused
    assert decisions(log) == [(False, "policy")]


async def test_a_tool_used_directly_over_rest_denies_what_would_ask(
    client: Client, log: MemoryEventLog
) -> None:
    for code, status in ((READS, 200), (WRITES, 403)):
        body = {"parameters": {"code": code}}
        answer = await client.post("/v1/tools/python_executor/execute", body)
        assert answer.status == status, answer.body
    assert decisions(log) == [(False, "policy")]


MODES: dict[str, tuple[str, list[tuple[bool, str]]]] = {
    "default": ("waiting", []),
    "acceptEdits": ("active", []),
    "plan": ("active", [(False, "policy")]),
    "bypassPermissions": ("active", []),
}


@pytest.mark.parametrize("mode", MODES)
async def test_the_modes_of_agent_api_are_the_same_modes(
    client: Client, core: Core, log: MemoryEventLog, mode: str
) -> None:
    options = {"permission_mode": mode, "allowed_tools": ["python_executor"]}
    body = {"name": "x", "sdk_options": options}
    session = (await client.post("/api/v1/sessions", body)).json
    at = f"/api/v1/sessions/{session['id']}"
    answer = await client.post(f"{at}/query", {"message": "go"})
    assert answer.status < 300, answer.body
    runs = (await core.runs.list(await owner_of(core), ListRuns(limit=1))).items
    await core.runs.wait(await owner_of(core), runs[0].id)
    assert ((await client.get(at)).json["status"], decisions(log)) == MODES[mode]


async def owner_of(core: Core) -> Actor:
    owner = await core.users.find("admin")
    assert owner is not None
    return Actor(user_id=owner.id, username="admin", is_admin=True)
