"""Agent C's interactions, at both mounts: the examples of the document, filters and errors."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from notebook_agents.core.core import Core
from notebook_agents.testing import ScriptedEngine, call
from notebook_agents_server.testing import Client

NOTHING = "00000000-0000-7000-8000-000000000000"
DOCUMENTED = {"id", "start_time", "end_time", "duration_seconds", "event_count", "file_count"}


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


@pytest.fixture(params=["", "/notebook-agents/agent_c"], ids=["root", "prefix"])
def api(request: pytest.FixtureRequest, client: Client) -> Client:
    return client.below(f"{request.param}/api/v1")


async def converse(client: Client, *messages: str) -> str:
    """A conversation in another dialect, whose recording Agent C reads."""
    agent = (await client.post("/v1/agents", {"name": "Helper"})).json["agent_id"]
    first = await client.post(f"/v1/agents/{agent}/conversations", {"message": messages[0]})
    id = first.json["conversation_id"]
    for message in messages[1:]:
        await client.post(f"/v1/conversations/{id}/messages", {"message": message})
    return str(id).removeprefix("conv_")


async def test_C_70_C_71_C_72_interactions_are_listed_sorted_and_cut(
    api: Client, client: Client
) -> None:
    ids = [await converse(client, "one two"), await converse(client, "three", "four", "five")]
    answer = await api.get("/interactions")
    assert answer.status == 200
    assert answer.headers["X-Total-Count"] == "2"
    assert all(set(row) >= DOCUMENTED for row in answer.json)
    newest, oldest = answer.json
    assert newest["start_time"] > oldest["start_time"]
    assert newest["start_time"].endswith("Z")
    assert newest["event_count"] > oldest["event_count"]
    assert newest["file_count"] == 1
    assert newest["duration_seconds"] >= 0
    assert newest["id"].replace("-", "") == ids[1].replace("-", "")

    async def listed(query: str) -> list[str]:
        return [row["id"] for row in (await api.get(f"/interactions{query}")).json]

    assert await listed("/?sort_order=asc") == [oldest["id"], newest["id"]]
    assert await listed("?sort_by=event_count") == [newest["id"], oldest["id"]]
    assert await listed("?limit=1&offset=1") == [oldest["id"]]
    for wrong in ("sort_by=colour", "sort_order=up", "limit=0", "offset=-1", "unknown=1"):
        assert (await api.get(f"/interactions?{wrong}")).status == 400, wrong


async def test_C_73_C_74_C_76_the_details_of_an_interaction(
    api: Client, client: Client, engine: ScriptedEngine
) -> None:
    engine.script = [call("python_executor", code="6*7"), "It is 42."]
    id = await converse(client, "compute")
    answer = await api.get(f"/interactions/{id}")
    assert answer.status == 200
    details = answer.json
    assert set(details) >= DOCUMENTED | {
        "files", "event_types", "metadata", "user_id", "has_thinking", "tool_calls"
    }  # fmt: skip
    assert details["tool_calls"] == ["python_executor"]
    assert details["metadata"]["model"] == "notebook-agents/tiny"
    assert details["metadata"]["backend"] == "notebook-agents"
    types = details["event_types"]
    assert (types["user_request"], types["tool_call"], types["completion"]) == (1, 2, 4)
    assert sum(types.values()) == details["event_count"]
    assert details["has_thinking"] is ("thought_delta" in types)
    files = (await api.get(f"/interactions/{id}/files")).json
    assert files == details["files"] == [f"{details['id']}.jsonl"]
    events = (await api.get(f"/events/{id}")).json
    assert len(events) == details["event_count"]


async def test_C_78_deleting_an_interaction_removes_its_events(
    api: Client, client: Client, core: Core
) -> None:
    id = await converse(client, "hello")
    answer = await api.delete(f"/interactions/{id}")
    assert answer.json == {"status": "success", "message": f"Session {id} deleted successfully"}
    assert (await api.get("/interactions")).json == []
    # The conversation stays.
    assert (await client.get(f"/v1/conversations/{id}")).json["message_count"] == 2


async def test_C_75_C_77_C_79_nothing_recorded_is_not_found(api: Client, client: Client) -> None:
    id = await converse(client, "hello")
    await api.delete(f"/interactions/{id}")
    for unknown in (NOTHING, "no-such-words", id):
        for verb, path in (
            ("GET", f"/interactions/{unknown}"),
            ("GET", f"/interactions/{unknown}/files"),
            ("DELETE", f"/interactions/{unknown}"),
        ):
            answer = await api.ask(verb, path)
            assert answer.status == 404, (verb, path)
            assert answer.json == {"detail": "Session not found"}


async def test_a_session_is_read_back_by_its_words_and_by_its_uuid(api: Client, core: Core) -> None:
    made = await api.post("/initialize", {"model_name": "notebook-agents/tiny"})
    words = made.json["ui_session_id"]
    form = {"ui_session_id": words, "message": "hello"}
    said = await api.ask(
        "POST", "/chat", urlencode(form).encode(),
        Content_Type="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert said.status == 200, said.body
    (listed,) = (await api.get("/interactions")).json
    assert listed["id"] == words
    events = (await api.get(f"/events/{words}")).json
    assert {event["session_id"] for event in events} == {words}
    uuid = events[0]["raw"]["conversation_id"]
    assert uuid != words
    assert (await api.get(f"/interactions/{uuid}")).json["id"] == words
    assert (await api.get(f"/events/{uuid}")).json == events
