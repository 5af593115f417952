"""On the same scripts our loop holds the same conversation as pydantic-ai's own loop.

Both are given what a model says at each step, and the same tools; compared is what the model was
shown in the end: roles, calls and results in order, which results were errors, and the answer.
Texts of errors are each loop's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.messages import ToolCallPart as TheirCall
from pydantic_ai.models.function import AgentInfo, FunctionModel

from notebook_agents.core.core import Core
from notebook_agents.core.messages import Message, ToolCallPart
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedTools, call

Script = Sequence[str | Sequence[ToolCallPart]]
Turn = tuple[str, Any]
ANN = Actor(user_id="ann", username="ann")


def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


def fail(reason: str) -> str:
    """Fail."""
    raise ModelRetry(reason)


SCRIPTS: dict[str, Script] = {
    "an answer at once": ["Hello"],
    "one call": [[call("add", "1", a=1, b=2)], "It is 3"],
    "two calls in one step": [[call("add", "1", a=1, b=2), call("add", "2", a=3, b=4)], "3 and 7"],
    "calls one after the other": [
        [call("add", "1", a=1, b=2)],
        [call("add", "2", a=3, b=3)],
        "It is 6",
    ],
    "a failing tool is told": [[call("fail", "1", reason="no")], "It failed"],
    "wrong arguments are told": [[call("add", "1", a=1)], [call("add", "2", a=1, b=1)], "2"],
    "an unknown tool is told": [[call("hammer", "1", x=1)], "I cannot"],
    "good and bad calls in one step": [
        [call("add", "1", a=1, b=2), call("fail", "2", reason="no"), call("add", "3", a=2, b=2)],
        "Partly",
    ],
}


def our_turns(messages: Sequence[Message]) -> list[Turn]:
    turns: list[Turn] = []
    for message in messages:
        if message.role == "tool":
            results = [
                (r.call_id, r.name, r.is_error, None if r.is_error else r.content)
                for r in message.tool_results
            ]
            turns.append(("tool", results))
        elif message.tool_calls:
            turns.append(("calls", [(c.call_id, c.name, c.arguments) for c in message.tool_calls]))
        else:
            turns.append((message.role, message.text))
    return turns


def their_turns(messages: Sequence[ModelMessage]) -> list[Turn]:
    turns: list[Turn] = []
    for message in messages:
        results: list[Any] = []
        calls: list[Any] = []
        for part in message.parts:
            match part:
                case UserPromptPart():
                    turns.append(("user", part.content))
                case TextPart():
                    turns.append(("assistant", part.content))
                case TheirCall():
                    calls.append((part.tool_call_id, part.tool_name, part.args_as_dict()))
                case ToolReturnPart():
                    is_error = part.outcome != "success"
                    shown = None if is_error else part.content
                    results.append((part.tool_call_id, part.tool_name, is_error, shown))
                case RetryPromptPart():
                    results.append((part.tool_call_id, part.tool_name, True, None))
        turns += [("calls", calls)] if calls else []
        turns += [("tool", results)] if results else []
    return turns


async def run_theirs(script: Script) -> list[Turn]:
    steps = iter(script)

    def answer(_messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        step = next(steps)
        if isinstance(step, str):
            return ModelResponse(parts=[TextPart(step)])
        return ModelResponse(
            parts=[TheirCall(c.name, c.arguments, tool_call_id=c.call_id) for c in step]
        )

    agent = Agent(FunctionModel(answer), tools=[add, fail], retries=3)
    result = await agent.run("go")
    assert all(isinstance(m, ModelRequest | ModelResponse) for m in result.all_messages())
    return their_turns(result.all_messages())


@pytest.mark.parametrize("name", SCRIPTS)
async def test_both_loops_hold_the_same_conversation(
    name: str, make_core: Callable[..., Core], driver: Any
) -> None:
    tools = ScriptedTools({"add": add, "fail": fail})
    core = make_core(*SCRIPTS[name], tools=tools)
    run = await driver.finish(core, "go")
    nodes = await core.conversations.messages(ANN, run.conversation_id)
    await core.aclose()
    assert our_turns([node.message for node in nodes]) == await run_theirs(SCRIPTS[name])
