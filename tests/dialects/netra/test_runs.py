"""Netra's runs over HTTP: execute, status, history; as the document says, at both mounts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.users import OWNER_USERNAME, Actor
from notebook_agents_server.testing import Answer, Client

from .conftest import RESULT, People, ScriptedOptimization

EXECUTE = "/api/agent/execute"
DOCUMENTED = {
    "message": "Optimize my AI workload for cost efficiency",
    "context": {
        "workload_id": "wl-123",
        "parameters": {"priority": "cost", "constraints": ["gpu_memory", "latency"]},
    },
}


async def finished(client: Client, core: Core, **body: Any) -> Answer:
    """The status of a run that has ended."""
    answer = await client.post(EXECUTE, {"message": "Optimize my workload"} | body)
    assert answer.status == 200, answer.body
    await ended(core, answer.json["run_id"])
    return await client.get(f"/api/agent/status/{answer.json['run_id']}")


async def ended(core: Core, run_id: str) -> None:
    owner = await core.users.find(OWNER_USERNAME)
    assert owner is not None
    admin = Actor(user_id=owner.id, username=owner.username, is_admin=True)
    hex = run_id.removeprefix("run-")
    id = f"{hex[:8]}-{hex[8:12]}-{hex[12:16]}-{hex[16:20]}-{hex[20:]}"
    await core.runs.wait(admin, id)


def error_of(answer: Answer) -> dict[str, Any]:
    """The error of an answer, once its shape is the documented one."""
    body = answer.json
    assert set(body) == {"error", "request_id"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert answer.headers["X-Request-ID"] == body["request_id"]
    return dict(body["error"])


async def test_N_13_N_14_N_15_execute_answers_that_it_is_processed(
    netra: Client, core: Core, optimization: ScriptedOptimization
) -> None:
    answer = await netra.post(EXECUTE, DOCUMENTED)
    assert answer.status == 200
    assert set(answer.json) == {"run_id", "thread_id", "status", "created_at"}
    assert answer.json["run_id"].startswith("run-")
    assert answer.json["thread_id"].startswith("thread-")
    assert answer.json["status"] == "processing"
    assert answer.json["created_at"].endswith("Z")
    await ended(core, answer.json["run_id"])
    (task,) = optimization.tasks
    assert task.message == DOCUMENTED["message"]
    assert task.parameters == {
        "workload_id": "wl-123",
        "priority": "cost",
        "constraints": ["gpu_memory", "latency"],
    }


async def test_N_14_a_request_continues_a_thread(
    netra: Client, core: Core, optimization: ScriptedOptimization
) -> None:
    first = await finished(netra, core)
    thread_id = first.json["thread_id"]
    second = await finished(netra, core, message="And now?", thread_id=thread_id)
    assert second.json["thread_id"] == thread_id
    assert [m.text for m in optimization.tasks[1].history] == [
        "Optimize my workload",
        "Use A100 GPUs.",
        "And now?",
    ]


async def test_N_14_a_budget_is_a_parameter_here_too(
    netra: Client, core: Core, optimization: ScriptedOptimization
) -> None:
    await finished(netra, core, context={"parameters": {"budget": 10000}})
    assert optimization.tasks[0].parameters == {"budget": 10000}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"no json", 400, "INVALID_REQUEST"),
        ({**DOCUMENTED, "context": {"parameters": {"priority": "luck"}}}, 400, "INVALID_REQUEST"),
        ({**DOCUMENTED, "context": {"workload_id": "wl-unknown"}}, 404, "NOT_FOUND"),
        ({**DOCUMENTED, "thread_id": "thread-" + "0" * 32}, 404, "NOT_FOUND"),
        ({**DOCUMENTED, "thread_id": "thread-456"}, 404, "NOT_FOUND"),
        ({}, 422, "VALIDATION_ERROR"),
        ({"message": ""}, 422, "VALIDATION_ERROR"),
        ({"message": " "}, 422, "VALIDATION_ERROR"),
        ({"message": 1}, 422, "VALIDATION_ERROR"),
        ({**DOCUMENTED, "surprise": 1}, 422, "VALIDATION_ERROR"),
        ({**DOCUMENTED, "context": {"parameters": {"budget": "much"}}}, 422, "VALIDATION_ERROR"),
    ],
)
async def test_N_16_N_78_what_cannot_be_executed_is_refused_and_named(
    netra: Client, core: Core, body: Any, status: int, code: str
) -> None:
    answer = await netra.post(EXECUTE, body)
    assert (answer.status, error_of(answer)["code"]) == (status, code)
    if status == 422:
        assert error_of(answer)["details"]["field"]
    assert (await netra.get("/api/agent/history")).json["total"] == 0


async def test_N_18_N_80_our_own_mistake_is_a_500_that_tells_nothing(
    netra: Client, core: Core, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(core.agents, "ensure", broken)
    answer = await netra.post(EXECUTE, DOCUMENTED)
    assert (answer.status, error_of(answer)["code"]) == (500, "INTERNAL_ERROR")
    assert b"secret" not in answer.body
    assert answer.json["request_id"] in caplog.text


async def test_N_19_a_finished_run_has_its_result(netra: Client, core: Core) -> None:
    answer = await finished(netra, core)
    assert answer.status == 200
    run = answer.json
    assert run["status"] == "completed"
    assert run["result"] == RESULT
    assert run["message"] == "Use A100 GPUs."
    assert run["error"] is None
    assert run["started_at"] <= run["completed_at"]


async def test_N_19_a_run_that_goes_on_has_none_yet(
    netra: Client, core: Core, optimization: ScriptedOptimization
) -> None:
    gate = optimization.gates["data"] = asyncio.Event()
    started = await netra.post(EXECUTE, DOCUMENTED)
    run = (await netra.get(f"/api/agent/status/{started.json['run_id']}")).json
    assert (run["status"], run["result"], run["completed_at"]) == ("processing", None, None)
    gate.set()
    await ended(core, run["run_id"])


async def test_N_19_a_failed_run_says_why(
    netra: Client, core: Core, optimization: ScriptedOptimization
) -> None:
    optimization.failure = InvalidRequest("the workload has no rows")
    run = (await finished(netra, core)).json
    assert (run["status"], run["result"]) == ("failed", None)
    assert run["error"] == {"code": "PROCESSING_ERROR", "message": "the workload has no rows"}


async def test_N_20_N_77_an_unknown_run_is_not_found(netra: Client) -> None:
    for id in ("run-789", "run-" + "0" * 32):
        answer = await netra.get(f"/api/agent/status/{id}")
        assert (answer.status, error_of(answer)["code"]) == (404, "NOT_FOUND")
        assert error_of(answer)["message"] == "Run not found"


async def test_N_20_a_run_of_somebody_else_is_not_found(people: People, core: Core) -> None:
    run = (await finished(people.ann, core)).json
    for path in (f"status/{run['run_id']}", f"{run['run_id']}/status", f"{run['run_id']}/state"):
        assert (await people.bob.get(f"/api/agent/{path}")).status == 404
    answer = await people.bob.post(EXECUTE, DOCUMENTED | {"thread_id": run["thread_id"]})
    assert (answer.status, error_of(answer)["message"]) == (404, "Thread not found")
    history = await people.bob.get(f"/api/agent/history?thread_id={run['thread_id']}")
    assert history.json["runs"] == []
    assert (await people.bob.get(f"/api/agent/thread/{run['thread_id']}/runs")).status == 404


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "/execute"),
        ("POST", "/run_agent"),
        ("GET", "/status/run-1"),
        ("GET", "/history"),
        ("GET", "/run-1/status"),
        ("GET", "/run-1/state"),
        ("GET", "/thread/thread-1/runs"),
    ],
)
async def test_N_17_N_21_N_25_N_75_nobody_gets_in(netra: Client, verb: str, path: str) -> None:
    for credential in (None, "nonsense", "eyJhbGciOiJub25lIn0.e30."):
        answer = await netra.holding(credential).ask(verb, f"/api/agent{path}", {"message": "x"})
        assert (answer.status, error_of(answer)["code"]) == (401, "UNAUTHORIZED")


async def test_N_22_N_23_N_24_N_82_N_83_history_is_a_page_of_both_shapes(
    netra: Client, core: Core
) -> None:
    runs = [(await finished(netra, core, message=f"request {n}")).json for n in range(3)]
    history = (await netra.get("/api/agent/history")).json
    assert (history["total"], history["limit"], history["offset"]) == (3, 20, 0)
    assert [row["run_id"] for row in history["runs"]] == [r["run_id"] for r in reversed(runs)]
    assert set(history["runs"][0]) == {"run_id", "thread_id", "status", "message", "created_at"}
    assert history["runs"][0]["message"] == "request 2"
    page = (await netra.get("/api/agent/history?limit=1&offset=1")).json
    assert page["data"] == page["runs"]
    assert [row["message"] for row in page["data"]] == ["request 1"]
    assert page["pagination"] == {"total": 3, "limit": 1, "offset": 1, "has_more": True}
    last = (await netra.get("/api/agent/history?limit=2&offset=2")).json
    assert last["pagination"]["has_more"] is False
    mine = (await netra.get(f"/api/agent/history?thread_id={runs[0]['thread_id']}")).json
    assert [row["run_id"] for row in mine["runs"]] == [runs[0]["run_id"]]
    none = (await netra.get("/api/agent/history?thread_id=thread-456")).json
    assert (none["runs"], none["total"]) == ([], 0)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "offset=-1", "surprise=1"])
async def test_N_78_a_wrong_query_is_named(netra: Client, query: str) -> None:
    for path in ("agent/history", "threads"):
        answer = await netra.get(f"/api/{path}?{query}")
        assert (answer.status, error_of(answer)["code"]) == (422, "VALIDATION_ERROR")
        assert error_of(answer)["details"]["field"] == query.split("=")[0]


async def test_N_39_a_message_has_a_largest_length(netra: Client) -> None:
    answer = await netra.post(EXECUTE, {"message": "x" * 10_001})
    assert (answer.status, error_of(answer)["details"]["field"]) == (422, "message")
    assert (await netra.post(EXECUTE, {"message": "x" * 10_000})).status == 200


async def test_N_74_every_error_has_the_documented_body(netra: Client) -> None:
    answer = await netra.get("/api/agent/nowhere/at/all", X_Request_ID="req-123456")
    assert answer.status == 404
    assert error_of(answer)["code"] == "NOT_FOUND"
    assert answer.json["request_id"] == "req-123456"


async def test_N_76_a_key_that_may_only_read_starts_nothing(
    people: People, client: Client, core: Core
) -> None:
    token = people.ann.headers["Authorization"].split()[-1]
    body = {"name": "reader", "scopes": ["read"]}
    key = await client.holding(token).post("/v1/auth/keys", body)
    assert key.status == 201, key.body
    reader = people.ann.holding(key.json["api_key"])
    assert (await reader.get("/api/agent/history")).status == 200
    answer = await reader.post(EXECUTE, DOCUMENTED)
    assert (answer.status, error_of(answer)["code"]) == (403, "FORBIDDEN")


async def test_N_84_v2_is_another_name_of_api(netra: Client, core: Core) -> None:
    answer = await netra.post("/v2/agent/execute", DOCUMENTED)
    assert answer.status == 200
    await ended(core, answer.json["run_id"])
    assert (await netra.get(f"/v2/agent/status/{answer.json['run_id']}")).status == 200
    assert (await netra.get("/v2/agent/history")).json["total"] == 1
    assert (await netra.get(f"/v2/threads/{answer.json['thread_id']}")).status == 200
    assert (await netra.get("/v2/config")).status == 200
    assert (await netra.get("/v2/nothing")).json["error"]["code"] == "NOT_FOUND"


async def test_N_85_every_answer_names_the_version_of_the_api(netra: Client) -> None:
    answers = [
        await netra.get("/api/threads"),
        await netra.get("/health/ready"),
        await netra.get("/api/agent/status/run-1"),
        await netra.holding(None).get("/api/threads"),
    ]
    assert {answer.headers["X-API-Version"] for answer in answers} == {"2.0.0"}


async def test_older_names_say_the_same(netra: Client, core: Core) -> None:
    body = {"query": "Optimize my workload", "context": DOCUMENTED["context"]}
    started = await netra.post("/api/agent/run_agent", body)
    assert (started.status, started.json["status"]) == (200, "processing")
    run_id, thread_id = started.json["run_id"], started.json["thread_id"]
    await ended(core, run_id)
    status = (await netra.get(f"/api/agent/status/{run_id}")).json
    assert (await netra.get(f"/api/agent/{run_id}/status")).json == status
    assert (await netra.get(f"/api/agent/{run_id}/state")).json == {
        "run_id": run_id,
        "state": status,
    }
    runs = (await netra.get(f"/api/agent/thread/{thread_id}/runs?limit=10")).json
    assert (runs["thread_id"], [r["run_id"] for r in runs["runs"]]) == (thread_id, [run_id])
