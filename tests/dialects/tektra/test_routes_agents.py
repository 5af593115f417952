"""Tektra: agents, row by row of the document."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_agents_server.dialects import tektra
from notebook_agents_server.testing import Client

MakeAgent = Callable[..., Awaitable[str]]
EXAMPLES = Path(tektra.__file__).parent / "examples"
HERE = {"model": "other/model", "tools": ["python_executor"]}
"""The document's model and tools are not those of this deployment."""


def example(name: str) -> dict[str, Any]:
    return dict(json.loads((EXAMPLES / f"{name}.json").read_bytes()))


async def test_t06_t07_t08_t11_t56_the_documents_request_makes_an_agent(tektra: Client) -> None:
    answer = await tektra.post("/v1/agents", example("create_agent_request") | HERE)
    assert answer.status == 201
    assert set(example("create_agent_response")) <= set(answer.json)
    assert answer.json["status"] == "created"
    assert answer.json["agent_id"].startswith("agent_")
    assert answer.json["created_at"].endswith("Z")


async def test_t09_t10_capabilities_are_booleans_and_usage_numbers(tektra: Client) -> None:
    answer = await tektra.post("/v1/agents", {"name": "a", "tools": ["python_executor"]})
    assert answer.json["capabilities"] == {
        "text_generation": True,
        "code_execution": True,
        "vision": False,
        "tool_use": True,
    }
    usage = answer.json["resource_usage"]
    assert usage == {"memory_mb": 4.0, "cpu_percent": 0.0, "gpu_memory_mb": 0.0}


async def test_t12_t16_t18_the_list_has_the_documented_fields(
    tektra: Client, make_agent: MakeAgent
) -> None:
    first, second = await make_agent(name="one"), await make_agent(name="two")
    answer = await tektra.get("/v1/agents")
    documented = example("list_agents_response")
    assert set(documented) <= set(answer.json)
    assert set(documented["agents"][0]) <= set(answer.json["agents"][0])
    assert [row["agent_id"] for row in answer.json["agents"]] == [second, first]
    page = {key: answer.json[key] for key in ("total", "limit", "offset")}
    assert page == {"total": 2, "limit": 50, "offset": 0}


async def test_t17_a_limit_above_200_is_cut_and_below_0_refused(tektra: Client) -> None:
    assert (await tektra.get("/v1/agents?limit=1000")).json["limit"] == 200
    answer = await tektra.get("/v1/agents?limit=-1")
    assert answer.status == 400
    assert answer.json["error"]["details"]["field"] == "limit"


async def test_t18_offset_skips(tektra: Client, make_agent: MakeAgent) -> None:
    first = await make_agent(name="one")
    await make_agent(name="two")
    answer = await tektra.get("/v1/agents?limit=1&offset=1")
    assert [row["agent_id"] for row in answer.json["agents"]] == [first]
    assert answer.json["total"] == 2


@pytest.mark.parametrize("status", ["created", "active", "idle", "inactive", "error"])
async def test_t13_every_status_is_a_filter(tektra: Client, status: str) -> None:
    assert (await tektra.get(f"/v1/agents?status={status}")).json["agents"] == []


async def test_t13_an_agent_that_answered_is_active_and_one_set_aside_inactive(
    tektra: Client, make_agent: MakeAgent
) -> None:
    used, aside = await make_agent(name="used"), await make_agent(name="aside")
    await tektra.post(f"/v1/agents/{used}/conversations", {"message": "hi"})
    assert (await tektra.put(f"/v1/agents/{aside}", {"status": "inactive"})).status == 200
    for status, expected in (("active", used), ("inactive", aside)):
        answer = await tektra.get(f"/v1/agents?status={status}")
        assert [row["agent_id"] for row in answer.json["agents"]] == [expected]
    assert answer.json["agents"][0]["last_used"] is None


async def test_t13_an_unknown_status_names_the_field(tektra: Client) -> None:
    answer = await tektra.get("/v1/agents?status=sleepy")
    assert answer.status == 400
    assert answer.json["error"]["details"]["field"] == "status"


async def test_t14_t15_model_and_security_level_are_filters(
    tektra: Client, make_agent: MakeAgent
) -> None:
    await make_agent(name="plain")
    chosen = await make_agent(name="chosen", model="other/model", security_level="low")
    for query in ("model=other/model", "security_level=low"):
        answer = await tektra.get(f"/v1/agents?{query}")
        assert [row["agent_id"] for row in answer.json["agents"]] == [chosen]


async def test_an_unknown_query_parameter_is_named(tektra: Client) -> None:
    answer = await tektra.get("/v1/agents?colour=red")
    assert answer.status == 400
    assert answer.json["error"]["details"] == {"field": "colour", "reason": "unknown field"}


async def test_t19_t20_t55_details_have_the_documented_fields_and_statistics(
    tektra: Client, make_agent: MakeAgent
) -> None:
    agent_id = await make_agent(description="d", system_prompt="p", tools=["python_executor"])
    await tektra.post(f"/v1/agents/{agent_id}/conversations", {"message": "one two three"})
    answer = await tektra.get(f"/v1/agents/{agent_id}")
    documented = example("get_agent_response")
    assert set(documented) <= set(answer.json)
    assert set(documented["statistics"]) == set(answer.json["statistics"])
    assert answer.json["statistics"]["total_requests"] == 1
    assert answer.json["statistics"]["successful_requests"] == 1
    assert answer.json["statistics"]["error_rate"] == 0
    assert answer.json["statistics"]["total_tokens_processed"] > 0
    assert (answer.json["system_prompt"], answer.json["tools"]) == ("p", ["python_executor"])


