"""Tektra's sockets: frames, credentials, and runs that outlive their sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from notebook_agents.core.core import Core
from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.runs import ListRuns
from notebook_agents.core.users import Actor
from notebook_agents.testing import FakeClock, ScriptedEngine, call, fake_core
from notebook_agents_server.sockets import MAX_WAITING_FRAMES
from notebook_agents_server.testing import Client, Socket

MakeAgent = Callable[..., Awaitable[str]]


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path, request: pytest.FixtureRequest) -> Core:
    """The seconds between two looks at its clock decide how many events a long answer has."""
    clock = FakeClock(tick_s=getattr(request, "param", 0.001))
    return fake_core(engine=engine, home=tmp_path / "workspaces", clock=clock)


async def open_conversation(tektra: Client, make_agent: MakeAgent) -> str:
    path = f"/v1/agents/{await make_agent(tools=['python_executor'])}/conversations"
    return str((await tektra.post(path, {"message": "hi"})).json["conversation_id"])


def say(text: str) -> dict[str, Any]:
    return {"type": "message", "content": text, "metadata": {"timestamp": "2024-01-01T00:00:00Z"}}


def text_of(frames: list[Any]) -> str:
    return "".join(frame["content"] for frame in frames if frame["type"] == "token")


async def test_t43_t44_t46_t48_a_message_is_answered_in_tokens_and_one_complete(
    tektra: Client, make_agent: MakeAgent
) -> None:
    conversation_id = await open_conversation(tektra, make_agent)
    socket = await tektra.socket(f"/v1/ws/conversations/{conversation_id}")
    await socket.send(say("how are you"))
    frames = await socket.until("complete")
    assert text_of(frames) == frames[-1]["content"] == "You said: how are you"
    assert {frame["conversation_id"] for frame in frames} == {conversation_id}
    numbers = [frame["sequence"] for frame in frames]
    assert numbers == sorted(numbers)


async def test_t45_t47_the_stream_of_an_agent_shows_tools(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    engine.script = [call("python_executor", code="6*7"), "42"]
    agent_id = await make_agent(tools=["python_executor"])
    socket = await tektra.socket(f"/v1/ws/stream/{agent_id}")
    await socket.send(say("6*7?"))
    frames = await socket.until("complete")
    tools = [(f["tool"], f["status"]) for f in frames if f["type"] == "tool_execution"]
    assert tools == [("python_executor", "started"), ("python_executor", "completed")]


async def test_the_stream_keeps_one_conversation_for_its_messages(
    tektra: Client, make_agent: MakeAgent
) -> None:
    socket = await tektra.socket(f"/v1/ws/stream/{await make_agent()}")
    await socket.send(say("one"))
    first = (await socket.until("complete"))[-1]
    await socket.send(say("two"))
    second = (await socket.until("complete"))[-1]
    assert first["conversation_id"] == second["conversation_id"]
    history = await tektra.get(f"/v1/conversations/{first['conversation_id']}")
    assert history.json["message_count"] == 4


async def test_the_stream_shows_runs_that_others_started(
    tektra: Client, make_agent: MakeAgent
) -> None:
    agent_id = await make_agent()
    socket = await tektra.socket(f"/v1/ws/stream/{agent_id}")
    await tektra.get("/v1/agents")  # one round trip: the socket is open on the server's side
    answer = await tektra.post(f"/v1/agents/{agent_id}/conversations", {"message": "by REST"})
    frames = await socket.until("complete")
    assert frames[-1]["conversation_id"] == answer.json["conversation_id"]
    assert text_of(frames) == "You said: by REST"


async def test_cancel_ends_the_run_and_keeps_what_there_was(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    conversation_id = await open_conversation(tektra, make_agent)
    engine.gate, engine.script = asyncio.Event(), ["one two three"]
    socket = await tektra.socket(f"/v1/ws/conversations/{conversation_id}")
    await socket.send(say("count"))
    await socket.until("token")
    await socket.send({"type": "cancel"})
    (frame,) = await socket.until("complete", "error")
    assert (frame["type"], frame["status"], frame["content"]) == ("complete", "cancelled", "one")


async def test_a_run_goes_on_after_the_socket_drops_and_a_new_one_follows_it(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    conversation_id = await open_conversation(tektra, make_agent)
    engine.gate, engine.script = asyncio.Event(), ["one two three"]
    path = f"/v1/ws/conversations/{conversation_id}"
    dropped = await tektra.socket(path)
    await dropped.send(say("count"))
    seen = (await dropped.until("token"))[-1]
    dropped.close()
    again = await tektra.socket(path)
    assert (await again.until("token"))[-1] == seen
    resumed = await tektra.socket(path, query={"after": str(seen["sequence"])})
    engine.gate.set()
    whole, rest = await again.until("complete"), await resumed.until("complete")
    assert text_of([seen, *whole]) == "one two three"
    assert text_of(rest) == " two three"
    assert whole[-1]["content"] == rest[-1]["content"] == "one two three"


async def test_a_run_goes_on_after_the_client_of_a_request_leaves(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine, core: Core
) -> None:
    engine.gate, engine.script = asyncio.Event(), ["one two three"]
    agent_id = await make_agent()
    owner, _ = await core.users.ensure_owner("unused-password")
    actor = Actor(user_id=owner.id, username=owner.username)
    request = core.spawn(
        tektra.post(f"/v1/agents/{agent_id}/conversations", {"message": "x"}), name="request"
    )
    async with contextlib.aclosing(core.runs.watch(actor)) as events:
        async for event in events:
            if event.type == "text_delta":
                break
    request.cancel()
    engine.gate.set()
    run = await core.runs.wait(actor, event.run_id)
    assert (run.state, run.text) == ("succeeded", "one two three")


async def test_a_failed_run_is_an_error_frame_and_the_socket_stays_open(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    conversation_id = await open_conversation(tektra, make_agent)
    engine.script = [EngineUnavailable("the worker died"), "fine again"]
    socket = await tektra.socket(f"/v1/ws/conversations/{conversation_id}")
    await socket.send(say("one"))
    (frame,) = await socket.until("error")
    assert frame["error"]["code"] == "MODEL_UNAVAILABLE"
    await socket.send(say("two"))
    assert (await socket.until("complete"))[-1]["content"] == "fine again"


@pytest.mark.parametrize(
    "message",
    ["no json", '{"type": "dance"}', '{"type": "message"}', "[]", '{"type": "message", "x": 1}'],
)
async def test_a_wrong_frame_is_an_error_and_the_socket_stays_open(
    tektra: Client, make_agent: MakeAgent, message: str
) -> None:
    conversation_id = await open_conversation(tektra, make_agent)
    socket = await tektra.socket(f"/v1/ws/conversations/{conversation_id}")
    await socket.connection.write_message(message)
    (frame,) = await socket.until("error")
    assert frame["error"]["code"] == "INVALID_REQUEST"
    await socket.send(say("still there?"))
    await socket.until("complete")


@pytest.mark.parametrize("path", ["conversations/conv_xyz789", "stream/agent_abc123"])
async def test_an_unknown_object_is_an_error_and_close_4404(tektra: Client, path: str) -> None:
    socket = await tektra.socket(f"/v1/ws/{path}")
    (frame,) = await socket.until("error")
    assert frame["error"]["code"].endswith("_NOT_FOUND")
    assert await socket.receive() is None
    assert socket.close_code == 4404


async def open_with(tektra: Client, how: str, path: str) -> Socket:
    token = tektra.headers["Authorization"].split()[-1]
    anybody = tektra.holding(None)
    if how in ("token", "api_key"):
        return await anybody.socket(path, query={how: token})
    if how == "subprotocol":
        return await anybody.socket(path, subprotocols=["tektra", f"bearer.{token}"])
    if how == "bearer alone":
        return await anybody.socket(path, subprotocols=[f"bearer.{token}"])
    socket = await anybody.socket(path)
    await socket.send({"type": "auth", "token": token})
    return socket


@pytest.mark.parametrize("how", ["token", "api_key", "subprotocol", "bearer alone", "first frame"])
async def test_every_way_to_give_a_credential_opens_the_socket(
    tektra: Client, make_agent: MakeAgent, how: str
) -> None:
    conversation_id = await open_conversation(tektra, make_agent)
    socket = await open_with(tektra, how, f"/v1/ws/conversations/{conversation_id}")
    await socket.send(say("hello"))
    assert (await socket.until("complete"))[-1]["content"] == "You said: hello"


@pytest.mark.parametrize("first", [say("hello"), {"type": "auth"}, {"type": "auth", "token": "x"}])
async def test_without_a_credential_the_first_other_frame_closes_4401(
    tektra: Client, first: dict[str, Any]
) -> None:
    socket = await tektra.holding(None).socket("/v1/ws/conversations/conv_xyz789")
    await socket.send(first)
    (frame,) = await socket.until("error")
    assert frame["error"]["code"] == "INVALID_API_KEY"
    assert await socket.receive() is None
    assert socket.close_code == 4401


async def test_a_wrong_credential_is_refused_before_the_handshake(tektra: Client) -> None:
    with pytest.raises(HTTPClientError) as caught:
        await tektra.holding("nba_wrong").socket("/v1/ws/conversations/conv_xyz789")
    assert caught.value.code == 401


async def test_a_page_of_another_origin_cannot_connect(tektra: Client) -> None:
    headers = {**tektra.headers, "Origin": "https://evil.example"}
    elsewhere = replace(tektra, headers=headers)
    with pytest.raises(HTTPClientError) as caught:
        await elsewhere.socket("/v1/ws/conversations/conv_xyz789")
    assert caught.value.code == 403


async def test_a_frame_beyond_one_mebibyte_closes_1009(
    tektra: Client, make_agent: MakeAgent
) -> None:
    conversation_id = await open_conversation(tektra, make_agent)
    socket = await tektra.socket(f"/v1/ws/conversations/{conversation_id}")
    await socket.send(say("x" * (1024 * 1024 + 1)))
    assert await socket.receive() is None
    assert socket.close_code == 1009


async def test_cancelling_an_unknown_run_is_an_error_and_the_socket_stays_open(
    tektra: Client, make_agent: MakeAgent
) -> None:
    socket = await tektra.socket(f"/v1/ws/stream/{await make_agent()}")
    await socket.send({"type": "cancel", "run_id": "run_" + "0" * 32})
    (frame,) = await socket.until("error")
    assert frame["error"]["code"] == "RUN_NOT_FOUND"
    await socket.send(say("still there?"))
    await socket.until("complete")


async def test_a_place_to_resume_from_that_is_no_number_closes_4400(
    tektra: Client, make_agent: MakeAgent
) -> None:
    path = f"/v1/ws/stream/{await make_agent()}"
    socket = await tektra.socket(path, query={"after": "yesterday"})
    (frame,) = await socket.until("error")
    assert frame["error"]["details"]["field"] == "after"
    assert await socket.receive() is None
    assert socket.close_code == 4400


@pytest.mark.parametrize("names_the_run", [False, True])
async def test_a_run_that_ended_while_the_client_was_away_gives_the_rest(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine, names_the_run: bool
) -> None:
    conversation_id = await open_conversation(tektra, make_agent)
    path = f"/v1/ws/conversations/{conversation_id}"
    first = await tektra.socket(path)
    engine.script = ["one two three"]
    await first.send(say("count"))
    seen, *rest = await first.until("complete")
    first.close()
    query = {"after": str(seen["sequence"])}
    if names_the_run:
        await tektra.post(f"/v1/conversations/{conversation_id}/messages", {"message": "later"})
        query["run_id"] = seen["run_id"]
    again = await tektra.socket(path, query=query)
    assert await again.until("complete") == rest


async def test_the_stream_of_an_agent_resumes_a_named_run_that_has_ended(
    tektra: Client, make_agent: MakeAgent
) -> None:
    path = f"/v1/ws/stream/{await make_agent()}"
    first = await tektra.socket(path)
    await first.send(say("hello"))
    seen, *rest = await first.until("complete")
    query = {"run_id": seen["run_id"], "after": str(seen["sequence"])}
    again = await tektra.socket(path, query=query)
    assert await again.until("complete") == rest
    other = await tektra.socket(f"/v1/ws/stream/{await make_agent()}", query=query)
    (frame,) = await other.until("error")
    assert frame["error"]["code"] == "RUN_NOT_FOUND"


async def test_the_stream_of_an_agent_follows_what_goes_on_when_it_opens(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    path = f"/v1/ws/stream/{await make_agent()}"
    engine.gate, engine.script = asyncio.Event(), ["one two three"]
    first = await tektra.socket(path)
    await first.send(say("count"))
    seen = await first.until("token")
    late = await tektra.socket(path)
    assert await late.until("token") == seen  # although nothing new happens
    await late.send({"type": "cancel"})
    assert (await first.until("complete"))[-1]["status"] == "cancelled"


async def test_an_agent_has_no_newest_run_to_resume(tektra: Client, make_agent: MakeAgent) -> None:
    socket = await tektra.socket(f"/v1/ws/stream/{await make_agent()}", query={"after": "3"})
    (frame,) = await socket.until("error")
    assert frame["error"]["details"]["field"] == "after"
    assert "run_id" in frame["error"]["message"]
    assert await socket.receive() is None
    assert socket.close_code == 4400


@pytest.mark.parametrize("core", [0.1], indirect=True)
async def test_a_past_longer_than_the_queue_is_told_in_full(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    agent_id = await make_agent()
    engine.script = [" ".join(["word"] * (3 * MAX_WAITING_FRAMES))]
    answer = await tektra.post(f"/v1/agents/{agent_id}/conversations", {"message": "much"})
    path = f"/v1/ws/conversations/{answer.json['conversation_id']}"
    socket = await tektra.socket(path, query={"after": "0"})
    assert text_of(await socket.until("complete")) == answer.json["message"]


async def test_metadata_is_kept_with_the_run_of_its_message(
    tektra: Client, make_agent: MakeAgent, core: Core
) -> None:
    agent_id = await make_agent()
    stream = await tektra.socket(f"/v1/ws/stream/{agent_id}")
    for n in (1, 2):
        await stream.send({**say("hello"), "metadata": {"n": n}})
        conversation_id = (await stream.until("complete"))[-1]["conversation_id"]
    conversation = await tektra.socket(f"/v1/ws/conversations/{conversation_id}")
    await conversation.send({**say("hello"), "metadata": {"n": 3}})
    await conversation.until("complete")
    body = {"message": "hi", "context": {"metadata": {"n": 4}}}
    await tektra.post(f"/v1/agents/{agent_id}/conversations", body)
    owner, _ = await core.users.ensure_owner("unused-password")
    actor = Actor(user_id=owner.id, username=owner.username)
    runs = (await core.runs.list(actor, ListRuns())).items
    assert [run.metadata for run in reversed(runs)] == [{"n": n} for n in (1, 2, 3, 4)]
