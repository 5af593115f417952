"""Netra's socket: its messages, and what it tells."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.testing import ScriptedEngine
from notebook_agents_server.testing import Client

from .conftest import DOCUMENTED, RESULT, People, ScriptedOptimization, connected

AGENTS = [
    "TriageSubAgent",
    "DataSubAgent",
    "OptimizationsCoreSubAgent",
    "ActionsToMeetGoalsSubAgent",
    "ReportingSubAgent",
]


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
