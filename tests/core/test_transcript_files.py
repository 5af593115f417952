"""A conversation as a file, and read back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.core.conftest import ANN

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.conversations import StartConversation
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.transcript_files import saved_from_json, transcript_to_json
from notebook_agents.testing import ScriptedEngine, call

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.core.conftest import Driver

    from notebook_agents.core.core import Core


async def test_a_conversation_is_read_back_as_it_was_and_can_go_on(
    make_core: Callable[..., Core], driver: Driver
) -> None:
    core = make_core([call("python_executor", code="1")], "It is 1", "I said 1")
    run = await driver.finish(core, "what is it?")
    transcript = await core.transcripts.get(ANN, run.conversation_id)
    saved = saved_from_json(transcript_to_json(transcript))
    assert saved.title == "what is it?"
    assert saved.models == (run.model,)
    assert [message.role for message in saved.messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]

    wish = StartConversation(agent_id=run.agent_id, title=saved.title)
    again = await core.transcripts.begin(ANN, wish, saved.messages)
    nodes = await core.conversations.messages(ANN, again.id)
    assert tuple(node.message for node in nodes) == saved.messages
    assert again.message_count == 4
    assert again.workspace != transcript.conversation.workspace
    await driver.finish(core, "what did you say?", conversation_id=again.id)
    roles = await driver.roles(core, await core.runs.get(ANN, run.id))
    assert roles == ["user", "assistant", "tool", "assistant"], "the first one is untouched"


async def test_a_conversation_of_no_messages_is_empty(make_core: Callable[..., Core]) -> None:
    core = make_core()
    agent = await core.agents.ensure(ANN, CreateAgent(name="a"))
    begun = await core.transcripts.begin(ANN, StartConversation(agent_id=agent.id), ())
    assert await core.conversations.messages(ANN, begun.id) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}", "not a conversation saved by"),
        (b"# Markdown", "not a conversation saved by"),
        (b'{"format": "notebook-agents conversation", "version": 9}', "version"),
        (
            b'{"format": "notebook-agents conversation", "messages": [{"role": "king"}]}',
            "messages.0.role",
        ),
        (b'{"format": "notebook-agents conversation"', "not a whole conversation"),
    ],
)
def test_another_file_is_refused_with_what_is_wrong(content: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        saved_from_json(content)


async def test_every_run_of_this_process_is_stopped_and_no_other(
    make_closed_core: Callable[..., Core], driver: Driver
) -> None:
    engine = ScriptedEngine("one two three", "four five six")
    engine.gate = asyncio.Event()
    core = make_closed_core(engine=engine)
    runs = [await driver.start(core, "a"), await driver.start(core, "b")]
    stopped = await core.runs.cancel_here(ANN)
    assert {run.id for run in stopped} == {run.id for run in runs}
    assert {run.state for run in stopped} == {"cancelled"}
    assert await core.runs.cancel_here(ANN) == []
