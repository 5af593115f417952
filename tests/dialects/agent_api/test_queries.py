"""Queries, what they wait for, and the messages and tool calls that they leave."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.testing import ScriptedEngine, call
from notebook_agents_server.testing import Client

from .conftest import DOCUMENTED, asked, made


@pytest.mark.parametrize("mount", ["", "/notebook-agents/agent_api"], ids=["root", "prefix"])
async def test_S_21_S_62_a_query_is_answered_as_documented(
    client: Client, engine: ScriptedEngine, mount: str
) -> None:
    api = client.below(mount)
    engine.script = [call("file_reader", path="/var/log/app.log"), "I'll analyze the logs."]
    # The model in the box is told of no tools but those it was trained on.
    options = DOCUMENTED["sdk_options"] | {"model": "other/model"}
    session = await made(api, sdk_options=options)
    said = await asked(api, session["id"], "Analyze the error logs in /var/log/app.log")
    assert said["session_id"] == session["id"]
    assert said["content"] == {"type": "text", "text": "I'll analyze the logs."}
    (used,) = said["tool_calls"]
    assert used["tool_name"] == "Read", "as the caller called it"
    assert used["tool_input"] == {"path": "/var/log/app.log"}
    assert (used["status"], said["status"], said["pending_approvals"]) == (
        "success",
        "completed",
        [],
    )
    metrics = said["metrics"]
    assert metrics["duration_ms"] > 0
    assert metrics["input_tokens"] > 0
    assert (metrics["output_tokens"], metrics["cost_usd"]) == (5, None)
    messages = (await api.get(f"/api/v1/sessions/{session['id']}/messages")).json
    assert messages["items"][-1]["id"] == said["message_id"]
    assert [schema.name for schema in engine.requests[0].tools] == [
        "file_reader", "file_writer", "shell",
    ]  # fmt: skip


async def test_a_query_waits_for_a_person_and_goes_on_when_allowed(
    api: Client, engine: ScriptedEngine
) -> None:
    engine.script = [
        [call("shell", "c1", command="ls"), call("file_writer", "c2", path="a", content="b")],
        "Done.",
    ]
    session = await made(api)
    at = f"/api/v1/sessions/{session['id']}"
    said = await asked(api, session["id"], "list")
    assert (said["status"], said["content"]["text"]) == ("waiting", "")
    assert [used["status"] for used in said["tool_calls"]] == ["pending", "pending"]
    names = [entry["tool_name"] for entry in said["pending_approvals"]]
    assert names == ["Bash", "Write"]
    assert (await api.get(at)).json["status"] == "waiting"
    pending = (await api.get(f"{at}/approvals")).json
    assert (pending["items"], pending["total"]) == (said["pending_approvals"], 2)
    calls = (await api.get(f"{at}/tool-calls")).json["items"]
    assert [(row["status"], row["tool_output"]) for row in calls] == [("pending", None)] * 2
    busy = await api.post(f"{at}/query", {"message": "more"})
    assert (busy.status, busy.json["error_code"]) == (409, "CONFLICT")
    first, second = (entry["id"] for entry in said["pending_approvals"])
    unknown = {"decisions": [{"id": "nothing", "decision": "allow"}]}
    assert (await api.post(f"{at}/approvals", unknown)).status == 422
    for wrong in ({}, {"decision": "allow", "decisions": []}, {"decision": "maybe"}):
        assert (await api.post(f"{at}/approvals", wrong)).status == 422
    decisions = [
        {"id": first, "decision": "allow"},
        {"id": second, "decision": "deny", "message": "not there"},
    ]
    done = await api.post(f"{at}/approvals", {"decisions": decisions})
    assert (done.status, done.json["status"]) == (200, "completed")
    assert done.json["query_id"] == said["query_id"]
    assert [used["status"] for used in done.json["tool_calls"]] == ["success", "error"]
    results = engine.requests[1].messages[-1].tool_results
    assert results[0].content == "$ ls"
    assert "not there" in results[1].content
    assert (await api.get(at)).json["status"] == "active"
    assert (await api.get(f"{at}/approvals")).json["total"] == 0
    nothing = await api.post(f"{at}/approvals", {"decision": "allow"})
    assert (nothing.status, nothing.json["error_code"]) == (409, "CONFLICT")


MODES = {
    "default": "waiting",
    "acceptEdits": "completed",
    "bypassPermissions": "completed",
    "plan": "completed",
}


async def test_S_11_the_permission_mode_decides_who_is_asked(
    api: Client, engine: ScriptedEngine
) -> None:
    for mode, status in MODES.items():
        engine.script = [call("file_writer", path="a", content="b"), "Done."]
        session = await made(api, sdk_options={"permission_mode": mode})
        said = await asked(api, session["id"])
        assert said["status"] == status, mode
        (used,) = said["tool_calls"]
        assert used["tool_name"] == "Write", "as coding agents call it"
        if status == "completed":
            assert used["status"] == ("error" if mode == "plan" else "success"), mode


async def test_S_11_who_accepts_edits_is_still_asked_about_a_shell(
    api: Client, engine: ScriptedEngine
) -> None:
    engine.script = [call("shell", command="ls"), "Done."]
    session = await made(api, sdk_options={"permission_mode": "acceptEdits"})
    assert (await asked(api, session["id"]))["status"] == "waiting"


async def test_max_turns_and_the_prompt_are_those_of_the_session(
    api: Client, engine: ScriptedEngine
) -> None:
    engine.script = [call("file_reader", path="a"), "never"]
    session = await made(api, sdk_options={"max_turns": 1, "system_prompt": "Be short."})
    said = await asked(api, session["id"])
    assert "Be short." in engine.requests[0].messages[0].text
    assert (said["status"], len(engine.requests)) == ("failed", 1)
    assert "all its 1 model steps" in said["error_message"]
    assert (await api.get(f"/api/v1/sessions/{session['id']}")).json["status"] == "active"


async def test_a_query_that_fails_says_why_and_the_next_one_goes_on(
    api: Client, engine: ScriptedEngine
) -> None:
    engine.script = [EngineUnavailable("the model is gone")]
    session = await made(api)
    at = f"/api/v1/sessions/{session['id']}"
    failed = await api.post(f"{at}/query", {"message": "hello"})
    assert (failed.status, failed.json["error_code"]) == (503, "SERVICE_UNAVAILABLE")
    assert (await api.get("/api/v1/sessions?status=failed")).json["total"] == 1
    assert (await asked(api, session["id"]))["status"] == "completed"
    for wrong in ({}, {"message": " "}, {"message": "x" * 50_001}, {"message": "x", "fork": True}):
        assert (await api.post(f"{at}/query", wrong)).status == 422


async def test_S_69_a_busy_session_takes_no_second_query_and_deletion_ends_the_first(
    api: Client, engine: ScriptedEngine, core: Core
) -> None:
    begun, engine.gate = asyncio.Event(), asyncio.Event()

    def begin(_request: Any) -> str:
        begun.set()
        return "one two three"

    engine.script = [begin]
    session = await made(api)
    at = f"/api/v1/sessions/{session['id']}"
    first = core.spawn(api.post(f"{at}/query", {"message": "long"}), name="a query")
    await begun.wait()
    assert (await api.get(at)).json["status"] == "processing"
    busy = await api.post(f"{at}/query", {"message": "more"})
    assert (busy.status, busy.json["error_code"]) == (409, "CONFLICT")
    assert (await api.post(f"{at}/archive", {})).status == 409
    assert (await api.delete(at)).status == 204
    assert (await first).status in (200, 404), "the answer as far as it came, or no session"


async def test_a_query_that_is_refused_leaves_nothing(api: Client) -> None:
    session = await made(api, sdk_options={"allowed_tools": ["Read"]})
    at = f"/api/v1/sessions/{session['id']}"
    refused = await api.post(f"{at}/query", {"message": '/shell {"command": "ls"}'})
    assert refused.status == 422
    assert "does not have the tool 'shell'" in refused.json["detail"]
    assert (await api.get(at)).json["status"] == "created"
    assert (await api.get(f"{at}/messages")).json["items"] == []


async def test_a_query_that_waits_is_cancelled(api: Client, engine: ScriptedEngine) -> None:
    engine.script = [call("shell", command="ls"), "Hello."]
    session = await made(api)
    at = f"/api/v1/sessions/{session['id']}"
    assert (await asked(api, session["id"]))["status"] == "waiting"
    cancelled = await api.post(f"{at}/cancel")
    assert (cancelled.status, cancelled.json["status"]) == (200, "active")
    assert (await api.post(f"{at}/cancel")).status == 200
    assert (await asked(api, session["id"]))["content"]["text"] == "Hello."
    assert (await api.post(f"{at}/archive", {})).status == 200


async def test_S_26_S_27_messages_are_numbered_and_paged(
    api: Client, engine: ScriptedEngine
) -> None:
    engine.script = [call("file_reader", "c1", path="a"), "Hi there!"]
    session = await made(api)
    await asked(api, session["id"], "Hello")
    at = f"/api/v1/sessions/{session['id']}/messages"
    page = (await api.get(at)).json
    assert (page["total"], page["skip"], page["limit"]) == (4, 0, 100)
    rows = page["items"]
    assert [row["message_type"] for row in rows] == [
        "user",
        "assistant",
        "tool_result",
        "assistant",
    ]
    assert [row["sequence_number"] for row in rows] == [1, 2, 3, 4]
    assert rows[0]["content"]["content"] == "Hello"
    assert (rows[0]["model"], rows[3]["model"]) == (None, "notebook-agents/tiny")
    assert rows[1]["content"]["tool_calls"][0]["tool_name"] == "Read"
    assert rows[2]["content"]["tool_results"][0]["content"] == "content of a"
    assert rows[3]["content"]["content"] == "Hi there!"
    second = (await api.get(f"{at}?skip=1&limit=2")).json
    assert [row["sequence_number"] for row in second["items"]] == [2, 3]
    assert second["links"]["next"].endswith("?skip=3&limit=2")
    assert (await api.get(f"{at}?limit=0")).status == 422


async def test_S_28_tool_calls_have_their_output_and_are_paged(
    api: Client, engine: ScriptedEngine
) -> None:
    engine.script = [
        [call("file_reader", path="test.py"), call("file_reader", path="none")], "Read.",
    ]  # fmt: skip
    session = await made(api)
    await asked(api, session["id"])
    at = f"/api/v1/sessions/{session['id']}/tool-calls"
    page = (await api.get(at)).json
    first, second = page["items"]
    assert (first["tool_name"], first["tool_input"]) == ("Read", {"path": "test.py"})
    assert first["tool_output"] == {"content": "content of test.py"}
    assert (first["status"], first["duration_ms"]) == ("success", 1)
    assert first["created_at"].endswith("Z")
    assert (second["status"], page["total"]) == ("error", 2)
    assert (await api.get(f"{at}?skip=1")).json["items"] == [second]
    fork = (await api.post(f"/api/v1/sessions/{session['id']}/fork", {})).json
    assert (await api.get(f"/api/v1/sessions/{fork['id']}/tool-calls")).json["total"] == 2
