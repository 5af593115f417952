"""Calls that people write into a message, for every model and under the policy."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.core.test_tool_servers import ANN, ROOT, ask, program

from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.policy import DEFAULT_POLICY
from notebook_agents.core.runs import ApprovalDecision, ListRuns
from notebook_agents.testing import FakeToolServers, ScriptedEngine, ScriptedTools, fake_core


def add(a: int = 0, b: int = 0, note: str = "") -> str:
    return f"{note}{a + b}"


@pytest.fixture
async def core(engine: ScriptedEngine, tmp_path: Path) -> AsyncGenerator[Core, None]:
    core = fake_core(engine=engine, home=tmp_path, tools=ScriptedTools({"add": add}))
    yield core
    await core.aclose()


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('/add {"a": 1, "b": 2}', {"a": 1, "b": 2}),
        ('/add {"a": 1,\n "b": 2}\nWhat does it mean?', {"a": 1, "b": 2}),
        ("/add a=1 b=2", {"a": 1, "b": 2}),
        ("  /add a=1 'note=the sum: '\nand then?", {"a": 1, "note": "the sum: "}),
        ("/add", {}),
    ],
)
async def test_a_message_begins_with_the_call_and_the_model_goes_on(
    core: Core, engine: ScriptedEngine, text: str, arguments: dict[str, Any]
) -> None:
    engine.script = ["The sum is known."]
    run = await ask(core, ROOT, text, model="other/model")
    assert run.tool_calls[0].arguments == arguments
    assert run.tool_calls[0].status == "succeeded"
    assert run.text == "The sum is known."
    roles = [message.role for message in engine.requests[0].messages]
    assert roles[-3:] == ["user", "assistant", "tool"]


@pytest.mark.parametrize(
    "text",
    [
        "/tmp is full",
        "/help me",
        "/what if x=1 and y=2",
        "/home/me/a.csv has what?",
        "a /add b",
        "/",
        "7/8",
    ],
)
async def test_a_slash_alone_calls_nothing(core: Core, text: str) -> None:
    run = await ask(core, ROOT, text)
    assert (run.text, run.tool_calls) == (f"You said: {text}", ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/ad a=1", "did you mean /add?"),
        ("/echo__ech text=x", "did you mean /echo__echo?"),
        ("/zzz__yyy x=1", "there are: add, echo__echo"),
        ("/mcp__echo__ech text=x", "did you mean /echo__echo?"),
        (
            "/nosuch x=1 'y=a b'",
            "there are: add, echo__echo; a message for the model begins without",
        ),
        ('/nosuch {"x": 1}', "there is no tool 'nosuch'"),
        ("/add one two", "'one' is no name=value"),
        ("/add {a: 1}", "the JSON cannot be read"),
        ("/add 'a=1", "no closing quotation"),
    ],
)
async def test_what_cannot_be_called_says_what_can_and_leaves_nothing(
    core: Core, text: str, words: str
) -> None:
    await core.tool_servers.register(ROOT, program())
    kept = await ask(core, ROOT, "hello")
    for conversation_id in ("", kept.conversation_id):
        with pytest.raises(InvalidRequest, match=re.escape(words)):
            await ask(core, ROOT, text, conversation_id=conversation_id)
    assert (await core.runs.list(ROOT, ListRuns())).total == 1
    conversations = (await core.conversations.list(ROOT)).items
    assert [c.id for c in conversations] == [kept.conversation_id]
    assert conversations[0].state == "active"
    assert len(await core.conversations.messages(ROOT, kept.conversation_id)) == 2


async def test_the_model_in_the_box_leaves_the_result_as_it_is(
    core: Core, engine: ScriptedEngine
) -> None:
    await core.tool_servers.register(ROOT, program())
    run = await ask(core, ROOT, "/echo__echo text='the raw result'")
    assert "the raw result\n\n(This is the result as it came" in run.text
    assert engine.requests == []
    nodes = await core.conversations.messages(ROOT, run.conversation_id)
    assert [node.message.role for node in nodes] == ["user", "assistant", "tool", "assistant"]
    # The next question of the conversation is one for the model again.
    run = await ask(core, ROOT, "and now?", conversation_id=run.conversation_id)
    assert run.text == "You said: and now?"


async def test_an_explicit_call_is_asked_about_like_any_other(
    core: Core, engine: ScriptedEngine
) -> None:
    await core.tool_servers.register(ROOT, program())
    run = await ask(core, ROOT, "/echo__echo text=hi", policy=DEFAULT_POLICY)
    assert run.state == "waiting_approval"
    pending = run.pending[0].call
    assert (pending.name, pending.arguments) == ("echo__echo", {"text": "hi"})
    decision = ApprovalDecision(call_id=pending.call_id, is_approved=False)
    await core.runs.decide(ROOT, run.id, [decision])
    run = await core.runs.wait(ROOT, run.id)
    assert run.tool_calls[0].status == "denied"
    assert "did not allow" in run.text


async def test_wrong_arguments_are_a_result_that_says_so(core: Core) -> None:
    await core.tool_servers.register(ROOT, program())
    run = await ask(core, ROOT, "/echo__echo words=hi")
    assert (run.tool_calls[0].status, run.tool_calls[0].error_type) == (
        "failed", "INVALID_ARGUMENTS"
    )  # fmt: skip
    assert "expected text" in run.text


async def test_a_run_without_tools_takes_a_slash_for_text(core: Core) -> None:
    assert (await ask(core, ROOT, "/add a=1", tools=())).text == "You said: /add a=1"


@pytest.mark.parametrize("name", ["mcp__echo__echo", "echo__echo"])
async def test_the_names_of_coding_agents_will_do(core: Core, name: str) -> None:
    await core.tool_servers.register(ROOT, program())
    run = await ask(core, ROOT, f"/{name} text=hi")
    assert [(call.name, call.status) for call in run.tool_calls] == [("echo__echo", "succeeded")]


async def test_claude_codes_names_of_our_own_tools_will_do(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    core = fake_core(engine=engine, home=tmp_path, tools=ScriptedTools({"file_reader": add}))
    run = await ask(core, ROOT, "/Read a=1 b=2")
    assert [(call.name, call.content) for call in run.tool_calls] == [("file_reader", "3")]
    await core.aclose()


@pytest.mark.parametrize("wish", [{}, {"tools": ("echo__echo",)}, {"tools": ("echo__*",)}])
async def test_a_call_of_a_tool_that_is_not_there_now_says_why(
    engine: ScriptedEngine, tmp_path: Path, wish: dict[str, Any]
) -> None:
    host = FakeToolServers()
    core = fake_core(engine=engine, home=tmp_path, tool_servers=host)
    server = await core.tool_servers.register(ROOT, program())
    host.failure = "the command was not found"
    with pytest.raises(InvalidRequest, match="server 'Echo' failed: the command was not found"):
        await ask(core, ROOT, "/echo__echo text=x", **wish)
    host.failure = ""
    await core.tool_servers.refresh(ROOT, server.id)
    host.descriptions["echo"] = "Another."
    await core.tool_servers.refresh(ROOT, server.id)
    with pytest.raises(InvalidRequest, match=f"approval.*POST .*/{server.id}/tools/approve"):
        await ask(core, ROOT, "/mcp__echo__echo text=x", **wish)
    await core.aclose()


async def test_the_words_of_a_server_for_everybody_are_for_its_owner(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    host = FakeToolServers()
    host.failure = "a secret path"
    core = fake_core(engine=engine, home=tmp_path, tool_servers=host)
    await core.tool_servers.register(ROOT, program(is_global=True))
    with pytest.raises(InvalidRequest, match=r"^server 'Echo' failed$"):
        await ask(core, ANN, "/echo__echo text=x")
    await core.aclose()
