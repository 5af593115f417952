"""Agent C API Documentation, Tools, and what deletes all sessions, at both mounts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.conversations import Conversation
from notebook_agents.core.core import Core
from notebook_agents.core.events import TextDelta
from notebook_agents.core.messages import user_message
from notebook_agents.core.ports import Page, Query
from notebook_agents.core.runs import StartRun
from notebook_agents.core.tools import ToolSpec
from notebook_agents.core.users import Actor, CreateUser
from notebook_agents.testing import MemoryStore, ScriptedEngine, ScriptedTools, fake_core
from notebook_agents_server.testing import Client

PASSWORD = "correct horse"
MODEL = "notebook-agents/tiny"
NAMES = ("list_files", "think", "text_compare", "file_writer", "search_uploads", "my_tool")


def nothing() -> str:
    """Do nothing."""
    return ""


class BreakingTools(ScriptedTools):
    """Tools that cannot be told any more."""

    is_broken = False

    def specs(self) -> Sequence[ToolSpec]:
        if self.is_broken:
            raise RuntimeError("secret detail")
        return super().specs()


class BreakingStore(MemoryStore):
    """A store that finds no conversations any more."""

    is_broken = False

    async def find(self, kind: type[Any], query: Query) -> Page[Any]:
        if self.is_broken and kind is Conversation:
            raise RuntimeError("secret detail")
        return await super().find(kind, query)


@pytest.fixture
def tools() -> BreakingTools:
    categories = {"search_uploads": "retrieval"}
    return BreakingTools(dict.fromkeys(NAMES, nothing), categories=categories, built_in=True)


@pytest.fixture
def store() -> BreakingStore:
    return BreakingStore()


@pytest.fixture
def core(
    engine: ScriptedEngine, tmp_path: Path, tools: BreakingTools, store: BreakingStore
) -> Core:
    return fake_core(engine=engine, tools=tools, store=store, home=tmp_path / "workspaces")


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


@pytest.fixture(params=["", "/notebook-agents/agent_c"], ids=["root", "prefix"])
def at(request: pytest.FixtureRequest, client: Client) -> Client:
    """The owner, at one of the mounts."""
    return client.below(request.param)


@dataclass(frozen=True, slots=True)
class Two:
    """Two people without administrator's rights."""

    ann: Client
    bob: Client


@pytest.fixture
async def two(at: Client, client: Client, core: Core) -> AsyncGenerator[Two, None]:
    found = []
    for name in ("ann", "bob"):
        wish = CreateUser(username=name, email=f"{name}@example.org", password=PASSWORD)
        await core.users.create(wish)
        login = await client.post("/v1/auth/login", {"username": name, "password": PASSWORD})
        found.append(at.holding(login.json["access_token"]))
    yield Two(*found)  # noqa: PT022 - only generators run on the loop of the tests


async def initialized(client: Client) -> str:
    answer = await client.post("/api/v1/initialize", {"model_name": MODEL})
    assert answer.status == 200, answer.body
    return str(answer.json["ui_session_id"])


async def is_there(client: Client, id: str) -> bool:
    answer = await client.get(f"/api/v1/verify_session/{id}")
    return answer.status == 200 and bool(answer.json["valid"])


async def test_C_24_C_25_C_26_tools_by_group(at: Client) -> None:
    answer = (await at.get("/api/v1/tools")).json
    assert [t["name"] for t in answer["essential_toolsets"]] == ["WorkspaceTools", "ThinkTools"]
    assert answer["essential_toolsets"][0] == {
        "name": "WorkspaceTools",
        "module": "notebook_agents.tools.double",
        "doc": "Tools that look at the files of the working directory",
        "essential": True,
        "tools": ["list_files"],
    }
    groups = {name: [t["name"] for t in tools] for name, tools in answer["groups"].items()}
    assert groups == {
        "Core Tools": ["FileTools", "TextTools", "TestTools"],
        "RAG Tools": ["RagTools"],
    }
    assert answer["categories"] == ["Core Tools", "RAG Tools"]
    assert not any(t["essential"] for tools in answer["groups"].values() for t in tools)
    assert answer["tool_name_mapping"]["file_writer"] == "FileTools"
    assert set(answer["tool_name_mapping"]) == set(NAMES)


