"""One prompt, from its start to the end, where events and people are late."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.events import ApprovalRequested, TextDelta, ToolOutput
from notebook_agents.core.messages import user_message
from notebook_agents.core.policy import ASK_POLICY
from notebook_agents.core.runs import ApprovalDecision, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.magics.host import CoreHost
from notebook_agents.magics.screen import TerminalScreen
from notebook_agents.magics.turn import MAX_WAITING_EVENTS, Turn, queue
from notebook_agents.magics.waiting import Feed, Interrupted, Waits, block_on
from notebook_agents.testing import MemoryStore, ScriptedEngine, call, fake_core

ACTOR = Actor(user_id="u1", username="ada")


def allow(requests: Sequence[ApprovalRequested]) -> Waits[list[ApprovalDecision]]:
    return [ApprovalDecision(call_id=asked.call_id, is_approved=True) for asked in requests]
    yield


async def make_agent(core: Core) -> str:
    return (await core.agents.create(ACTOR, CreateAgent(name="a"))).id


def wish_for(host: CoreHost) -> StartRun:
    agent_id = host.submit(make_agent).result(timeout=20)
    return StartRun(agent_id=agent_id, message=user_message("go"), policy=ASK_POLICY)


def test_all_calls_of_a_step_are_asked_about_before_any_is_decided(tmp_path: Path) -> None:
    calls = [call("python_executor", code=str(number)) for number in range(3)]
    again = [call("python_executor", code="3")]
    core = fake_core(
        engine=ScriptedEngine(calls, again, "done"),
        event_log=JsonlEventLog(tmp_path),
        home=tmp_path / "workspaces",
    )
    host = CoreHost(lambda: core)
    asked: list[str] = []

    def ask(requests: Sequence[ApprovalRequested]) -> Waits[list[ApprovalDecision]]:
        asked.extend(request.arguments["code"] for request in requests)
        return allow(requests)

    turn = Turn(host=host, actor=ACTOR, screen=TerminalScreen(), ask=ask)
    run = block_on(turn.play(wish_for(host)))
    host.close()
    assert asked == ["0", "1", "2", "3"]
    assert [used.status for used in run.tool_calls] == ["succeeded"] * 4


def test_stopping_twice_while_a_run_is_being_started_still_cancels_it(tmp_path: Path) -> None:
    async def never(_request: Any) -> str:
        await asyncio.Event().wait()
        return ""

    store = SlowStore()
    core = fake_core(engine=ScriptedEngine(never), store=store, home=tmp_path)
    host = CoreHost(lambda: core)
    turn = Turn(host=host, actor=ACTOR, screen=TerminalScreen(), ask=allow)
    waits = turn.play(wish_for(host))
    store.is_slow = True
    started, _ = next(waits)
    waits.throw(Interrupted())
    with pytest.raises(Interrupted):
        waits.throw(Interrupted())
    host.submit(store.go_on).result(timeout=20)
    run = started.result(timeout=20)
    ended = host.submit(lambda core: core.runs.wait(ACTOR, run.id)).result(timeout=20)
    host.close()
    assert ended.state == "cancelled"


def test_few_events_wait_for_a_busy_cell_and_the_text_is_whole() -> None:
    feed = Feed(queue)
    for number in range(5 * MAX_WAITING_EVENTS):
        feed.put(ToolOutput(call_id=str(number % 2), text="."))
    for number in range(3000):
        feed.put(TextDelta(step=number // 1000, text=str(number % 10)))
    feed.put(None)
    items = feed.take()
    assert len(items) == MAX_WAITING_EVENTS + 4
    assert [(text.step, len(text.text), text.n_tokens) for text in items[-4:-1]] == [
        (0, 1000, 1000),
        (1, 1000, 1000),
        (2, 1000, 1000),
    ]
    assert items[-1] is None


class SlowStore(MemoryStore):
    """Accepts a run only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_slow = False
        self._gate = asyncio.Event()

    async def go_on(self, _core: Core) -> None:
        self._gate.set()

    async def commit(self, *changes: Any) -> None:
        if self.is_slow:
            await self._gate.wait()
        await super().commit(*changes)