async def test_every_written_form_of_an_id_is_understood(
    tektra: Client, make_agent: MakeAgent
) -> None:
    agent_id = await make_agent()
    bare = agent_id.removeprefix("agent_")
    dashed = f"{bare[:8]}-{bare[8:12]}-{bare[12:16]}-{bare[16:20]}-{bare[20:]}"
    for form in (agent_id, bare, dashed, f"agent-{dashed}"):
        assert (await tektra.get(f"/v1/agents/{form}")).json["agent_id"] == agent_id


async def test_t21_an_update_changes_what_is_given_and_keeps_the_rest(
    tektra: Client, make_agent: MakeAgent
) -> None:
    agent_id = await make_agent(description="kept", security_level="low")
    body = example("update_agent_request") | {"tools": ["python_executor"]}
    answer = await tektra.put(f"/v1/agents/{agent_id}", body)
    assert answer.status == 200
    for key, value in body.items():
        assert answer.json[key] == value
    assert (answer.json["description"], answer.json["security_level"]) == ("kept", "low")
    assert (await tektra.get(f"/v1/agents/{agent_id}")).json["max_memory_mb"] == 4096


async def test_t21_null_is_not_a_value(tektra: Client, make_agent: MakeAgent) -> None:
    answer = await tektra.put(f"/v1/agents/{await make_agent()}", {"description": None})
    assert answer.status == 400
    assert "description" in answer.json["error"]["message"]


async def test_t22_delete_answers_what_was_deleted(tektra: Client, make_agent: MakeAgent) -> None:
    agent_id = await make_agent()
    answer = await tektra.delete(f"/v1/agents/{agent_id}")
    assert answer.status == 200
    assert answer.json["message"] == "Agent deleted successfully"
    assert answer.json["agent_id"] == agent_id
    assert answer.json["deleted_at"].endswith("Z")
    assert (await tektra.get(f"/v1/agents/{agent_id}")).status == 404


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("agent_id", ["agent_abc123", "agent_" + "0" * 32, "%00", "..%2f.."])
async def test_t60_t68_an_unknown_agent_is_agent_not_found(
    tektra: Client, verb: str, agent_id: str
) -> None:
    answer = await tektra.ask(verb, f"/v1/agents/{agent_id}", {} if verb == "PUT" else None)
    assert answer.status == 404
    assert answer.json["error"]["code"] == "AGENT_NOT_FOUND"


async def test_t65_an_unknown_model_is_the_documented_error(tektra: Client) -> None:
    answer = await tektra.post("/v1/agents", example("create_agent_request"))
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (400, "INVALID_REQUEST")
    assert error["details"] == {"field": "model", "reason": "Model not found"}


async def test_t33_t35_an_unknown_tool_names_the_available_ones(tektra: Client) -> None:
    answer = await tektra.post("/v1/agents", {"name": "a", "tools": ["web_search"]})
    assert (answer.status, answer.json["error"]["details"]["field"]) == (400, "tools")
    assert "python_executor" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"tools": "python_executor"}, "tools"),
        ({"max_memory_mb": "2048"}, "max_memory_mb"),
        ({"max_memory_mb": 0}, "max_memory_mb"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"security_level": "none"}, "security_level"),
        ({"metadata": []}, "metadata"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_t57_a_wrong_field_is_named(
    tektra: Client, fields: dict[str, Any], field: str
) -> None:
    answer = await tektra.post("/v1/agents", {"name": "a", **fields})
    assert answer.status == 400
    assert answer.json["error"]["code"] == "INVALID_REQUEST"
    assert answer.json["error"]["details"]["field"] == field


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"name"', b"\xff"])
async def test_t57_what_is_no_json_object_is_refused(tektra: Client, body: bytes) -> None:
    answer = await tektra.ask("POST", "/v1/agents", body)
    assert (answer.status, answer.json["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_t70_more_memory_than_the_machine_has_is_insufficient_resources(
    tektra: Client, make_agent: MakeAgent
) -> None:
    agent_id = await make_agent()
    too_much = {"max_memory_mb": 10**9}
    for answer in (
        await tektra.post("/v1/agents", {"name": "a", **too_much}),
        await tektra.put(f"/v1/agents/{agent_id}", too_much),
    ):
        assert (answer.status, answer.json["error"]["code"]) == (503, "INSUFFICIENT_RESOURCES")


async def test_an_agent_at_a_level_that_cannot_be_enforced_here_is_refused(tektra: Client) -> None:
    answer = await tektra.post("/v1/agents", {"name": "a", "security_level": "high"})
    assert (answer.status, answer.json["error"]["code"]) == (503, "SANDBOX_UNAVAILABLE")


async def test_an_offset_beyond_any_list_is_a_wrong_request(tektra: Client) -> None:
    answer = await tektra.get("/v1/agents?offset=99999999999999999999999")
    assert (answer.status, answer.json["error"]["details"]["field"]) == (400, "offset")
