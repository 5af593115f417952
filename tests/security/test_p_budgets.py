"""P10, P11: what a run may use up, and calls that no schema knows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.security.obeying import World, make_world

from notebook_agents.core.budgets import MAX_ARGUMENT_BYTES, MAX_CALLS_A_STEP, MAX_DEPTH
from notebook_agents.core.events import SecurityViolation, Warned
from notebook_agents.core.messages import ToolCallPart
from notebook_agents.core.models import GenerateFinished, GenerateRequest, GenerateToolCall
from notebook_agents.core.policy import MODES
from notebook_agents.core.runs import Limits
from notebook_agents.engine.parser import read_call
from notebook_agents.testing import call


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World, None]:
    made = await asyncio.get_running_loop().run_in_executor(None, make_world, tmp_path)
    yield made
    await made.core.aclose()


class Endless:
    """A model that never answers without a call."""

    def __init__(self, *, is_same: bool) -> None:
        self.is_same = is_same
        self.n_asked = 0

    async def __call__(self, request: GenerateRequest) -> Any:
        self.n_asked += 1
        source = "x" if self.is_same else str(self.n_asked)
        yield GenerateToolCall(call=call("file_reader", source=source))
        yield GenerateFinished(finish_reason="tool_calls")


async def test_p10_an_endless_loop_ends_at_its_budget(world: World) -> None:
    world.engine.generate = Endless(is_same=False)  # type: ignore[method-assign]
    run = await world.start(limits=Limits(max_steps=1000, max_tool_calls=7))
    assert (run.state, run.error_code, len(world.done())) == ("failed", "limit_exceeded", 7)
    assert "max_tool_calls" in run.error_message
    run = await world.start()
    assert (run.state, len(world.done())) == ("failed", 7 + 10)


async def test_p10_the_very_same_call_is_not_made_over_and_over(world: World) -> None:
    world.engine.generate = Endless(is_same=True)  # type: ignore[method-assign]
    run = await world.start(limits=Limits(max_steps=9))
    assert len(world.done()) == 3
    assert {each.error_type for each in run.tool_calls[3:]} == {"REPEATED_CALL"}


async def test_p10_ten_thousand_calls_and_fifty_megabytes_are_bounded(world: World) -> None:
    world.engine.first = [call("file_reader", source=str(n)) for n in range(10_000)]
    run = await world.start()
    assert (run.state, len(world.done())) == ("succeeded", MAX_CALLS_A_STEP)
    [warning] = await world.bodies(run, Warned)
    assert warning.code == "calls_left_out"
    world.engine.first = [call("file_reader", source="x" * (50 << 20))]
    run = await world.start()
    assert run.tool_calls[0].error_type == "INVALID_ARGUMENTS"
    assert run.tool_calls[0].arguments == {}
    assert f"{MAX_ARGUMENT_BYTES >> 20} MiB" in run.tool_calls[0].content


async def test_p10_no_more_leaves_than_the_budget_of_bytes(world: World) -> None:
    world.engine.first = [call("webhook", url="https://a.test", body="x" * 600) for _ in range(3)]
    run = await world.start(policy=MODES["full"], limits=Limits(max_bytes_out=1400))
    assert [each.status for each in run.tool_calls] == ["succeeded", "succeeded", "denied"]
    [event] = await world.bodies(run, SecurityViolation)
    assert event.rule == "bytes-out"


MALFORMED: list[ToolCallPart] = [
    call("file_reader", unknown="x"),
    call("../../etc/passwd"),
    call("x" * 100_000),
    call("file_writer", path="a", mode=["x", 1]),
    read_call('{"name": "file_reader", "arguments": ' + "[" * 10_000 + "]" * 10_000 + "}"),
    read_call('{"name": "file_reader", "arguments": [1, 2]}'),
    read_call('{"name": "file_reader", "name": "shell", "arguments": {}, "arguments": {}}'),
    read_call('{"name": "file_reader", "arguments": {"source": "a", "source": "b"}}'),
    read_call('{"name": 7}'),
    read_call("{" * 50_000),
    read_call('{"name": "file_reader", "arguments": {"source": ' + "9" * 100_000 + "}}"),
]


async def test_p11_malformed_calls_are_errors_for_the_model_and_nothing_else(world: World) -> None:
    world.engine.first = list(MALFORMED)
    run = await world.start()
    assert run.state == "succeeded"
    errors = [each.error_type for each in run.tool_calls]
    assert len(errors) == len(MALFORMED)
    assert set(errors) <= {"INVALID_ARGUMENTS", "UNKNOWN_TOOL", "TypeError"}, errors
    assert world.done() == []


def test_p11_depth_is_counted_without_recursion() -> None:
    from notebook_agents.core.budgets import bounded, is_deep

    value: Any = "x"
    for _ in range(50_000):
        value = [value]
    assert is_deep(value)
    assert not is_deep({"a": [{"b": 1}]})
    made = bounded(call("file_reader", source=value))
    assert (made.arguments, str(MAX_DEPTH) in made.invalid) == ({}, True)
    assert json.dumps(made.invalid)
