"""AIMOS, WebSocket APIs: each message of the document and ours, both mounts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from notebook_agents_server.testing import Client, Socket

from .conftest import MakeAgent, People


async def connected(asking: Client, name: str) -> Socket:
    """A socket that has got its first message, so that it misses nothing."""
    socket = await asking.socket(f"/ws/{name}")
    assert (await socket.receive())["type"] == "metrics_update"
    return socket


async def told(socket: Socket, last: str) -> list[Any]:
    """Messages up to and with the first of a type, without the machine's."""
    async with asyncio.timeout(60):
        return [f for f in await socket.until(last) if f["type"] != "metrics_update"]


async def refusal(asking: Client, path: str, **query: str) -> tuple[Any, int | None]:
    """The only message, and the close code."""
    socket = await asking.socket(path, query=query)
    frame = await socket.receive()
    assert await socket.receive() is None
    return frame, socket.close_code


async def test_O_37_a_socket_belongs_to_an_id_or_a_name(people: People) -> None:
    for name in ("ann", people.ids["ann"]):
        socket = await connected(people.ann, name)
        assert socket.close_code is None


async def test_O_37_nobody_listens_to_somebody_else(people: People) -> None:
    for name in ("bob", people.ids["bob"], "user123"):
        frame, code = await refusal(people.ann, f"/ws/{name}")
        assert code == 4403
        assert frame["type"] == "error"
        assert frame["data"]["detail"] == "connect with your own id or username"


async def test_O_37_a_token_comes_in_the_header_or_the_query(people: People) -> None:
    token = people.ann.headers["Authorization"].removeprefix("Bearer ")
    socket = await people.nobody.socket("/ws/ann", query={"token": token})
    assert (await socket.receive())["type"] == "metrics_update"


async def test_O_37_without_a_token_a_socket_is_refused_at_once(people: People) -> None:
    unauthenticated = {
        "type": "error",
        "data": {"detail": "Invalid authentication credentials"},
    }
    assert await refusal(people.nobody, "/ws/user123") == (unauthenticated, 4401)
    assert await refusal(people.nobody, "/ws/ann", token="wrong") == (unauthenticated, 4401)


async def test_O_37_an_administrator_may_use_any_name(
    people: People, make_agent: MakeAgent
) -> None:
    await make_agent()
    of_ann = await connected(people.admin, "ann")
    own = await connected(people.admin, "user123")
    of_bob = await connected(people.bob, "bob")
    started = (await people.ann.post("/execute")).json
    frames = await told(of_ann, "execution_completed")
    assert {f["data"]["execution_id"] for f in frames} == {started["execution_id"]}
    mine = (await people.admin.post("/execute")).json
    frames = await told(own, "execution_completed")
    assert {f["data"]["execution_id"] for f in frames} == {mine["execution_id"]}
    bobs = (await people.bob.post("/execute")).json
    frames = await told(of_bob, "execution_completed")
    assert {f["data"]["execution_id"] for f in frames} == {bobs["execution_id"]}


async def test_O_38_metrics_update(people: People) -> None:
    socket = await people.ann.socket("/ws/ann")
    for _ in range(2):
        frame = await socket.receive()
        assert set(frame) == {"type", "data"}
        assert set(frame["data"]) == {
            "cpu_usage",
            "memory_usage",
            "system_health_score",
            "timestamp",
        }
        assert 0 <= frame["data"]["system_health_score"] <= 1
        assert frame["data"]["timestamp"].endswith("Z")


async def test_O_39_O_40_O_41_an_execution_is_told(
    people: People, engine: Any, make_agent: MakeAgent
) -> None:
    engine.script = ["fine", RuntimeError("broken")]
    ids = {await make_agent("one"): "one", await make_agent("two"): "two"}
    socket = await connected(people.ann, "ann")
    answer = (await people.ann.post("/execute", {"parallel": False})).json
    first, *agents, last = await told(socket, "execution_completed")
    execution_id = answer["execution_id"]
    assert first == {
        "type": "execution_started",
        "data": {"execution_id": execution_id, "agent_count": 2, "parallel": False},
    }
    rows = {row["agent_id"]: row for row in (await people.ann.get("/executions")).json}
    assert {f["type"] for f in agents} == {"agent_completed"}
    assert {f["data"]["agent_id"] for f in agents} == set(ids)
    for data in (f["data"] for f in agents):
        row = rows[data["agent_id"]]
        assert data["execution_id"] == execution_id
        assert data["agent_name"] == ids[data["agent_id"]]
        assert data["status"] == row["status"]
        assert data["duration_ms"] == row["duration_ms"]
        assert (data.get("result"), data["tool_calls"]) == (row["result"], row["tool_calls"])
        assert data.get("error_message") == row["error_message"]
    assert last == {
        "type": "execution_completed",
        "data": {
            "execution_id": execution_id,
            "total_agents": 2,
            "successful": 1,
            "failed": 1,
            "success_rate": 50.0,
        },
    }


async def test_an_execution_that_runs_out_of_time_has_failed_and_is_completed(
    people: People, engine: Any, make_agent: MakeAgent
) -> None:
    async def never(_request: Any) -> str:
        await asyncio.Event().wait()
        return ""

    engine.script = [never]
    await make_agent()
    socket = await connected(people.ann, "ann")
    answer = (await people.ann.post("/execute", {"timeout_seconds": 1})).json
    frames = await told(socket, "execution_completed")
    assert [f["type"] for f in frames] == [
        "execution_started",
        "agent_completed",
        "execution_failed",
        "execution_completed",
    ]
    assert frames[2]["data"] == {
        "execution_id": answer["execution_id"],
        "error": "the execution reached its time limit",
    }
    assert (frames[3]["data"]["failed"], frames[3]["data"]["success_rate"]) == (1, 0.0)


async def test_O_42_changes_of_agents_are_told_to_everybody_who_sees_them(
    people: People, client: Client, api: Client, make_agent: MakeAgent
) -> None:
    ann, bob = await connected(people.ann, "ann"), await connected(people.bob, "bob")
    tektra = client.holding(people.ann.headers["Authorization"].removeprefix("Bearer "))
    private = (await tektra.post("/v1/agents", {"name": "Private"})).json["agent_id"]
    id = await make_agent("Shared")
    await api.delete(f"/agents/{id}")
    data = {"agent_id": id, "agent_name": "Shared"}
    expected = [
        {"type": kind, "data": data} for kind in ("agent_created", "agent_updated", "agent_deleted")
    ]
    assert await told(bob, "agent_deleted") == expected
    (own, *others) = await told(ann, "agent_deleted")
    assert own["type"] == "agent_created"
    assert own["data"]["agent_name"] == "Private"
    assert own["data"]["agent_id"].replace("-", "") == private.removeprefix("agent_")
    assert others == expected


async def test_what_the_client_says_comes_back(people: People) -> None:
    socket = await connected(people.ann, "ann")
    await socket.connection.write_message("hello, not JSON")
    assert (await told(socket, "echo")) == [{"type": "echo", "data": {"text": "hello, not JSON"}}]


@pytest.mark.parametrize("verb", ["GET", "POST"])
async def test_what_is_no_socket_is_told_so(api: Client, verb: str) -> None:
    answer = await api.ask(verb, "/ws/admin", {} if verb == "POST" else None)
    assert answer.status in (400, 405)
    assert "WebSocket" in str(answer.json)
