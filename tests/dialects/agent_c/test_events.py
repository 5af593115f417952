"""Agent C's events: the mapping is total, filters, the stream, and the control of replays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from tests.dialects.agent_c.test_interactions import NOTHING, api, converse, settings
from tornado.httpclient import HTTPRequest

from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.events import Event, EventBody
from notebook_agents.core.recordings import RecordedEvent
from notebook_agents.testing import ScriptedEngine, call, fake_core
from notebook_agents_server.dialects.agent_c import event_mapping
from notebook_agents_server.testing import Client

__all__ = ["api", "settings"]
DOCUMENTED = {
    "timestamp", "type", "session_id", "role", "content", "format", "running", "active", "vendor",
    "tool_calls", "tool_results", "raw",
}  # fmt: skip
BODIES = get_args(get_args(EventBody)[0])


def test_every_type_of_the_core_has_a_word_or_a_reason_to_have_none() -> None:
    """Whoever adds an event says here what Agent C's clients see of it."""
    types = {next(f.default for f in fields(body) if f.name == "type") for body in BODIES}
    assert types == set(event_mapping.TYPES) | set(event_mapping.LEFT_OUT)
    assert not set(event_mapping.TYPES) & set(event_mapping.LEFT_OUT)


VALUES: dict[Any, Any] = {str: "x", int: 1, float: 1.0, bool: True}


def value_of(kind: Any) -> Any:
    """Something that a field of this type may be."""
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    return VALUES.get(kind, "")


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_every_event_can_be_shown(body: Any) -> None:
    hints = get_type_hints(body)
    needed = [f for f in fields(body) if f.default is MISSING and f.default_factory is MISSING]
    made = body(**{f.name: value_of(hints[f.name]) for f in needed})
    event = Event(id="1", ts=datetime(2026, 1, 1, tzinfo=UTC), conversation_id="c", body=made)
    shown = event_mapping.event_to_wire(RecordedEvent(event=event, said="hi"), "words")
    assert (shown is None) is (made.type in event_mapping.LEFT_OUT)
    if shown is not None:
        assert (shown.session_id, shown.type) == ("words", event_mapping.TYPES[made.type])
        assert shown.raw["body"]["type"] == made.type


async def test_C_80_C_81_events_are_read_in_the_documented_form(
    api: Client, client: Client, engine: ScriptedEngine
) -> None:
    engine.script = [call("python_executor", call_id="c1", code="6*7"), "It is 42."]
    id = await converse(client, "compute 6*7")
    events = (await api.get(f"/events/{id}")).json
    assert all(set(event) >= DOCUMENTED for event in events)
    assert all(event["type"] == event["type"].lower() for event in events)
    assert [event["timestamp"] for event in events] == sorted(e["timestamp"] for e in events)
    asked = events[0]
    assert (asked["type"], asked["role"], asked["content"]) == (
        "user_request", "user", "compute 6*7"
    )  # fmt: skip
    assert asked["raw"]["body"]["type"] == "run_queued"
    started, finished = [event for event in events if event["type"] == "tool_call"]
    expected = {"id": "c1", "name": "python_executor", "arguments": '{"code": "6*7"}'}
    assert {k: v for k, v in started["tool_calls"][0].items() if k in expected} == {
        **expected, "arguments": started["tool_calls"][0]["arguments"]
    }  # fmt: skip
    assert json.loads(started["tool_calls"][0]["arguments"])["code"] == "6*7"
    assert finished["tool_results"][0]["tool_call_id"] == "c1"
    assert "6*7" in finished["tool_results"][0]["content"]
    answers = [e for e in events if e["type"] == "completion" and not e["running"]]
    assert (answers[-1]["content"], answers[-1]["role"]) == ("It is 42.", "assistant")
    # Types in any case, repeated or with commas.
    for query in (
        "event_types=TOOL_CALL&event_types=Interaction",
        "event_types=tool_call,interaction",
    ):
        found = (await api.get(f"/events/{id}?{query}")).json
        assert [e["type"] for e in found] == [
            e["type"] for e in events if e["type"] in ("tool_call", "interaction")
        ]


async def test_C_82_C_83_C_84_times_limits_and_nothing(api: Client, client: Client) -> None:
    id = await converse(client, "one two three", "four")
    events = (await api.get(f"/events/{id}")).json
    second = [event for event in events if event["type"] == "user_request"][1]["timestamp"]
    later = (await api.get(f"/events/{id}?start_time={second}")).json
    assert later == [event for event in events if event["timestamp"] >= second]
    earlier = (await api.get(f"/events/{id}?end_time={second}")).json
    assert earlier == [event for event in events if event["timestamp"] <= second]
    assert (await api.get(f"/events/{id}?limit=2")).json == events[:2]
    for path, detail in (
        (f"/events/{id}?event_types=SYSTEM_PROMPT", "No events found for session"),
        (f"/events/{id}?event_types=nope", "No events found for session"),
        (f"/events/{id}?end_time=2020-01-01T00:00:00%2B02:00", "No events found for session"),
        (f"/events/{NOTHING}", "Session not found"),
    ):
        answer = await api.get(path)
        assert (answer.status, answer.json) == (404, {"detail": detail})
    for wrong in ("start_time=yesterday", "end_time=1700000000", "limit=0", "colour=red"):
        assert (await api.get(f"/events/{id}?{wrong}")).status == 400, wrong


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    """A core whose time is real: a replay that waits for its next event really waits."""
    return fake_core(engine=engine, home=tmp_path / "workspaces", clock=SystemClock())


