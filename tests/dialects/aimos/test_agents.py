"""AIMOS, Agent Management APIs: each row of the document, both mounts."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from notebook_agents.core.core import Core
from notebook_agents_server.testing import Client

from .conftest import MakeAgent, People

CUSTOM = {
    "name": "CustomBot",
    "role": "Custom Analysis",
    "description": "Performs custom business analysis tasks",
}
KEYS = {
    "id",
    "name",
    "role",
    "description",
    "status",
    "created_at",
    "last_execution",
    "success_rate",
    "total_executions",
    "successful_executions",
}


async def execute(api: Client, **body: Any) -> str:
    """Execute and wait for the end."""
    answer = await api.post("/execute", body)
    assert answer.status == 200, answer.body
    id = str(answer.json["execution_id"])
    async with asyncio.timeout(60):
        while True:
            rows = (await api.get("/executions?limit=1000")).json
            if all(row["status"] != "started" for row in rows if row["execution_id"] == id):
                return id


async def test_O_13_agents_are_a_list_with_the_documented_keys(
    api: Client, make_agent: MakeAgent
) -> None:
    id = await make_agent()
    (agent,) = (await api.get("/agents")).json
    assert set(agent) == KEYS
    assert agent["id"] == id == str(uuid.UUID(id))
    assert agent["created_at"].endswith("Z")


async def test_O_14_skip_and_limit_page_through_agents_newest_first(
    api: Client, make_agent: MakeAgent
) -> None:
    for name in ("one", "two", "three"):
        await make_agent(name)
    answer = await api.get("/agents?skip=1&limit=1")
    assert [agent["name"] for agent in answer.json] == ["two"]
    assert answer.headers["X-Total-Count"] == "3"
    assert len((await api.get("/agents?limit=999999")).json) == 3
    for wrong in ("skip=-1", "limit=0", "limit=x", "page=1"):
        refused = await api.get(f"/agents?{wrong}")
        assert refused.status == 400
        assert refused.json["errors"][0]["field"] == wrong.split("=")[0]


async def test_O_15_status_filters_agents(api: Client, make_agent: MakeAgent) -> None:
    await make_agent("off", status="inactive")
    await make_agent("on")
    for status, names in (("active", ["on"]), ("inactive", ["off"]), ("error", [])):
        found = (await api.get(f"/agents?status={status}")).json
        assert [agent["name"] for agent in found] == names
    assert (await api.get("/agents?status=busy")).status == 400


async def test_O_16_an_administrator_creates_an_agent(api: Client) -> None:
    answer = await api.post("/agents", CUSTOM)
    assert answer.status == 201
    assert set(answer.json) == KEYS
    assert {key: answer.json[key] for key in CUSTOM} == CUSTOM


async def test_O_16_a_name_is_taken_once(api: Client, make_agent: MakeAgent) -> None:
    await make_agent("CustomBot")
    refused = await api.post("/agents", CUSTOM)
    assert refused.status == 400
    assert refused.json["type"] == "validation_error"
    assert refused.json["errors"] == [{"field": "name", "message": "this name is taken"}]


async def test_O_17_a_new_agent_is_inactive_and_has_done_nothing(api: Client) -> None:
    agent = (await api.post("/agents", CUSTOM)).json
    assert agent["status"] == "inactive"
    assert agent["last_execution"] is None
    assert agent["success_rate"] == 0.0
    assert (agent["total_executions"], agent["successful_executions"]) == (0, 0)


async def test_O_18_one_agent(api: Client, make_agent: MakeAgent) -> None:
    id = await make_agent()
    agent = (await api.get(f"/agents/{id}")).json
    assert (agent["id"], agent["status"]) == (id, "active")
    in_tektras_form = f"agent_{uuid.UUID(id).hex}"
    assert (await api.get(f"/agents/{in_tektras_form}")).json["id"] == id


async def test_O_19_an_administrator_changes_what_is_given(
    api: Client, make_agent: MakeAgent
) -> None:
    id = await make_agent(status="inactive")
    changes = {
        "role": "Enhanced Custom Analysis",
        "description": "Updated description with new capabilities",
        "status": "active",
    }
    answer = await api.put(f"/agents/{id}", changes)
    assert answer.status == 200
    assert {key: answer.json[key] for key in changes} == changes
    assert (await api.put(f"/agents/{id}", {"status": "inactive"})).json["role"] == changes["role"]
    for wrong in ({"status": "busy"}, {"name": "Other"}, {"role": ""}):
        refused = await api.put(f"/agents/{id}", wrong)
        assert refused.status == 400
        assert refused.json["errors"][0]["field"] == next(iter(wrong))


async def test_O_20_an_administrator_deletes_an_agent(api: Client, make_agent: MakeAgent) -> None:
    id = await make_agent()
    answer = await api.delete(f"/agents/{id}")
    assert (answer.status, answer.body) == (204, b"")
    assert (await api.get(f"/agents/{id}")).status == 404
    assert (await api.delete(f"/agents/{id}")).status == 404


async def test_O_58_only_administrators_change_agents(
    people: People, make_agent: MakeAgent
) -> None:
    id = await make_agent()
    refused = [
        await people.ann.post("/agents", CUSTOM),
        await people.ann.put(f"/agents/{id}", {"status": "inactive"}),
        await people.ann.delete(f"/agents/{id}"),
    ]
    for answer in refused:
        assert answer.status == 403
        assert answer.json == {"detail": "Administrative privileges required"}


async def test_O_59_an_agent_that_is_not_there(api: Client, people: People) -> None:
    for asking in (api, people.ann):
        for id in (str(uuid.uuid4()), "no-id"):
            answer = await asking.get(f"/agents/{id}")
            assert (answer.status, answer.json) == (404, {"detail": "Agent not found"})


async def test_everybody_sees_agents_of_aimos_and_nobody_anothers_private_ones(
    people: People, client: Client, make_agent: MakeAgent
) -> None:
    shared = await make_agent("Shared")
    tektra = client.holding(people.ann.headers["Authorization"].removeprefix("Bearer "))
    made = await tektra.post("/v1/agents", {"name": "Private"})
    private = made.json["agent_id"]
    assert [a["name"] for a in (await people.ann.get("/agents")).json] == ["Private", "Shared"]
    assert [a["name"] for a in (await people.bob.get("/agents")).json] == ["Shared"]
    assert (await people.bob.get(f"/agents/{shared}")).status == 200
    assert (await people.bob.get(f"/agents/{private}")).status == 404
    assert (await people.ann.get(f"/agents/{private}")).status == 200


async def test_O_28_executing_counts(
    api: Client, people: People, engine: Any, make_agent: MakeAgent
) -> None:
    id = await make_agent()
    engine.script = ["found savings", RuntimeError("broken"), "found more"]
    for _ in range(3):
        await execute(people.ann)
    agent = (await api.get(f"/agents/{id}")).json
    assert (agent["total_executions"], agent["successful_executions"]) == (3, 2)
    assert agent["success_rate"] == 66.67
    newest = (await people.ann.get("/executions?limit=1")).json[0]
    assert agent["last_execution"] is not None
    assert agent["last_execution"] <= newest["start_time"]
    (listed,) = (await api.get("/agents")).json
    assert listed == agent


async def test_O_75_values_are_measured_not_those_of_the_document(
    api: Client, core: Core, make_agent: MakeAgent
) -> None:
    await make_agent()
    (agent,) = (await api.get("/agents")).json
    assert (agent["success_rate"], agent["total_executions"]) == (0.0, 0)
    status = (await api.get("/system/status")).json
    assert status["total_agents"] == await core.agents.count() == 1
