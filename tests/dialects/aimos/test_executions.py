"""AIMOS, Execution APIs: each row of the document, both mounts."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor
from notebook_agents.testing import call
from notebook_agents_server.testing import Answer, Client

from .conftest import MakeAgent, People

ROW_KEYS = {
    "id",
    "agent_id",
    "agent_name",
    "status",
    "start_time",
    "end_time",
    "duration_ms",
    "error_message",
}


async def rows_of(api: Client, answer: Answer) -> list[Any]:
    """The rows of an execution once all have ended, newest first."""
    assert answer.status == 200, answer.body
    id = answer.json["execution_id"]
    async with asyncio.timeout(60):
        while True:
            rows = [r for r in (await api.get("/executions")).json if r["execution_id"] == id]
            if rows and all(row["status"] != "started" for row in rows):
                return rows


async def test_O_21_execute_answers_started(api: Client, make_agent: MakeAgent) -> None:
    await make_agent("one")
    await make_agent("two")
    answer = await api.post("/execute", {"parallel": True, "timeout_seconds": 300})
    assert answer.status == 200
    assert set(answer.json) == {
        "execution_id",
        "status",
        "started_at",
        "agent_count",
        "estimated_duration",
    }
    assert answer.json["status"] == "started"
    assert str(uuid.UUID(answer.json["execution_id"])) == answer.json["execution_id"]
    assert datetime.fromisoformat(answer.json["started_at"]).tzinfo is not None
    assert answer.json["agent_count"] == 2
    await rows_of(api, answer)


async def test_O_21_without_history_an_estimate_is_60_seconds_or_30_for_each(
    api: Client, make_agent: MakeAgent
) -> None:
    for name in ("one", "two", "three"):
        await make_agent(name)
    at_once = await api.post("/execute", {"parallel": True})
    assert at_once.json["estimated_duration"] == 60
    await rows_of(api, at_once)
    fourth = await make_agent("four")
    one_by_one = await api.post("/execute", {"parallel": False, "agent_ids": [fourth]})
    assert one_by_one.json["estimated_duration"] == 30
    await rows_of(api, one_by_one)


async def test_O_21_with_history_an_estimate_is_measured(
    api: Client, make_agent: MakeAgent
) -> None:
    await make_agent()
    await rows_of(api, await api.post("/execute"))
    assert (await api.post("/execute")).json["estimated_duration"] == 1


async def test_O_21_an_agent_is_asked_to_carry_out_its_role(
    api: Client, engine: Any, make_agent: MakeAgent
) -> None:
    engine.script = ["Use smaller machines."]
    await make_agent(role="Cost Optimization & Analysis", description="Finds savings")
    (row,) = await rows_of(api, await api.post("/execute"))
    assert row["result"] == "Use smaller machines."
    told, *_, asked = engine.requests[0].messages
    assert (asked.role, asked.text) == ("user", "Finds savings")
    assert told.role == "system"
    assert "Your role: Cost Optimization & Analysis. Carry out the task" in told.text


async def test_O_22_without_ids_all_active_agents_are_executed(
    api: Client, make_agent: MakeAgent
) -> None:
    active = {await make_agent("one"), await make_agent("two")}
    await make_agent("off", status="inactive")
    rows = await rows_of(api, await api.post("/execute"))
    assert {row["agent_id"] for row in rows} == active


async def test_O_22_named_agents_are_executed_once_each(api: Client, make_agent: MakeAgent) -> None:
    one = await make_agent("one")
    await make_agent("two")
    answer = await api.post("/execute", {"agent_ids": [one, one]})
    assert answer.json["agent_count"] == 1
    assert [row["agent_id"] for row in await rows_of(api, answer)] == [one]


async def test_O_22_what_cannot_be_executed_is_refused(api: Client, make_agent: MakeAgent) -> None:
    nobody = await api.post("/execute")
    assert nobody.status == 400
    assert "no active agent" in nobody.json["detail"]
    off = await make_agent("off", status="inactive")
    inactive = await api.post("/execute", {"agent_ids": [off]})
    assert inactive.status == 400
    assert inactive.json["errors"][0]["field"] == "agent_ids"
    assert "not active" in inactive.json["errors"][0]["message"]
    for unknown in (str(uuid.uuid4()), "no-id"):
        missing = await api.post("/execute", {"agent_ids": [unknown]})
        assert (missing.status, missing.json) == (404, {"detail": "Agent not found"})
    assert (await api.post("/execute", {"agent_ids": []})).status == 400
    assert (await api.get("/executions")).json == []


async def test_O_23_parallel_agents_work_at_once(
    api: Client, engine: Any, make_agent: MakeAgent
) -> None:
    both_work = asyncio.Barrier(2)

    async def together(_request: Any) -> str:
        async with asyncio.timeout(60):
            await both_work.wait()
        return "done"

    engine.script = [together, together]
    await make_agent("one")
    await make_agent("two")
    rows = await rows_of(api, await api.post("/execute", {"parallel": True}))
    assert [row["status"] for row in rows] == ["success", "success"]


async def test_O_23_in_sequence_one_agent_works_at_a_time(
    api: Client, engine: Any, make_agent: MakeAgent
) -> None:
    at_work: list[int] = []
    may_work = asyncio.Event()

    async def alone(_request: Any) -> str:
        at_work.append(1)
        assert len(at_work) == 1
        await may_work.wait()
        at_work.pop()
        return "done"

    engine.script = [alone, RuntimeError("broken"), alone]
    for name in ("one", "two", "three"):
        await make_agent(name)
    answer = await api.post("/execute", {"parallel": False})
    waiting = (await api.get("/executions?status=started")).json
    assert len(waiting) == 3, "those that wait for their turn have a row"
    may_work.set()
    rows = await rows_of(api, answer)
    assert sorted(row["status"] for row in rows) == ["failed", "success", "success"]
    by_start = sorted(rows, key=lambda row: str(row["start_time"]))
    ends = [row["end_time"] for row in by_start]
    assert all(end <= row["start_time"] for end, row in zip(ends, by_start[1:], strict=False))


async def test_O_24_the_timeout_is_300_seconds_and_bounds_the_whole_execution(
    api: Client, core: Core, engine: Any, make_agent: MakeAgent
) -> None:
    async def never(_request: Any) -> str:
        await asyncio.Event().wait()
        return ""

    engine.script = [never]
    await make_agent("one")
    await make_agent("two")
    answer = await api.post("/execute", {"parallel": False, "timeout_seconds": 1})
    assert answer.json["estimated_duration"] == 1, "it is never more than the limit"
    rows = await rows_of(api, answer)
    assert [row["status"] for row in rows] == ["failed", "failed"]
    for row in rows:
        assert row["error_message"] == "the execution reached its time limit of 1 s"
    engine.script = [never]
    again = await api.post("/execute")
    owner = await core.users.find("admin")
    assert owner is not None
    actor = Actor(user_id=owner.id, username=owner.username)
    assert (await core.batches.get(actor, again.json["execution_id"])).timeout_s == 300


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timeout_seconds", 0),
        ("timeout_seconds", "5"),
        ("timeout_seconds", 86_401),
        ("parallel", "yes"),
        ("agent_ids", "all"),
        ("message", "hello"),
    ],
)
async def test_O_55_a_wrong_field_is_named(api: Client, field: str, value: Any) -> None:
    answer = await api.post("/execute", {field: value})
    assert answer.status == 400
    assert answer.json["detail"] == "Invalid request data"
    assert answer.json["type"] == "validation_error"
    (error,) = answer.json["errors"]
    assert error["field"] == field
    assert error["message"]


async def test_O_55_every_wrong_field_is_named(api: Client) -> None:
    answer = await api.post("/execute", {"parallel": 1, "timeout_seconds": -1})
    fields = {error["field"] for error in answer.json["errors"]}
    assert fields == {"parallel", "timeout_seconds"}


async def test_O_25_the_log_has_a_row_for_each_agent(
    api: Client, engine: Any, make_agent: MakeAgent
) -> None:
    engine.script = ["fine", RuntimeError("no")]
    id = await make_agent()
    (row,) = await rows_of(api, await api.post("/execute"))
    assert set(row) >= ROW_KEYS
    assert (row["agent_id"], row["agent_name"]) == (id, "CostOptBot")
    assert (row["status"], row["error_message"]) == ("success", None)
    started, ended = (datetime.fromisoformat(row[key]) for key in ("start_time", "end_time"))
    assert row["duration_ms"] == round((ended - started).total_seconds() * 1000)
    (failed,) = await rows_of(api, await api.post("/execute"))
    assert failed["status"] == "failed"
    assert failed["error_message"]
    assert (await api.delete(f"/agents/{id}")).status == 204
    kept = (await api.get("/executions")).json
    assert [row["agent_name"] for row in kept] == ["CostOptBot", "CostOptBot"]


async def test_O_25_a_row_shows_what_its_answer_rests_on(
    api: Client, engine: Any, make_agent: MakeAgent
) -> None:
    code = f"print('{'x' * 600}')"
    engine.script = [call("python_executor", code=code), "Done."]
    await make_agent()
    (row,) = await rows_of(api, await api.post("/execute"))
    assert row["result"] == "Done."
    (used,) = row["tool_calls"]
    assert set(used) == {"tool", "arguments", "result"}
    assert (used["tool"], used["arguments"]) == ("python_executor", {"code": code})
    assert 0 < len(used["result"]) <= 500
    (without,) = await rows_of(api, await api.post("/execute"))
    assert without["tool_calls"] == []


async def test_O_25_other_runs_are_not_in_the_log(
    api: Client, client: Client, make_agent: MakeAgent
) -> None:
    id = await make_agent()
    said = await client.post(f"/v1/agents/{id}/conversations", {"message": "hello"})
    assert said.status == 201, said.body
    assert (await api.get("/executions")).json == []


async def test_O_26_skip_and_limit_page_through_the_log(api: Client, make_agent: MakeAgent) -> None:
    await make_agent()
    executed = []
    for _ in range(3):
        answer = await api.post("/execute")
        executed.append(answer.json["execution_id"])
        await rows_of(api, answer)
    page = await api.get("/executions?skip=1&limit=1")
    assert [row["execution_id"] for row in page.json] == [executed[1]]
    assert page.headers["X-Total-Count"] == "3"
    assert (await api.get("/executions?limit=-5")).status == 400


async def test_O_26_without_a_limit_there_are_50_rows(api: Client, make_agent: MakeAgent) -> None:
    for n in range(26):
        await make_agent(f"agent {n}")
    for _ in range(2):
        await rows_of(api, await api.post("/execute"))
    answer = await api.get("/executions")
    assert (len(answer.json), answer.headers["X-Total-Count"]) == (50, "52")


async def test_O_27_the_log_is_filtered_by_agent_and_status(
    api: Client, engine: Any, make_agent: MakeAgent
) -> None:
    engine.script = ["fine", RuntimeError("no")]
    one, two = await make_agent("one"), await make_agent("two")
    for id in (one, two):
        await rows_of(api, await api.post("/execute", {"agent_ids": [id]}))
    for query, expected in (
        (f"agent_id={one}", [one]),
        ("status=failed", [two]),
        ("status=success", [one]),
        ("status=started", []),
        ("status=error", []),
        (f"agent_id={one}&status=failed", []),
        (f"agent_id={uuid.uuid4()}", []),
    ):
        answer = await api.get(f"/executions?{query}")
        assert [row["agent_id"] for row in answer.json] == expected, query
    assert (await api.get("/executions?status=done")).status == 400


async def test_everybody_executes_and_sees_only_their_own_executions(
    people: People, make_agent: MakeAgent
) -> None:
    await make_agent()
    mine = await people.ann.post("/execute")
    await rows_of(people.ann, mine)
    assert (await people.bob.get("/executions")).json == []
    everybodys = (await people.admin.get("/executions")).json
    assert [row["execution_id"] for row in everybodys] == [mine.json["execution_id"]]


async def test_nobody_executes_anothers_private_agent(people: People, client: Client) -> None:
    tektra = client.holding(people.ann.headers["Authorization"].removeprefix("Bearer "))
    id = (await tektra.post("/v1/agents", {"name": "Private"})).json["agent_id"]
    answer = await people.bob.post("/execute", {"agent_ids": [id]})
    assert (answer.status, answer.json) == (404, {"detail": "Agent not found"})
    assert (await people.ann.put(f"/agents/{id}", {"status": "active"})).status == 403
