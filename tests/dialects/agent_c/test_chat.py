"""The chat: bytes that come while the model works, three formats, reading on, stopping, asking."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPRequest

from notebook_agents.core.core import Core
from notebook_agents.core.models import GenerateRequest
from notebook_agents.core.policy import Effect
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine, ScriptedTools, call, fake_core
from notebook_agents_server.testing import Answer, Client, services_of

from .conftest import FORM, People, chat, initialize, lines, send, spoken

SSE = ("Accept", "text/event-stream")


def write_file(name: str) -> str:
    """Pretend to write."""
    return f"wrote {name}"


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    """A core with a tool that must be allowed first."""
    effects: dict[str, Effect] = {"write_file": "write"}
    tools = ScriptedTools({"write_file": write_file}, effects=effects)
    return fake_core(engine=engine, tools=tools, home=tmp_path / "workspaces")


@dataclass
class Reader:
    """Reads an answer as its bytes arrive."""

    client: Client
    received: bytes = b""
    _has_more: asyncio.Event = field(default_factory=asyncio.Event)
    _answer: Any = None

    def ask(self, *, path: str = "/chat", **fields: str) -> Reader:
        request = HTTPRequest(
            f"{self.client.origin}{self.client.base_path}{path}",
            method="POST",
            headers={**self.client.headers, "Content-Type": FORM},
            body=urlencode(fields),
            streaming_callback=self._receive,
        )
        self._answer = self.client.http.fetch(request, raise_error=False)
        self._answer.add_done_callback(lambda _answer: self._has_more.set())
        return self

    def _receive(self, chunk: bytes) -> None:
        self.received += chunk
        self._has_more.set()

    async def more(self) -> None:
        """Wait for more bytes."""
        assert not self._answer.done(), self.received
        self._has_more.clear()
        await self._has_more.wait()

    async def until(self, text: str) -> list[dict[str, Any]]:
        """Wait for bytes with this text; the objects so far."""
        while text.encode() not in self.received:
            await self.more()
        whole = self.received.rpartition(b"\n")[0]
        return lines(whole) if whole.startswith(b"{") else []

    async def end(self) -> list[dict[str, Any]]:
        """All objects."""
        assert (await self._answer).code == 200
        return lines(self.received)


async def test_C_47_C_48_bytes_come_while_the_model_still_works(
    both: Client, engine: ScriptedEngine
) -> None:
    session = await initialize(both)
    may_begin, engine.gate = asyncio.Event(), asyncio.Event()

    async def wait(_request: GenerateRequest) -> str:
        await may_begin.wait()
        return "one two three"

    engine.script = [wait]
    reader = Reader(both).ask(ui_session_id=session, message="count")
    begun = await reader.until("interaction_start")
    # Here before the model has begun, and the first word before it says the second.
    assert begun[0] == {"type": "interaction_start", "id": begun[0]["id"], "session_id": session}
    assert b"content" not in reader.received
    may_begin.set()
    assert spoken(await reader.until('"content"')) == "one"
    engine.gate.set()
    found = await reader.end()
    assert spoken(found) == "one two three"
    named = [each["type"] for each in found]
    assert named.count("interaction_end") == named.count("interaction_start") == 1
    assert named[-2:] == ["history", "interaction_end"]
    assert found[-2]["messages"] == [
        {"role": "user", "content": "count"},
        {"role": "assistant", "content": "one two three"},
    ]


async def test_the_three_formats_and_their_content_types(api: Client) -> None:
    session = await initialize(api)
    wish = {"ui_session_id": session, "message": "hello"}
    plain = await send(api, "/chat", **wish)
    assert plain.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert lines(plain.body)[0]["type"] == "interaction_start"
    bare = await send(api, "/chat?format=text", **wish)
    assert bare.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert bare.body == b"You said: hello"
    for answer in (
        await send(api, "/chat", SSE, **wish),
        await send(api, "/chat?format=sse", **wish),
    ):
        assert answer.headers["Content-Type"] == "text/event-stream; charset=UTF-8"
        assert [data["type"] for _, data in events(answer)][-1] == "interaction_end"
    as_json = await api.post("/chat", wish)
    assert spoken(lines(as_json.body)) == "You said: hello"
    assert (await send(api, "/chat?format=xml", **wish)).status == 400


def events(answer: Answer) -> list[tuple[str, dict[str, Any]]]:
    """The ids and data of server-sent events."""
    parts = [part.split("\n") for part in answer.body.decode().split("\n\n") if part]
    return [(id.removeprefix("id: "), json.loads(data[6:])) for id, data in parts]


async def test_a_reader_that_went_away_reads_on_after_its_last_event(
    api: Client, people: People, core: Core
) -> None:
    session = await initialize(api)
    wish = {"ui_session_id": session, "message": "hello"}
    whole = events(await send(api, "/chat", SSE, **wish))
    for cut in (1, len(whole) // 2, len(whole)):
        last = ("Last-Event-ID", whole[cut - 1][0])
        assert events(await send(api, "/chat", SSE, last, **wish)) == whole[cut:]
    # Nothing was asked anew, and other people's answers, messages and places are refused.
    named = await core.conversations.resolve(await actor(core), session)
    assert named.message_count == 2
    theirs = {"ui_session_id": await initialize(people.bob), "message": "hello"}
    assert (await send(people.bob, "/chat", SSE, last, **theirs)).status == 404
    other = {**wish, "message": "another"}
    assert (await send(api, "/chat", SSE, last, **other)).status == 400
    mine = {**wish, "ui_session_id": await initialize(api)}
    assert (await send(api, "/chat", SSE, last, **mine)).status == 404
    for wrong in ("7", f"{named.id}/0.1", "x" * 500):
        place = ("Last-Event-ID", wrong)
        assert (await send(api, "/chat", SSE, place, **wish)).status == 400


async def actor(core: Core) -> Actor:
    """The owner."""
    user = await core.users.find("admin")
    assert user is not None
    return Actor(user_id=user.id, username=user.username)


async def test_a_client_that_leaves_does_not_stop_the_answer(
    api: Client, engine: ScriptedEngine
) -> None:
    session = await initialize(api)
    engine.gate, engine.script = asyncio.Event(), ["one two three"]
    body = urlencode({"ui_session_id": session, "message": "count"})
    head = (
        f"POST {api.base_path}/chat HTTP/1.1",
        f"Host: {api.origin.removeprefix('http://')}",
        f"Authorization: {api.headers['Authorization']}",
        f"Content-Type: {FORM}",
        f"Content-Length: {len(body)}",
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", int(api.origin.rpartition(":")[2]))
    writer.write("\r\n".join((*head, "", body)).encode())
    await reader.readuntil(b'"content"')
    writer.close()
    await writer.wait_closed()
    engine.gate.set()
    # The next message waits for its turn, so the first answer is complete by then.
    found = await chat(api, session, "and?")
    assert found[-2]["messages"][1] == {"role": "assistant", "content": "one two three"}
    assert engine.n_closed == 0


@pytest.mark.parametrize("file_ids", ["x", "{}", "[1]", '"a"', "[" * 5000, json.dumps(["a"] * 51)])
async def test_C_49_file_ids_that_are_no_json_array_are_refused(api: Client, file_ids: str) -> None:
    session = await initialize(api)
    wish = {"ui_session_id": session, "message": "hello", "file_ids": file_ids}
    answer = await send(api, "/chat", **wish)
    assert answer.status == 400
    assert "file_ids must be a JSON array" in answer.json["detail"]


async def test_C_50_C_53_an_unknown_session_is_404(both: Client, people: People) -> None:
    for path, more in (("/chat", {"message": "hello"}), ("/cancel", {})):
        answer = await send(both, path, ui_session_id="brave-blue-bison", **more)
        assert (answer.status, answer.json) == (404, {"detail": "Session not found"})
        mine = await initialize(both)
        theirs = await send(people.bob, path, ui_session_id=mine, **more)
        assert (theirs.status, theirs.json) == (404, {"detail": "Session not found"})
        assert (await send(both, path, **more)).status == 400
    missing = await send(both, "/chat", ui_session_id=mine, message="x", file_ids='["nothing"]')
    assert missing.status == 404
    assert (await send(both, "/chat", ui_session_id=mine, message="")).status == 400


async def test_text_that_not_every_database_keeps_is_refused(api: Client) -> None:
    session = await initialize(api)
    wish = {"ui_session_id": session, "message": "a\0b"}
    for answer in (await api.post("/chat", wish), await send(api, "/chat", **wish)):
        assert (answer.status, "NUL" in answer.json["detail"]) == (400, True)
    # The six characters of its escape are only text.
    assert spoken(await chat(api, session, r"say \u0000")) == r"You said: say \u0000"
    said = await api.post("/chat", {**wish, "message": r"say \u0000"})
    assert spoken(lines(said.body)) == r"You said: say \u0000"


async def test_C_52_cancel_stops_within_a_step_and_keeps_what_was_said(
    both: Client, engine: ScriptedEngine
) -> None:
    session = await initialize(both)
    engine.gate, engine.script = asyncio.Event(), ["one two three"]
    reader = Reader(both).ask(ui_session_id=session, message="count")
    await reader.until('"content"')
    answer = await send(both, "/cancel", ui_session_id=session)
    assert answer.json == {
        "status": "success",
        "message": f"Cancellation signal sent for session: {session}",
    }
    # The gate was never opened: the model was stopped where it stood.
    found = await reader.end()
    assert engine.n_closed == 1
    assert [each["type"] for each in found[-3:]] == [
        "completion_status",
        "history",
        "interaction_end",
    ]
    assert found[-3]["data"]["stop_reason"] == "cancelled"
    assert found[-2]["messages"][-1] == {"role": "assistant", "content": "one"}
    again = await send(both, "/cancel", ui_session_id=session)
    assert again.json["status"] == "success"  # nothing works now, and that is fine


async def test_a_tool_that_must_be_allowed_keeps_the_chat_open_until_somebody_decides(
    api: Client, people: People, engine: ScriptedEngine
) -> None:
    session = await initialize(api, "other/model")
    engine.script = [call("write_file", call_id="c1", name="a.txt"), "Done"]
    reader = Reader(api).ask(ui_session_id=session, message="write it")
    asked = (await reader.until("tool_approval"))[-1]["data"]
    assert (asked["tool_call_id"], asked["name"]) == ("c1", "write_file")
    assert (asked["arguments"], asked["decide"]) == ('{"name": "a.txt"}', "POST /api/v1/approve")
    wish = {"ui_session_id": session, "approvals": [{"tool_call_id": "c1", "approved": True}]}
    assert (await people.bob.post("/approve", wish)).status == 404
    unknown = {**wish, "approvals": [{"tool_call_id": "c2", "approved": True}]}
    assert (await api.post("/approve", unknown)).status == 400
    assert (await api.post("/approve", wish)).json["status"] == "success"
    found = await reader.end()
    assert [f["tool_results"][0]["content"] for f in found if f["type"] == "tool_results"] == [
        "wrote a.txt"
    ]
    assert spoken(found) == "Done"
    assert (await api.post("/approve", wish)).status == 409  # nothing waits any more


async def test_a_stream_of_events_that_waits_shows_signs_of_life(
    api: Client, engine: ScriptedEngine, jp_serverapp: ServerApp
) -> None:
    services_of(jp_serverapp).heartbeat_s = 0.05
    session = await initialize(api)
    engine.gate, engine.script = asyncio.Event(), ["one two"]
    reader = Reader(api).ask(ui_session_id=session, message="count", path="/chat?format=sse")
    while reader.received.count(b": still here\n\n") < 2:
        await reader.more()
    assert b'"data":" two"' not in reader.received
    engine.gate.set()
    await reader.until("interaction_end")
    assert b'"data":" two"' in reader.received


async def test_an_administrator_may_stop_what_somebody_elses_session_answers(
    api: Client, people: People, engine: ScriptedEngine
) -> None:
    session = await initialize(people.ann)
    engine.gate, engine.script = asyncio.Event(), ["one two three"]
    reader = Reader(people.ann).ask(ui_session_id=session, message="count")
    await reader.until('"content"')
    assert (await send(api, "/cancel", ui_session_id=session)).status == 200
    assert (await reader.end())[-3]["data"]["stop_reason"] == "cancelled"


async def test_a_denied_tool_and_a_cancelled_question(api: Client, engine: ScriptedEngine) -> None:
    session = await initialize(api, "other/model")
    engine.script = [call("write_file", call_id="c1", name="a.txt"), "As you like"]
    reader = Reader(api).ask(ui_session_id=session, message="write it")
    await reader.until("tool_approval")
    no = {"tool_call_id": "c1", "approved": False, "feedback": "not today"}
    await api.post("/approve", {"ui_session_id": session, "approvals": [no]})
    found = await reader.end()
    results = [f["tool_results"][0]["content"] for f in found if f["type"] == "tool_results"]
    assert results == ["Error: the user did not allow this call: not today"]
    engine.script = [call("write_file", call_id="c2", name="b.txt")]
    reader = Reader(api).ask(ui_session_id=session, message="again")
    await reader.until("tool_approval")
    await send(api, "/cancel", ui_session_id=session)
    assert (await reader.end())[-1]["type"] == "interaction_end"


async def test_K_09_a_chat_is_a_conversation_in_the_other_apis(
    api: Client, client: Client, core: Core
) -> None:
    session = await initialize(api)
    await chat(api, session, "hello there")
    conversation = await core.conversations.resolve(await actor(core), session)
    assert (conversation.title, conversation.dialect) == ("hello there", "agent_c")
    tektra = (await client.get(f"/v1/conversations/{conversation.id}")).json
    assert [message["content"] for message in tektra["messages"]] == [
        "hello there",
        "You said: hello there",
    ]
    threads = (await client.get("/api/threads")).json["threads"]
    assert [thread["title"] for thread in threads] == ["hello there"]
    sessions = (await client.get("/notebook-agents/agent_api/api/v1/sessions")).json["items"]
    assert [session["id"] for session in sessions] == [conversation.id]
    said = await client.post(f"/v1/conversations/{conversation.id}/messages", {"message": "and?"})
    assert said.status == 200
    debugged = (await api.get(f"/chat_session_debug/{session}")).json
    assert debugged["message_history"]["message_count"] == 4
