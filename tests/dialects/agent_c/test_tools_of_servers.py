"""Tools of somebody's MCP servers, in the lists of tools and as a toolset of a session."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from itertools import chain
from typing import Any

import pytest
from tests.dialects.agent_c.conftest import People, chat, config, initialize

from notebook_agents.testing import ScriptedEngine
from notebook_agents_server.testing import Client

SERVER = {"name": "Mine", "server_type": "SSE", "url": "https://example.org/sse"}


@pytest.fixture
async def two(people: People) -> AsyncGenerator[People, None]:
    """Ann has a server with a tool."""
    assert (await people.ann.post("/mcp-servers", SERVER)).status == 201
    yield people  # noqa: PT022 - only generators run on the loop of the tests


async def toolsets(api: Client) -> dict[str, list[str]]:
    answer: dict[str, Any] = (await api.get("/tools")).json
    every = [*answer["essential_toolsets"], *chain(*answer["groups"].values())]
    return {toolset["name"]: toolset["tools"] for toolset in every}


async def test_C_24_they_are_listed_for_their_owner_only(two: People, client: Client) -> None:
    assert (await toolsets(two.ann))["MCPTools"] == ["mine__echo"]
    assert "MCPTools" not in await toolsets(two.bob)
    for somebody, is_theirs in ((two.ann, True), (two.bob, False)):
        token = somebody.headers["Authorization"].removeprefix("Bearer ")
        listed = (await client.holding(token).get("/v1/tools")).json["tools"]
        assert ("mine__echo" in [tool["tool_id"] for tool in listed]) is is_theirs


async def test_C_34_C_35_they_are_a_toolset_that_may_be_chosen(
    two: People, engine: ScriptedEngine
) -> None:
    session = await initialize(two.ann, "other/model")
    assert (await config(two.ann, session))["initialized_tools"] == ["CodeTools", "MCPTools"]
    for chosen, told in (
        (["CodeTools"], ["python_executor"]),
        (["MCPTools"], ["mine__echo"]),
    ):
        wish = {"ui_session_id": session, "tools": chosen}
        assert (await two.ann.post("/update_tools", wish)).json["active_tools"] == chosen
        await chat(two.ann, session, "hello")
        assert [tool.name for tool in engine.requests[-1].tools] == told
