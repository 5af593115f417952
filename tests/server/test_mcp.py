"""Our own MCP server, used through the official client, and what its door refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client import Client as McpClient
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from notebook_agents.core.analytics import Table
from notebook_agents.core.core import Core
from notebook_agents.core.users import CreateUser
from notebook_agents.testing import (
    MemoryAnalytics,
    MemoryEventLog,
    ScriptedEngine,
    call,
    fake_core,
)
from notebook_agents_server.testing import Client

PATH = "/notebook-agents/mcp"
PASSWORD = "correct horse battery"
INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
Connect = Callable[..., AbstractAsyncContextManager[McpClient]]


class Analytics(MemoryAnalytics):
    """Remembers whose events were asked for."""

    def __init__(self) -> None:
        super().__init__(MemoryEventLog())
        self.asked_for: list[str | None] = []

    async def query(
        self,
        sql: str,
        *,
        owner_id: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Table:
        self.asked_for.append(owner_id)
        return await super().query(sql, owner_id=owner_id)


@pytest.fixture
def analytics() -> Analytics:
    return Analytics()


@pytest.fixture
def core(engine: ScriptedEngine, analytics: Analytics, tmp_path: Path) -> Core:
    return fake_core(engine=engine, home=tmp_path / "workspaces", analytics=analytics)


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False, "allow_origins": ["https://app.example.org"]}


@pytest.fixture
def connect(client: Client) -> Connect:
    @asynccontextmanager
    async def connected(
        who: Client = client, mode: str = "auto"
    ) -> AsyncGenerator[McpClient, None]:
        url = f"{who.origin}{who.base_path}{PATH}"
        async with (
            httpx2.AsyncClient(headers=dict(who.headers), timeout=20) as http,
            McpClient(streamable_http_client(url, http_client=http), mode=mode) as found,
        ):
            yield found

    return connected


async def somebody(client: Client, core: Core, name: str) -> Client:
    wish = CreateUser(username=name, email=f"{name}@example.org", password=PASSWORD)
    await core.users.create(wish)
    login = await client.post("/v1/auth/login", {"username": name, "password": PASSWORD})
    return client.holding(login.json["access_token"])


def value(result: Any) -> Any:
    assert not result.is_error, result.content
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_agent_is_asked_with_progress_and_goes_on_in_its_conversation(
    connect: Connect, engine: ScriptedEngine, mode: str
) -> None:
    engine.script = [call("python_executor", code="6*7"), "It is 42."]
    told: list[tuple[float, str | None]] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async with connect(mode=mode) as mcp:
        tools = {tool.name: tool for tool in (await mcp.list_tools()).tools}
        assert set(tools) == {
            "ask_agent", "list_agents", "list_tools", "execute_tool", "list_conversations",
            "read_conversation", "query_analytics",
        }  # fmt: skip
        asked = {"message": "What is 6*7?"}
        answer = value(await mcp.call_tool("ask_agent", asked, progress_callback=tell))
        assert (answer["state"], answer["answer"]) == ("succeeded", "It is 42.")
        assert answer["tool_calls"][0]["name"] == "python_executor"
        more = {"message": "And now?", "conversation_id": answer["conversation_id"]}
        again = value(await mcp.call_tool("ask_agent", more))
        assert again["answer"] == "You said: And now?"
        assert again["conversation_id"] == answer["conversation_id"]
        talks = value(await mcp.call_tool("list_conversations"))["conversations"]
        assert [talk["id"] for talk in talks] == [answer["conversation_id"]]
        one = {"conversation_id": answer["conversation_id"]}
        talk = value(await mcp.call_tool("read_conversation", one))
        roles = [message["role"] for message in talk["messages"]]
        assert roles == ["user", "assistant", "tool", "assistant", "user", "assistant"]
        resources = (await mcp.list_resources()).resources
        read = (await mcp.read_resource(resources[0].uri)).contents[0]
        assert json.loads(read.text) == talk  # type: ignore[union-attr]
    words = [message for _, message in told]
    assert words == ["started", "thinks", "uses python_executor", "thinks"]
    assert [progress for progress, _ in told] == [1, 2, 3, 4]


async def test_tools_and_analytics_follow_the_rules_of_every_door(
    connect: Connect, core: Core, analytics: Analytics
) -> None:
    async with connect() as mcp:
        names = [tool["name"] for tool in value(await mcp.call_tool("list_tools"))["tools"]]
        assert "python_executor" in names
        use = {"name": "python_executor", "arguments": {"code": "1"}}
        assert value(await mcp.call_tool("execute_tool", use))["content"] == "ran: 1"
        for name, arguments, words in (
            ("execute_tool", {"name": "nothing"}, "was not found"),
            ("execute_tool", {"name": "python_executor", "arguments": {"x": 1}}, "code"),
            ("ask_agent", {"message": ""}, "message"),
            ("ask_agent", {"message": "x", "surprise": 1}, "surprise"),
            ("read_conversation", {"conversation_id": "none"}, "was not found"),
            ("no_such_tool", {}, "there is no tool"),
        ):
            failed = await mcp.call_tool(name, arguments)
            assert failed.is_error
            assert words in failed.content[0].text, failed  # type: ignore[union-attr]
        with pytest.raises(MCPError, match="no such resource"):
            await mcp.read_resource("notebook-agents://conversations/none")
        rows = value(await mcp.call_tool("query_analytics", {"sql": "SELECT 1 AS one"}))
        assert set(rows) == {"columns", "rows", "n_rows_left_out"}
    owner = await core.users.find("admin")
    assert owner is not None
    assert analytics.asked_for == [owner.id]


async def test_nobody_sees_what_is_somebody_elses(
    connect: Connect, client: Client, core: Core
) -> None:
    ann, bob = await somebody(client, core, "ann"), await somebody(client, core, "bob")
    async with connect(ann) as mcp:
        talk = value(await mcp.call_tool("ask_agent", {"message": "mine"}))["conversation_id"]
        uri = (await mcp.list_resources()).resources[0].uri
    async with connect(bob) as mcp:
        theirs = await mcp.call_tool("read_conversation", {"conversation_id": talk})
        none = await mcp.call_tool("read_conversation", {"conversation_id": talk[:-1] + "0"})
        assert theirs.is_error
        told, untold = (str(result.content[0].text) for result in (theirs, none))  # type: ignore[union-attr]
        assert told.replace(talk, "ID") == untold.replace(talk[:-1] + "0", "ID")
        assert value(await mcp.call_tool("list_conversations"))["total"] == 0
        assert (await mcp.list_resources()).resources == []
        with pytest.raises(MCPError, match="no such resource"):
            await mcp.read_resource(uri)
        go_on = {"message": "x", "conversation_id": talk}
        assert (await mcp.call_tool("ask_agent", go_on)).is_error


async def test_M09_the_door_wants_a_credential_a_host_and_an_origin(client: Client) -> None:
    accept = "application/json, text/event-stream"

    async def ask(who: Client, **headers: str) -> int:
        return (await who.ask("POST", PATH, INITIALIZE, Accept=accept, **headers)).status

    assert await ask(client) == 200
    anybody = client.holding(None)
    assert await ask(anybody) == 401
    assert await ask(anybody, Mcp_Session_Id="0" * 32) == 401
    assert await ask(client.holding("nba_" + "0" * 40)) == 401
    assert await ask(client, Origin="https://evil.example.org") == 403
    assert await ask(client, Origin="null") == 403
    assert await ask(client, Origin="https://app.example.org") == 200
    assert await ask(client, Origin=client.origin) == 200
    assert await ask(client, Host="evil.example.org") == 403
    asked = await anybody.ask("OPTIONS", PATH, Origin="https://app.example.org")
    assert (asked.status, asked.headers["Allow"]) == (204, "POST, OPTIONS")
    assert "Mcp-Protocol-Version" in asked.headers["Access-Control-Allow-Headers"]
    for verb in ("GET", "DELETE", "PUT"):
        assert (await client.ask(verb, PATH, None if verb != "PUT" else {})).status == 405
    answer = await client.ask("POST", PATH, b"{", Accept=accept)
    assert answer.status == 400
    assert "Mcp-Session-Id" not in answer.headers


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (400, {"Content-Type": "text/plain"}),
        (406, {"Accept": "text/html"}),
        (406, {"Accept": "text/html", "MCP-Protocol-Version": "2026-07-28"}),
    ],
)
async def test_what_the_sdk_refuses_is_an_error_of_the_protocol(
    client: Client, status: int, headers: dict[str, str]
) -> None:
    accepted = {"Accept": "application/json, text/event-stream", **headers}
    answer = await client.ask("POST", PATH, INITIALIZE, **accepted)
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json["jsonrpc"] == "2.0"
    assert answer.json["error"]["message"]


async def test_a_credential_for_reading_does_not_ask_agents(
    connect: Connect, client: Client
) -> None:
    made = await client.post("/v1/auth/keys", {"name": "reader", "scopes": ["read"]})
    async with connect(client.holding(made.json["api_key"])) as mcp:
        assert value(await mcp.call_tool("list_agents"))["agents"] == []
        for name, arguments in (
            ("ask_agent", {"message": "x"}),
            ("execute_tool", {"name": "python_executor", "arguments": {"code": "1"}}),
        ):
            refused = await mcp.call_tool(name, arguments)
            assert refused.is_error
            assert "'run'" in refused.content[0].text  # type: ignore[union-attr]
