"""The stream of a session: its frames, resuming, and whom it refuses."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from notebook_agents.core import events as e
from notebook_agents.core.conversations import Conversation
from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.events import Event, EventBody
from notebook_agents.core.models import Usage
from notebook_agents.testing import ScriptedEngine, call
from notebook_agents_server.dialects.agent_api.encoder import EventEncoder
from notebook_agents_server.testing import Client, Socket

from .conftest import People, asked, made


async def connected(client: Client, id: str, **query: str) -> Socket:
    socket = await client.socket(f"/api/v1/sessions/{id}/stream", query=query)
    first = await socket.receive()
    assert (first["type"], first["session_id"]) == ("connected", id)
    return socket


def kinds(frames: list[Any]) -> list[str]:
    return [
        f"{f['type']} {f['status']}" if f["type"] == "status_change" else f["type"] for f in frames
    ]


async def to_the_end(socket: Socket) -> list[Any]:
    """Frames up to the status that a query leaves."""
    frames: list[Any] = []
    while not frames or kinds(frames[-1:])[0] not in (
        "status_change active",
        "status_change failed",
    ):
        frames += await socket.until("status_change")
    return frames


@pytest.mark.parametrize("mount", ["", "/notebook-agents/agent_api"], ids=["root", "prefix"])
async def test_S_82_a_query_is_told_from_being_sent_to_its_end(
    client: Client, engine: ScriptedEngine, mount: str
) -> None:
    api = client.below(mount)
    engine.script = [call("file_reader", path="a"), "Hi there"]
    session = await made(api)
    token = client.headers["Authorization"].split()[-1]
    socket = await connected(api.holding(None), session["id"], token=token)
    await socket.send({"type": "ping"})
    assert (await socket.receive())["type"] == "pong"
    await socket.send({"type": "query", "message": "Hello"})
    frames = await to_the_end(socket)
    assert [kind for kind in kinds(frames) if kind != "message"] == [
        "message_sent",
        "status_change processing",
        "tool_call_started",
        "tool_call_completed",
        "status_change active",
    ]
    assert frames[0]["content"]["text"] == "Hello"
    started, completed = (f for f in frames if f["type"].startswith("tool_call"))
    assert (started["tool_name"], started["tool_input"]) == ("Read", {"path": "a"})
    assert completed["tool_output"] == {"content": "content of a"}
    assert (completed["status"], completed["tool_call_id"]) == ("success", started["tool_call_id"])
    messages = [f for f in frames if f["type"] == "message"]
    assert "".join(f["content"]["text"] for f in messages if f["is_partial"]) == "Hi there"
    assert (messages[-1]["is_partial"], messages[-1]["status"]) == (False, "completed")
    assert messages[-1]["metrics"]["output_tokens"] == 3
    assert len({f["query_id"] for f in frames}) == 1
    assert [f["sequence"] for f in frames] == sorted({f["sequence"] for f in frames})


async def test_a_query_over_http_is_heard_and_approved(api: Client, engine: ScriptedEngine) -> None:
    engine.script = [call("shell", command="ls"), "Done."]
    session = await made(api)
    socket = await connected(api, session["id"])
    said = await asked(api, session["id"])
    assert said["status"] == "waiting"
    frames = await socket.until("status_change")
    frames += await socket.until("status_change")
    assert kinds(frames) == ["message_sent", "status_change processing", "status_change waiting"]
    (pending,) = said["pending_approvals"]
    shown = frames[-1]["pending_approval"]
    assert shown | {"requested_at": pending["requested_at"]} == pending
    await socket.send({"type": "query", "message": "more"})
    (busy,) = await socket.until("error")
    assert busy["error_code"] == "CONFLICT"
    at = f"/api/v1/sessions/{session['id']}/approvals"
    await api.post(at, {"decision": "allow"})
    more = await to_the_end(socket)
    assert kinds(more)[0] == "status_change processing"
    resumed = await connected(
        api, session["id"], query_id=said["query_id"], after=str(frames[-1]["sequence"])
    )
    assert await to_the_end(resumed) == more, "the rest, and nothing twice"
    told = [*frames, *more]
    for n in range(len(told)):
        after = str(told[n - 1]["sequence"]) if n else "0"
        again = await connected(api, session["id"], after=after)
        assert await to_the_end(again) == told[n:], "nothing is lost or told twice"


async def test_a_query_that_fails_ends_in_one_error(api: Client, engine: ScriptedEngine) -> None:
    engine.script = [EngineUnavailable("gone")]
    session = await made(api)
    socket = await connected(api, session["id"])
    await socket.send({"type": "query", "message": "Hello"})
    frames = await to_the_end(socket)
    assert kinds(frames)[-2:] == ["error", "status_change failed"]
    assert (frames[-2]["error_code"], frames[-2]["detail"]) == ("SERVICE_UNAVAILABLE", "gone")


async def test_the_stream_refuses_with_1008_and_wrong_frames_with_an_error(
    people: People,
) -> None:
    session = await made(people.ann)
    at = f"/api/v1/sessions/{session['id']}/stream"
    for client, query in (
        (people.nobody, {}),
        (people.nobody, {"token": "wrong"}),
        (people.bob, {}),
    ):
        socket = await client.socket(at, query=query)
        assert (await socket.receive())["type"] == "error"
        assert await socket.receive() is None
        assert socket.close_code == 1008
    mine = await connected(people.ann, session["id"])
    for wrong, code in (
        ({"type": "odd"}, "BAD_REQUEST"),
        ({"type": "query"}, "VALIDATION_ERROR"),
        ({"type": "ping", "x": 1}, "VALIDATION_ERROR"),
    ):
        await mine.send(wrong)
        (error,) = await mine.until("error")
        assert error["error_code"] == code


BODIES: list[EventBody] = [
    e.RunQueued(model="m"),
    e.RunStarted(),
    e.ModelStarted(step=1, model="m"),
    e.TextDelta(step=1, text="Hello"),
    e.TextDelta(step=1, text=""),
    e.ModelFinished(step=1, model="m", text="Hello"),
    e.ModelFinished(step=1, model="m", text="Look", tool_calls=(call("shell"),)),
    e.ToolStarted(call_id="c", name="shell"),
    e.ToolOutput(call_id="c", text="4"),
    e.ToolFinished(call_id="c", name="shell", status="denied"),
    e.ApprovalRequested(call_id="c", name="shell"),
    e.ApprovalDecided(call_id="c", is_approved=False),
    e.Warned(code="w", message="careful"),
    e.RunFinished(state="succeeded", text="Hello", usage=Usage(input_tokens=3, output_tokens=1)),
    e.RunFinished(state="cancelled", text="Hel"),
    e.RunFinished(state="failed", error_code="engine_unavailable", error_message="gone"),
    e.RunFinished(state="timed_out", error_code="limit_exceeded", error_message="late"),
    e.RunFinished(state="interrupted", error_code="interrupted"),
]


@pytest.mark.parametrize("seed", range(20))
def test_frames_are_legal_for_any_order_of_events(seed: int) -> None:
    id, now = "0192a3b4-0000-7000-8000-000000000001", datetime.now(UTC)
    conversation = Conversation(id=id, owner_id="o", agent_id="a", created_at=now, updated_at=now)
    encoder = EventEncoder(conversation, "hi")
    frames: list[dict[str, Any]] = []
    for number, body in enumerate(random.Random(seed).choices(BODIES, k=30)):  # noqa: S311
        event = Event(id=str(number), run_id=id, run_seq=number, ts=now, body=body)
        frames += [frame.model_dump(mode="json") for frame in encoder.encode(event)]
    ends = [n for n, f in enumerate(frames) if f["type"] == "error" or f.get("metrics")]
    assert len(ends) <= 1
    assert all(f["type"] == "status_change" for f in frames[ends[0] + 1 :] if ends)
    statuses = [f["status"] for f in frames if f["type"] == "status_change"]
    told = [s for s, before in zip(statuses, [None, *statuses], strict=False) if s != before]
    assert [s for s in statuses if s != "waiting"] == [s for s in told if s != "waiting"]