@dataclass(frozen=True, slots=True)
class Watched:
    """A stream that is read frame by frame."""

    headers: dict[str, str]
    frames: AsyncGenerator[Any, None]


async def watch(api: Client, path: str) -> Watched:
    """Open a stream; returns once its headers are there."""
    headers: dict[str, str] = {}
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    is_open = asyncio.Event()

    def on_header(line: str) -> None:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()

    def on_chunk(chunk: bytes) -> None:
        is_open.set()
        chunks.put_nowait(chunk)

    request = HTTPRequest(
        f"{api.origin}{api.base_path}{path}",
        headers=dict(api.headers),
        header_callback=on_header,
        streaming_callback=on_chunk,
        request_timeout=30,
    )
    done = asyncio.ensure_future(api.http.fetch(request, raise_error=False))  # noqa: TID251
    await asyncio.wait_for(is_open.wait(), 20)

    async def frames() -> AsyncGenerator[Any, None]:
        buffer = b""
        while True:
            buffer += await asyncio.wait_for(chunks.get(), 20)
            while b"\n\n" in buffer:
                line, _, buffer = buffer.partition(b"\n\n")
                assert line.startswith(b"data: "), line
                frame = json.loads(line.removeprefix(b"data: "))
                yield frame
                if frame["type"] == "stream_complete":
                    await done
                    return

    return Watched(headers, frames())


async def test_C_85_C_86_the_stream_ends_with_its_last_frame(api: Client, client: Client) -> None:
    id = await converse(client, "one two three")
    answer = await api.get(f"/events/{id}/stream")
    assert answer.headers["Content-Type"] == "text/event-stream"
    lines = answer.body.decode().split("\n\n")
    assert lines.pop() == ""
    frames = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert frames.pop() == {"type": "stream_complete"}
    assert frames == (await api.get(f"/events/{id}")).json
    some = await api.get(f"/events/{id}/stream?event_types=USER_REQUEST")
    assert some.body.count(b"data: ") == 2
    for path, status in (
        (f"/events/{NOTHING}/stream", 404),
        (f"/events/{id}/stream?event_types=system_prompt", 404),
        (f"/events/{id}/stream?speed_factor=0", 400),
        (f"/events/{id}/stream?real_time=perhaps", 400),
    ):
        assert (await api.get(path)).status == status, path


async def test_C_87_C_88_C_90_C_91_a_replay_is_steered(
    api: Client, client: Client, core: Core
) -> None:
    id = await converse(client, "one two three", "four")
    events = (await api.get(f"/events/{id}")).json
    # So slow that nothing comes by itself after the first event.
    watched = await watch(api, f"/events/{id}/stream?real_time=true&speed_factor=0.000000001")
    replay_id = watched.headers["x-replay-id"]
    assert await anext(watched.frames) == events[0]

    async def control(action: str, **more: Any) -> None:
        answer = await api.post(f"/events/{id}/replay/control", {"action": action} | more)
        expected = {"status": "success", "action": action, "replay_id": replay_id}
        assert (answer.status, answer.json) == (200, expected)

    status = (await api.get(f"/events/{id}/replay-status")).json
    assert (status["status"], status["current_index"]) == ("playing", 1)
    assert status["total_events"] == len(events)
    assert (status["real_time"], status["speed_factor"]) == (True, 0.000000001)
    place = len(events) - 3
    await control("pause")
    await control("seek", position=events[place]["timestamp"])
    status = (await api.get(f"/events/{id}/replay-status?replay_id={replay_id}")).json
    assert (status["status"], status["current_index"]) == ("paused", place)
    await control("play", replay_id=replay_id)
    assert await anext(watched.frames) == events[place]
    await control("stop")
    assert await anext(watched.frames) == {"type": "stream_complete"}
    assert (await api.get(f"/events/{id}/replay-status")).json["status"] == "stopped"
    assert (await api.get(f"/events/{id}/replay-status?replay_id=other")).status == 404
    answer = await api.post(f"/events/{id}/replay/control", {"action": "play"})
    assert answer.status == 400


async def test_C_89_C_92_no_replay_and_no_such_action(api: Client, client: Client) -> None:
    id = await converse(client, "hello")
    assert (await api.get(f"/events/{id}/replay-status")).status == 404
    for body in ({"action": "rewind"}, {"action": "play"}, {}, {"action": "seek", "position": "x"}):
        assert (await api.post(f"/events/{id}/replay/control", body)).status == 400, body
    answer = await api.post(f"/events/{NOTHING}/replay/control", {"action": "play"})
    assert answer.status == 404