async def test_C_24_tools_need_a_credential_and_know_no_other_verb(at: Client) -> None:
    refused = await at.holding(None).get("/api/v1/tools")
    assert refused.status == 401
    assert set(refused.json) == {"detail"}
    assert (await at.post("/api/v1/tools")).status == 405


async def test_C_21_C_27_what_cannot_be_read_is_500_without_a_detail(
    at: Client, tools: BreakingTools, store: BreakingStore
) -> None:
    tools.is_broken = store.is_broken = True
    for answer in (await at.get("/api/v1/tools"), await at.delete("/api/v1/sessions")):
        assert answer.status == 500
        assert answer.json == {"detail": "internal error"}


async def test_C_20_only_the_callers_sessions_of_this_api_are_deleted(
    two: Two, client: Client
) -> None:
    mine = [await initialized(two.ann) for _ in range(3)]
    theirs = await initialized(two.bob)
    elsewhere = client.holding(two.ann.headers["Authorization"].removeprefix("Bearer "))
    session = (await elsewhere.post("/api/v1/sessions", {"name": "of the other API"})).json["id"]
    answer = await two.ann.delete("/api/v1/sessions")
    assert answer.status == 200
    assert answer.json == {
        "status": "success",
        "message": "Successfully deleted 3 sessions",
        "deleted_count": 3,
    }
    assert not any([await is_there(two.ann, id) for id in mine])
    assert await is_there(two.bob, theirs)
    assert (await elsewhere.get(f"/api/v1/sessions/{session}")).status == 200
    assert (await two.ann.delete("/api/v1/sessions")).json["deleted_count"] == 0


async def test_C_20_what_runs_is_cancelled_first(
    two: Two, core: Core, engine: ScriptedEngine
) -> None:
    engine.gate = asyncio.Event()
    engine.script = ["an answer that waits for ever"]
    id = await initialized(two.ann)
    ann = await actor_of(core, "ann")
    conversation = await core.conversations.resolve(ann, id)
    wish = StartRun(
        agent_id=conversation.agent_id,
        conversation_id=conversation.id,
        message=user_message("hi"),
    )
    run = await core.runs.start(ann, wish)
    async with aclosing(core.runs.events(ann, run.id)) as events:
        async for event in events:
            if isinstance(event.body, TextDelta):
                break
    assert (await two.ann.delete("/api/v1/sessions")).json["deleted_count"] == 1
    assert engine.n_closed == 1
    assert not await is_there(two.ann, id)


async def test_C_20_an_administrator_may_delete_everybodys(two: Two, at: Client) -> None:
    ids = [await initialized(two.ann), await initialized(two.bob)]
    refused = await two.ann.delete("/api/v1/sessions?scope=all")
    assert refused.status == 403
    assert set(refused.json) == {"detail"}
    assert (await two.ann.delete("/api/v1/sessions?scope=none")).status == 400
    assert (await at.delete("/api/v1/sessions")).json["deleted_count"] == 0
    assert all([await is_there(at, id) for id in ids])
    assert (await at.delete("/api/v1/sessions?scope=all")).json["deleted_count"] == 2
    assert not any([await is_there(at, id) for id in ids])


async def test_K_14_two_apis_share_a_path_at_the_root(client: Client) -> None:
    path = "/api/v1/sessions"
    made = await client.post(path, {"name": "of one API"})
    assert made.status == 201
    assert len(made.json["id"]) == 36
    id = await initialized(client)
    listed = await client.get(path)
    assert set(listed.json) >= {"items", "total", "skip", "limit", "links", "session_ids"}
    assert listed.json["session_ids"] == [entry["id"] for entry in listed.json["items"]]
    assert listed.json["total"] == 2
    assert (await client.delete(path)).json["deleted_count"] == 1
    assert not await is_there(client, id)
    assert (await client.get(path)).json["total"] == 1
    at_mount = await client.get("/notebook-agents/agent_api/api/v1/sessions")
    assert "session_ids" not in at_mount.json
    anybody = client.holding(None)
    assert set((await anybody.delete(path)).json) == {"detail"}
    assert "error_code" in (await anybody.get(path)).json
    assert (await client.get("/notebook-agents/agent_c/api/v1/sessions")).status == 405
    assert (await client.delete("/notebook-agents/agent_api/api/v1/sessions")).status == 405


async def actor_of(core: Core, name: str) -> Actor:
    user = await core.users.find(name)
    assert user is not None
    return Actor(user_id=user.id, username=name, dialect="agent_c")
