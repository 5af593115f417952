"""Tektra: conversations, row by row of the document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine, call
from notebook_agents_server.dialects import tektra
from notebook_agents_server.testing import Client

MakeAgent = Callable[..., Awaitable[str]]
EXAMPLES = Path(tektra.__file__).parent / "examples"


def example(name: str) -> dict[str, Any]:
    return dict(json.loads((EXAMPLES / f"{name}.json").read_bytes()))


async def owner_of(core: Core) -> Actor:
    owner, _ = await core.users.ensure_owner("unused-password")
    return Actor(user_id=owner.id, username=owner.username, is_admin=True)


async def test_t23_t24_t26_the_documents_request_is_answered(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    engine.script = ["I'd be happy to help"]
    agent_id = await make_agent()
    answer = await tektra.post(
        f"/v1/agents/{agent_id}/conversations", example("start_conversation_request")
    )
    assert answer.status == 201
    documented = example("start_conversation_response")
    assert set(documented) <= set(answer.json)
    assert answer.json["message"] == "I'd be happy to help"
    assert answer.json["status"] == "completed"
    assert answer.json["agent_id"] == agent_id
    assert answer.json["conversation_id"].startswith("conv_")
    assert answer.json["processing_time_ms"] > 0
    usage = answer.json["token_usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


async def test_t24_the_context_is_kept_with_the_conversation(
    tektra: Client, make_agent: MakeAgent, core: Core
) -> None:
    body = example("start_conversation_request")
    answer = await tektra.post(f"/v1/agents/{await make_agent()}/conversations", body)
    actor = await owner_of(core)
    page = await core.conversations.list(actor)
    assert answer.json["conversation_id"].endswith(page.items[0].id.replace("-", ""))
    assert page.items[0].context == body["context"]


async def test_t25_an_attachment_reaches_the_model(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    body = example("start_conversation_request")
    await tektra.post(f"/v1/agents/{await make_agent()}/conversations", body)
    sent = repr(engine.requests[0].messages)
    assert "def fibonacci" in sent


async def test_t27_t35_tools_used_are_objects_in_the_answer_and_names_in_the_history(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    engine.script = [call("python_executor", code="6*7"), "It is 42"]
    agent_id = await make_agent(tools=["python_executor"])
    answer = await tektra.post(f"/v1/agents/{agent_id}/conversations", {"message": "6*7?"})
    (used,) = answer.json["tools_used"]
    assert (used["tool"], used["result"]) == ("python_executor", "ran: 6*7")
    assert used["execution_time_ms"] >= 0
    history = await tektra.get(f"/v1/conversations/{answer.json['conversation_id']}")
    assert [message.get("tools_used") for message in history.json["messages"]] == [
        None,
        ["python_executor"],
    ]
    assert history.json["messages"][1]["content"] == "It is 42"


async def test_t28_a_follow_up_continues_with_the_history(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    start = await tektra.post(f"/v1/agents/{await make_agent()}/conversations", {"message": "one"})
    conversation_id = start.json["conversation_id"]
    body = {"message": "two", "attachments": [{"type": "code", "content": "x = 1"}]}
    answer = await tektra.post(f"/v1/conversations/{conversation_id}/messages", body)
    assert answer.status == 200
    assert set(answer.json) == set(start.json)
    assert answer.json["conversation_id"] == conversation_id
    users = [m.text for m in engine.requests[1].messages if m.role == "user"]
    assert users[0] == "one"
    assert "two" in users[1]


async def test_t28_a_follow_up_has_no_context(tektra: Client, make_agent: MakeAgent) -> None:
    start = await tektra.post(f"/v1/agents/{await make_agent()}/conversations", {"message": "one"})
    path = f"/v1/conversations/{start.json['conversation_id']}/messages"
    answer = await tektra.post(path, {"message": "two", "context": {}})
    assert (answer.status, answer.json["error"]["details"]["field"]) == (400, "context")


async def test_t29_the_history_has_the_documented_fields(
    tektra: Client, make_agent: MakeAgent
) -> None:
    agent_id = await make_agent()
    start = await tektra.post(f"/v1/agents/{agent_id}/conversations", {"message": "one"})
    conversation_id = start.json["conversation_id"]
    await tektra.post(f"/v1/conversations/{conversation_id}/messages", {"message": "two"})
    answer = await tektra.get(f"/v1/conversations/{conversation_id}")
    assert set(example("conversation_history_response")) <= set(answer.json)
    assert answer.json["message_count"] == 4
    roles = [(m["role"], m["content"]) for m in answer.json["messages"]]
    assert roles == [
        ("user", "one"),
        ("assistant", "You said: one"),
        ("user", "two"),
        ("assistant", "You said: two"),
    ]
    assert all(m["id"].startswith("msg_") for m in answer.json["messages"])


async def test_t69_a_model_that_cannot_answer_is_model_unavailable(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    engine.script = [EngineUnavailable("the worker died")]
    answer = await tektra.post(f"/v1/agents/{await make_agent()}/conversations", {"message": "x"})
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (503, "MODEL_UNAVAILABLE")
    assert error["message"] == "the worker died"


async def test_t62_an_unknown_failure_is_an_internal_error_without_its_text(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine
) -> None:
    engine.script = [RuntimeError("/secret/path")]
    answer = await tektra.post(f"/v1/agents/{await make_agent()}/conversations", {"message": "x"})
    assert (answer.status, answer.json["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert b"/secret/path" not in answer.body


async def test_a_run_that_is_cancelled_meanwhile_answers_failed_with_what_there_was(
    tektra: Client, make_agent: MakeAgent, engine: ScriptedEngine, core: Core
) -> None:
    engine.gate = asyncio.Event()
    engine.script = ["one two three"]
    request = core.spawn(
        tektra.post(f"/v1/agents/{await make_agent()}/conversations", {"message": "x"}),
        name="request",
    )
    actor = await owner_of(core)
    async for event in core.runs.watch(actor):
        if event.type == "text_delta":
            await core.runs.cancel(actor, event.run_id)
            break
    answer = await request
    assert answer.status == 201
    assert (answer.json["status"], answer.json["message"]) == ("failed", "one")


@pytest.mark.parametrize("verb_path", [("GET", ""), ("POST", "/messages")])
async def test_t60_an_unknown_conversation_is_not_found(
    tektra: Client, verb_path: tuple[str, str]
) -> None:
    verb, path = verb_path
    body = {"message": "x"} if verb == "POST" else None
    answer = await tektra.ask(verb, f"/v1/conversations/conv_xyz789{path}", body)
    assert (answer.status, answer.json["error"]["code"]) == (404, "CONVERSATION_NOT_FOUND")


async def test_t68_a_conversation_with_an_unknown_agent_is_agent_not_found(
    tektra: Client,
) -> None:
    answer = await tektra.post("/v1/agents/agent_abc123/conversations", {"message": "x"})
    assert (answer.status, answer.json["error"]["code"]) == (404, "AGENT_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"message": ""}, "message"),
        ({"message": "x", "attachments": [{"type": "video", "content": ""}]}, "attachments.0.type"),
        ({"message": "x", "context": {"colour": 1}}, "context.colour"),
    ],
)
async def test_a_wrong_message_is_refused_by_field(
    tektra: Client, make_agent: MakeAgent, body: dict[str, Any], field: str
) -> None:
    answer = await tektra.post(f"/v1/agents/{await make_agent()}/conversations", body)
    assert (answer.status, answer.json["error"]["details"]["field"]) == (400, field)
