"""Two cores with one store and a log each: what one works on, the other follows and controls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core import following
from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict
from notebook_agents.core.events import Event, RunFinished, TextDelta
from notebook_agents.core.messages import user_message
from notebook_agents.core.policy import ASK_POLICY
from notebook_agents.core.ports import Replace
from notebook_agents.core.runs import ApprovalDecision, Run, StartRun
from notebook_agents.core.users import Actor
from notebook_agents.relay.redis import RedisRelay
from notebook_agents.testing import MemoryStore, ScriptedEngine, ScriptedTools, call, fake_core

ANN = Actor(user_id="ann", username="ann")
PATIENCE_S = 60
MakeRelay = Callable[..., RedisRelay]


class SharedStore(MemoryStore):
    """The records of two processes, as one of them sees them."""

    def __init__(self, name: str, other: SharedStore | None = None) -> None:
        super().__init__()
        self._name = name
        self.dead: set[str] = set()
        if other is not None:
            self._records, self.dead = other._records, other.dead

    def holder(self) -> str:
        return self._name

    async def is_alive(self, holder: str) -> bool:
        return bool(holder) and holder not in self.dead


class Servers:
    """A and B, as on two machines."""

    def __init__(self, home: Path, relays: list[RedisRelay | None]) -> None:
        self.engine = ScriptedEngine("one two three four")
        self.tools = ScriptedTools({"write": lambda: "wrote"}, effects={"write": "write"})
        self.store_a = SharedStore("a")
        self.store_b = SharedStore("b", self.store_a)
        self.a = fake_core(home=home / "a", store=self.store_a, relay=relays[0])
        self.b = fake_core(
            home=home / "b",
            store=self.store_b,
            relay=relays[1],
            engine=self.engine,
            tools=self.tools,
        )

    async def run_on_b(self, **wish: Any) -> Run:
        agent = await self.b.agents.ensure(ANN, CreateAgent(name="a"))
        message = user_message("go")
        return await self.b.runs.start(ANN, StartRun(agent_id=agent.id, message=message, **wish))

    async def killed_b(self) -> None:
        """B is gone without a word, and everybody has noticed."""
        self.store_a.dead.add("b")


@pytest.fixture
async def servers(relay: MakeRelay, tmp_path: Path) -> AsyncGenerator[Servers, None]:
    both = Servers(tmp_path, [relay(), relay()])
    yield both
    await both.a.aclose()
    await both.b.aclose()


async def follow(core: Core, run: Run, after: int = 0) -> list[Event]:
    async with (
        asyncio.timeout(PATIENCE_S),
        aclosing(core.runs.events(ANN, run.id, after=after)) as e,
    ):
        return [event async for event in e]


async def first_text(core: Core, run: Run) -> Event:
    async with asyncio.timeout(PATIENCE_S), aclosing(core.runs.events(ANN, run.id)) as events:
        async for event in events:
            if isinstance(event.body, TextDelta):
                return event
    raise AssertionError


async def test_a_run_of_b_is_followed_on_a_from_the_first_to_the_last_event(
    servers: Servers,
) -> None:
    servers.engine.gate = asyncio.Event()
    run = await servers.run_on_b()
    following_ = servers.a.spawn(follow(servers.a, run), name="following")
    await first_text(servers.a, run)
    servers.engine.gate.set()
    seen = await following_
    assert seen == await follow(servers.b, run)
    assert [event.run_seq for event in seen] == list(range(1, len(seen) + 1))
    assert (await servers.a.runs.wait(ANN, run.id)).text == "one two three four"


async def test_a_late_client_gets_everything_and_one_that_resumes_gets_the_rest(
    servers: Servers,
) -> None:
    run = await servers.run_on_b()
    await servers.b.runs.wait(ANN, run.id)
    own = await follow(servers.b, run)
    assert await follow(servers.a, run) == own
    for after in range(1, len(own) + 1):
        assert await follow(servers.a, run, after) == own[after:]


async def test_watchers_on_a_learn_of_runs_on_b(servers: Servers) -> None:
    async with aclosing(servers.a.runs.watch(ANN)) as events:
        seen = servers.a.spawn(anext(events), name="watching")
        while not seen.done():
            run = await servers.run_on_b()
            await servers.b.runs.wait(ANN, run.id)
            await asyncio.wait([seen], timeout=0.5)  # before it listens nothing is heard
        assert seen.result().user_id == "ann"


async def test_a_tail_that_was_cut_is_a_clear_error_that_says_where_to_resume(
    relay: MakeRelay, tmp_path: Path
) -> None:
    both = Servers(tmp_path, [relay(run_events=3), relay(run_events=3)])
    run = await both.run_on_b()
    await both.b.runs.wait(ANN, run.id)
    own = await follow(both.b, run)
    await follow(both.a, run, own[-1].run_seq - 3)
    with pytest.raises(Conflict, match=r"event 1 of run .* is no longer kept") as error:
        await follow(both.a, run)
    resume_after = error.value.details["resume_after"]
    assert await follow(both.a, run, resume_after) == own[resume_after:]
    await both.a.aclose()
    await both.b.aclose()


async def test_without_a_relay_it_is_said_that_another_server_has_the_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LATE_S", 0.0)
    both = Servers(tmp_path, [None, None])
    both.engine.gate = asyncio.Event()
    run = await both.run_on_b()
    with pytest.raises(Conflict, match=r"kept by another server; .* the same redis_url"):
        await follow(both.a, run)
    both.engine.gate.set()
    assert (await both.a.runs.wait(ANN, run.id)).state == "succeeded"
    with pytest.raises(Conflict, match="kept by another server"):
        await follow(both.a, run)
    await both.a.aclose()
    await both.b.aclose()


async def test_own_runs_go_on_without_redis_and_are_seen_when_it_is_back(
    relay: MakeRelay, own_redis: Any, tmp_path: Path
) -> None:
    both = Servers(tmp_path, [relay(own_redis.url), relay(own_redis.url)])
    run = await both.run_on_b()
    assert (await both.b.runs.wait(ANN, run.id)).state == "succeeded"
    own = await follow(both.b, run)
    following_ = both.a.spawn(follow(both.a, run), name="following")
    await own_redis.start()
    assert await following_ == own
    await both.a.aclose()
    await both.b.aclose()


async def test_a_run_of_b_is_cancelled_from_a(servers: Servers) -> None:
    servers.engine.gate = asyncio.Event()
    run = await servers.run_on_b()
    await first_text(servers.b, run)
    cancelled = await servers.a.runs.cancel(ANN, run.id)
    assert (cancelled.state, cancelled.text) == ("cancelled", "one")
    assert cancelled.holder == "b", "it was ended where it was worked on"
    last = (await follow(servers.a, run))[-1].body
    assert isinstance(last, RunFinished)
    assert last.state == "cancelled"


async def test_a_waiting_run_of_b_is_decided_from_a_and_goes_on_on_b(servers: Servers) -> None:
    servers.engine.script = [call("write", "c1"), "written"]
    run = await servers.run_on_b(policy=ASK_POLICY)
    assert (await servers.a.runs.wait(ANN, run.id)).state == "waiting_approval"
    yes = ApprovalDecision(call_id="c1", is_approved=True)
    await servers.a.runs.decide(ANN, run.id, [yes])
    run = await servers.a.runs.wait(ANN, run.id)
    assert (run.state, run.text, run.holder) == ("succeeded", "written", "b")
    assert len(servers.tools.invocations) == 1
    with pytest.raises(Conflict):
        await servers.a.runs.decide(ANN, run.id, [yes])


async def test_a_waiting_run_of_b_is_cancelled_from_a(servers: Servers) -> None:
    servers.engine.script = [call("write", "c1"), "written"]
    run = await servers.run_on_b(policy=ASK_POLICY)
    await servers.b.runs.wait(ANN, run.id)
    assert (await servers.a.runs.cancel(ANN, run.id)).state == "cancelled"


async def test_a_goes_on_with_what_waited_on_b_when_b_has_died(servers: Servers) -> None:
    servers.engine.script = [call("write", "c1")]
    run = await servers.run_on_b(policy=ASK_POLICY)
    await servers.b.runs.wait(ANN, run.id)
    n_kept = len(await servers.b.journal.read(run.conversation_id, run_id=run.id))
    async with aclosing(servers.a.runs.events(ANN, run.id)) as events:
        for _ in range(n_kept):
            await anext(events)
    await servers.killed_b()
    no = ApprovalDecision(call_id="c1", is_approved=False)
    await servers.a.runs.decide(ANN, run.id, [no])
    run = await servers.a.runs.wait(ANN, run.id)
    assert (run.state, run.holder) == ("succeeded", "a")
    seqs = [event.run_seq for event in await follow(servers.a, run)]
    assert seqs == list(range(1, run.last_seq + 1))


async def test_a_ends_what_b_worked_on_when_b_has_died_and_not_before(servers: Servers) -> None:
    servers.engine.gate = asyncio.Event()
    run = await servers.run_on_b()
    text = await first_text(servers.a, run)
    assert await servers.a.runs.recover() == 0
    following_ = servers.a.spawn(follow(servers.a, run), name="following")
    await servers.killed_b()
    assert await servers.a.runs.recover() == 1
    ended = await servers.a.runs.get(ANN, run.id)
    assert (ended.state, ended.text, ended.holder) == ("interrupted", "one", "a")
    seen = await following_
    assert [event.run_seq for event in seen] == list(range(1, text.run_seq + 2))
    assert isinstance(seen[-1].body, RunFinished)


async def test_who_was_only_out_of_reach_cannot_write_what_was_taken_from_it(
    servers: Servers,
) -> None:
    servers.engine.gate = asyncio.Event()
    run = await servers.run_on_b()
    await first_text(servers.a, run)
    await servers.killed_b()
    await servers.a.runs.recover()
    servers.engine.gate.set()
    seen = await follow(servers.b, run)
    stored = await servers.a.runs.get(ANN, run.id)
    assert stored.state == "interrupted"
    nodes = await servers.a.conversations.messages(ANN, run.conversation_id)
    assert [node.message.text for node in nodes] == ["go", "one"]
    assert isinstance(seen[-1].body, RunFinished)
    with pytest.raises(Conflict):
        await servers.store_b.commit(
            Replace(record=replace(run, text="late"), expected={"holder": "b"})
        )
