"""Netra's socket: its messages, who may connect, how it closes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tornado.iostream import IOStream
from tornado.websocket import WebSocketProtocol13

from notebook_agents.core.core import Core
from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.testing import ScriptedEngine
from notebook_agents_server.app import NotebookAgentsApp
from notebook_agents_server.base import Services
from notebook_agents_server.testing import Client, Socket

from .conftest import RESULT, People, ScriptedOptimization

DOCUMENTED = {
    "type": "optimization_request",
    "data": {
        "message": "Optimize my GPU workload",
        "workload_id": "wl-123",
        "parameters": {"priority": "performance", "budget": 10000},
    },
}
AGENTS = [
    "TriageSubAgent",
    "DataSubAgent",
    "OptimizationsCoreSubAgent",
    "ActionsToMeetGoalsSubAgent",
    "ReportingSubAgent",
]


async def connected(client: Client) -> Socket:
    """A socket after its first message."""
    socket = await client.socket("/ws")
    assert (await socket.receive())["type"] == "status"
    return socket


def stream_of(socket: Socket) -> IOStream:
    """What the frames of a client go through."""
    protocol = socket.connection.protocol
    assert isinstance(protocol, WebSocketProtocol13)
    assert isinstance(protocol.stream, IOStream)
    return protocol.stream


async def closed(socket: Socket) -> tuple[list[Any], int | None]:
    """What came before the end, and the close code."""
    frames = []
    while (frame := await socket.receive()) is not None:
        frames.append(frame)
    return frames, socket.close_code


def services_of(serverapp: ServerApp) -> Services:
    points = serverapp.extension_manager.extension_apps["notebook_agents_server"]
    app = next(app for app in points if isinstance(app, NotebookAgentsApp))
    assert app.services is not None
    return app.services


async def test_N_42_N_50_N_65_a_token_in_the_address_connects_and_status_is_first(
    people: People, core: Core
) -> None:
    token = people.ann.headers["Authorization"].split()[-1]
    socket = await people.nobody.socket("/ws", query={"token": token})
    status = await socket.receive()
    ann = await core.users.find("ann")
    assert ann is not None
    assert status["type"] == "status"
    assert status["data"] == {"connected": True, "authenticated": True, "user_id": ann.number}


async def test_N_43_N_44_N_47_N_48_a_request_is_told_step_by_step_and_ends_in_one_result(
    netra: Client, optimization: ScriptedOptimization
) -> None:
    socket = await connected(netra)
    await socket.send(DOCUMENTED)
    *updates, result = await socket.until("agent_result", "error")
    assert {frame["type"] for frame in updates} == {"agent_update"}
    assert [f["data"]["agent"] for f in updates if f["data"]["status"] == "processing"] == AGENTS
    assert [f["data"]["agent"] for f in updates if f["data"]["status"] == "completed"] == AGENTS
    progress = [frame["data"]["progress"] for frame in updates]
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (0, 100)
    assert updates[0]["data"]["message"] == "triage begins"
    assert all(frame["timestamp"].endswith("Z") for frame in [*updates, result])
    assert result["data"]["success"] is True
    assert result["data"]["result"] == RESULT
    assert {f["data"]["run_id"] for f in updates} == {result["data"]["run_id"]}
    (task,) = optimization.tasks
    assert task.message == "Optimize my GPU workload"
    assert task.parameters == {"workload_id": "wl-123", "priority": "performance", "budget": 10000}
    status = await netra.get(f"/api/agent/status/{result['data']['run_id']}")
    assert status.json["result"] == result["data"]["result"]


async def test_N_43_payload_is_another_word_for_data_and_an_id_comes_back(netra: Client) -> None:
    socket = await connected(netra)
    said = {"type": "optimization_request", "payload": DOCUMENTED["data"], "id": "mine"}
    await socket.send(said | {"timestamp": "2024-01-01T00:00:00Z"})
    frames = await socket.until("agent_result")
    assert {frame["id"] for frame in frames} == {"mine"}


async def test_later_requests_of_a_socket_continue_its_thread(
    netra: Client, optimization: ScriptedOptimization
) -> None:
    socket = await connected(netra)
    threads = set()
    for _ in range(2):
        await socket.send(DOCUMENTED)
        threads.add((await socket.until("agent_result"))[-1]["data"]["thread_id"])
    assert len(threads) == 1
    assert len(optimization.tasks[1].history) == 3
    other = {**DOCUMENTED, "data": {"message": "Elsewhere", "thread_id": "thread-" + "0" * 32}}
    await socket.send(other)
    (error,) = await socket.until("error")
    assert (error["data"]["code"], error["data"]["message"]) == ("NOT_FOUND", "Thread not found")


async def test_N_45_a_run_is_stopped_and_says_so_before_its_result(
    netra: Client, optimization: ScriptedOptimization
) -> None:
    optimization.gates["data"] = asyncio.Event()
    socket = await connected(netra)
    await socket.send(DOCUMENTED)
    run_id = (await socket.receive())["data"]["run_id"]
    await socket.send({"type": "stop_processing", "data": {"run_id": run_id}})
    *_, update, result = await socket.until("agent_result", "error")
    assert (update["type"], update["data"]["status"]) == ("agent_update", "cancelled")
    assert (result["data"]["success"], result["data"]["run_id"]) == (False, run_id)
    assert result["data"]["message"] == "Processing was stopped"
    assert (await netra.get(f"/api/agent/status/{run_id}")).json["status"] == "cancelled"
    await socket.send({"type": "stop_processing", "data": {"run_id": run_id}})
    (error,) = await socket.until("error")
    assert (error["data"]["code"], error["data"]["message"]) == (
        "CONFLICT",
        "the run is cancelled already",
    )


async def test_N_45_without_a_run_everything_that_the_socket_asked_for_is_stopped(
    netra: Client, optimization: ScriptedOptimization
) -> None:
    optimization.gates["triage"] = asyncio.Event()
    socket = await connected(netra)
    await socket.send(DOCUMENTED)
    await socket.receive()
    await socket.send({"type": "stop_processing"})
    assert (await socket.until("agent_result"))[-1]["data"]["success"] is False
    await socket.send({"type": "stop_processing"})
    (error,) = await socket.until("error")
    assert error["data"]["code"] == "CONFLICT"
    assert error["data"]["message"].startswith("nothing to stop")


async def test_N_45_a_stop_right_behind_the_request_acts(
    netra: Client, optimization: ScriptedOptimization
) -> None:
    optimization.gates["triage"] = asyncio.Event()
    socket = await connected(netra)
    await socket.send(DOCUMENTED)
    await socket.send({"type": "stop_processing"})
    *updates, result = await socket.until("agent_result", "error")
    assert updates[-1]["data"]["status"] == "cancelled"
    assert result["data"]["success"] is False


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"type": "optimization_request", "data": {"message": ""}}, "data.message"),
        ({"type": "optimization_request", "data": {}}, "data.message"),
        ({"type": "stop_processing", "data": {"run": "x"}}, "data.run"),
        ({"type": "ping", "surprise": 1}, "surprise"),
        ({"type": "dance"}, "type"),
    ],
)
async def test_N_49_a_wrong_field_is_named_as_the_client_wrote_it(
    netra: Client, frame: dict[str, Any], field: str
) -> None:
    socket = await connected(netra)
    await socket.send(frame)
    error = (await socket.receive())["data"]
    assert error["field"] == field
    assert error["details"] != error["message"]


async def test_N_45_nobody_stops_the_run_of_somebody_else(
    people: People, optimization: ScriptedOptimization
) -> None:
    gate = optimization.gates["data"] = asyncio.Event()
    ann, bob = await connected(people.ann), await connected(people.bob)
    await ann.send(DOCUMENTED)
    run_id = (await ann.receive())["data"]["run_id"]
    await bob.send({"type": "stop_processing", "data": {"run_id": run_id}})
    frame = await bob.receive()  # and nothing of ann's before it
    assert (frame["type"], frame["data"]["code"]) == ("error", "NOT_FOUND")
    gate.set()
    assert (await ann.until("agent_result"))[-1]["data"]["success"] is True


async def test_N_46_N_51_a_ping_is_answered(netra: Client) -> None:
    socket = await connected(netra)
    await socket.send({"type": "ping"})
    pong = await socket.receive()
    assert set(pong) == {"type", "timestamp"}
    assert pong["type"] == "pong"


async def test_N_49_a_run_that_fails_is_one_error_and_the_socket_goes_on(
    netra: Client, engine: ScriptedEngine
) -> None:
    engine.script.insert(0, EngineUnavailable("the model is gone"))
    socket = await connected(netra)
    await socket.send(DOCUMENTED)
    error = (await socket.until("agent_result", "error"))[-1]
    assert error["type"] == "error"
    assert error["timestamp"]
    assert error["data"]["code"] == "PROCESSING_ERROR"
    assert error["data"]["message"].startswith("ReportingSubAgent could not finish")
    assert error["data"]["details"] == "the model is gone"
    await socket.send(DOCUMENTED)
    assert (await socket.until("agent_result"))[-1]["data"]["success"] is True


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "dance"}, "VALIDATION_ERROR"),
        ({"data": {}}, "VALIDATION_ERROR"),
        ({"type": "optimization_request"}, "VALIDATION_ERROR"),
        ({"type": "optimization_request", "data": {"message": ""}}, "VALIDATION_ERROR"),
        ({"type": "optimization_request", "data": {"message": "x" * 10_001}}, "VALIDATION_ERROR"),
        ({"type": "ping", "surprise": 1}, "VALIDATION_ERROR"),
        (
            {
                "type": "optimization_request",
                "data": {"message": "x", "parameters": {"priority": "luck"}},
            },
            "INVALID_REQUEST",
        ),
        ({"type": "stop_processing", "data": {"run_id": "run-789"}}, "NOT_FOUND"),
    ],
)
async def test_N_49_a_message_that_cannot_be_used_is_told_and_the_socket_goes_on(
    netra: Client, frame: dict[str, Any], code: str
) -> None:
    socket = await connected(netra)
    await socket.send(frame)
    error = await socket.receive()
    assert (error["type"], error["data"]["code"]) == ("error", code)
    assert error["data"]["message"]
    assert error["data"]["details"]
    await socket.send({"type": "ping"})
    assert (await socket.receive())["type"] == "pong"


async def test_what_was_asked_for_over_http_is_heard_here(netra: Client) -> None:
    socket = await connected(netra)
    answer = await netra.post("/api/agent/execute", {"message": "Optimize my workload"})
    result = (await socket.until("agent_result"))[-1]
    assert result["data"]["run_id"] == answer.json["run_id"]


async def test_a_run_that_goes_on_is_told_from_its_beginning_after_a_reconnect(
    netra: Client, optimization: ScriptedOptimization
) -> None:
    gate = optimization.gates["data"] = asyncio.Event()
    dropped = await connected(netra)
    await dropped.send(DOCUMENTED)
    first = await dropped.receive()
    dropped.close()
    again = await connected(netra)
    assert await again.receive() == first
    gate.set()
    assert (await again.until("agent_result"))[-1]["data"]["success"] is True


async def test_N_52_a_client_that_leaves_closes_normally(netra: Client) -> None:
    socket = await connected(netra)
    socket.connection.close(1000, "bye")
    assert await closed(socket) == ([], 1000)


async def test_N_53_a_server_that_stops_says_so(netra: Client, jp_serverapp: ServerApp) -> None:
    socket = await connected(netra)
    services_of(jp_serverapp).close_sockets()
    assert await closed(socket) == ([], 1001)


async def test_N_54_N_56_a_frame_that_breaks_the_protocol_closes_1002(netra: Client) -> None:
    socket = await connected(netra)
    await stream_of(socket).write(b"\xf1\x80\x00\x00\x00\x00")  # reserved bits
    assert await closed(socket) == ([], 1002)


async def test_N_55_bytes_close_1003(netra: Client) -> None:
    socket = await connected(netra)
    await socket.connection.write_message(b'{"type": "ping"}', binary=True)
    (frame,), code = await closed(socket)
    assert (frame["data"]["message"], code) == ("send JSON as text", 1003)


async def test_N_57_text_that_is_no_utf_8_closes_1007(netra: Client) -> None:
    socket = await connected(netra)
    await stream_of(socket).write(b"\x81\x81\x00\x00\x00\x00\xff")
    assert await closed(socket) == ([], 1007)


async def test_N_58_a_credential_that_is_not_for_this_closes_1008(
    people: People, client: Client
) -> None:
    token = people.ann.headers["Authorization"].split()[-1]
    key = await client.holding(token).post("/v1/auth/keys", {"name": "r", "scopes": ["read"]})
    socket = await people.ann.holding(key.json["api_key"]).socket("/ws")
    (frame,), code = await closed(socket)
    assert (frame["data"]["code"], code) == ("FORBIDDEN", 1008)


async def test_N_59_a_message_that_is_too_big_closes_1009(netra: Client) -> None:
    socket = await connected(netra)
    await socket.connection.write_message("x" * (1024 * 1024 + 1))
    assert await closed(socket) == ([], 1009)


async def test_N_60_our_own_mistake_closes_1011(
    netra: Client, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("secret")

    socket = await connected(netra)
    monkeypatch.setattr(core.agents, "ensure", broken)
    await socket.send(DOCUMENTED)
    (frame,), code = await closed(socket)
    assert (frame["data"]["code"], code) == ("INTERNAL_ERROR", 1011)
    assert "secret" not in str(frame)


@pytest.mark.parametrize("credential", [None, "nonsense", "nba_wrong"])
async def test_N_61_a_wrong_credential_closes_4000(netra: Client, credential: str | None) -> None:
    query = {"token": credential} if credential else {}
    socket = await netra.holding(None).socket("/ws", query=query)
    (frame,), code = await closed(socket)
    assert (frame["type"], frame["data"]["code"], code) == ("error", "UNAUTHORIZED", 4000)


async def test_N_62_an_expired_token_closes_4001(
    people: People, core: Core, jp_serverapp: ServerApp
) -> None:
    gatekeeper = services_of(jp_serverapp).ready()[1]
    ann = await core.users.find("ann")
    assert ann is not None
    login = await core.logins.start(ann, dialect="netra", lifetime_s=60)
    claims = {
        "sub": ann.id,
        "sid": login.id,
        "aud": "notebook-agents",
        "epo": login.token_epoch,
        "dlt": "netra",
    }
    token = gatekeeper.tokens.sign(claims, until=datetime.now(UTC) - timedelta(minutes=5))
    socket = await people.nobody.socket("/ws", query={"token": token})
    (frame,), code = await closed(socket)
    assert (frame["data"]["message"], code) == ("the token has expired; log in again", 4001)


@pytest.mark.parametrize("message", ["no json", '{"type": ', ""])
async def test_N_63_what_is_no_json_closes_4002(netra: Client, message: str) -> None:
    socket = await connected(netra)
    await socket.connection.write_message(message)
    (frame,), code = await closed(socket)
    assert (frame["type"], code) == ("error", 4002)


class TestLimits:
    """With the document's numbers."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {}

    async def test_N_64_N_70_more_than_30_messages_a_minute_close_4003(self, netra: Client) -> None:
        socket = await connected(netra)
        for _ in range(31):
            await socket.send({"type": "ping"})
        frames, code = await closed(socket)
        assert [frame["type"] for frame in frames] == ["pong"] * 30 + ["error"]
        assert (frames[-1]["data"]["code"], code) == ("RATE_LIMITED", 4003)


class TestHeartbeat:
    """With heartbeats that come often."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"heartbeat_s": 0.05, "rate_limiting": False}

    async def test_N_65_a_token_that_was_revoked_ends_the_socket(self, people: People) -> None:
        socket = await connected(people.ann)
        assert (await people.ann.post("/api/auth/logout")).status == 200
        (frame,), code = await closed(socket)
        assert (frame["data"]["code"], code) == ("UNAUTHORIZED", 4000)
