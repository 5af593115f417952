"""Batches: agents that are run together, within one time limit, and survive their process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.agents import Agent, AgentChanges, CreateAgent, ListAgents
from notebook_agents.core.batches import Batch, ListBatchRuns, StartBatch, system_of, task_of
from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound, NotPermitted
from notebook_agents.core.events import BatchFinished, BatchStarted, RunFinished
from notebook_agents.core.samples import health_score, health_word
from notebook_agents.core.spawn import RunStopped
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import MemoryEventLog, ScriptedEngine, fake_core

ADMIN = Actor(user_id="admin", username="admin", is_admin=True)
ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob")


async def active(core: Core, name: str, actor: Actor = ADMIN, **wish: Any) -> Agent:
    agent = await core.agents.create(actor, CreateAgent(name=name, is_shared=True, **wish))
    return await core.agents.update(actor, agent.id, AgentChanges(status="active"))


async def ended(core: Core, batch: Batch, actor: Actor = ANN) -> Batch:
    async with asyncio.timeout(60):
        while True:
            found = await core.batches.get(actor, batch.id)
            if found.state != "running":
                return found
            await asyncio.sleep(0)


def durable(home: Path, *script: Any) -> Core:
    """A core whose records and events outlive it."""
    home.mkdir(exist_ok=True)
    return fake_core(
        *script,
        home=home / "work",
        store=SqlStore.open(f"sqlite:///{home}/store.db", Holders(home / "holders")),
        event_log=JsonlEventLog(home),
        analytics=EventAnalytics(EventFiles(home)),
    )


async def never(_request: Any) -> str:
    await asyncio.Event().wait()
    return ""


async def test_a_batch_is_told_from_its_start_to_its_end(tmp_path: Path) -> None:
    log = MemoryEventLog()
    core = fake_core("fine", RuntimeError("broken"), home=tmp_path, event_log=log)
    one, two = await active(core, "one"), await active(core, "two")
    batch = await ended(core, await core.batches.start(ANN, StartBatch(is_parallel=False)))
    assert (batch.state, batch.n_succeeded, batch.n_failed) == ("completed", 1, 1)
    bodies = [event.body for event in log.events if event.user_id == "ann"]
    started = next(body for body in bodies if isinstance(body, BatchStarted))
    assert started.agents == {one.id: "one", two.id: "two"}
    assert [b.batch_id for b in bodies if isinstance(b, RunFinished)] == [batch.id, batch.id]
    assert isinstance(bodies[-1], BatchFinished)
    assert (bodies[-1].state, bodies[-1].n_succeeded, bodies[-1].n_failed) == ("completed", 1, 1)
    await core.aclose()


async def test_the_time_limit_ends_agents_that_wait_too(tmp_path: Path) -> None:
    core = fake_core(never, home=tmp_path)
    await active(core, "one")
    await active(core, "two")
    wish = StartBatch(is_parallel=False, timeout_s=0.05)
    batch = await ended(core, await core.batches.start(ANN, wish))
    assert (batch.state, batch.n_failed) == ("timed_out", 2)
    runs = (await core.batches.list_runs(ANN, ListBatchRuns())).items
    assert {(run.state, run.error_code) for run in runs} == {("timed_out", "limit_exceeded")}
    assert {run.started_at is None for run in runs} == {True, False}
    await core.aclose()


async def test_an_answer_that_is_deleted_early_does_not_keep_the_batch_from_its_end(
    tmp_path: Path,
) -> None:
    gate = asyncio.Event()

    async def late(_request: Any) -> str:
        await gate.wait()
        return "late"

    core = fake_core(late, late, home=tmp_path)
    await active(core, "one")
    await active(core, "two")
    batch = await core.batches.start(ANN, StartBatch(is_parallel=True))
    runs = (await core.batches.list_runs(ANN, ListBatchRuns())).items
    newest, oldest = runs
    core.runs.stop(newest.id, RunStopped())
    await core.runs.wait(ANN, newest.id)
    await core.conversations.delete(ANN, newest.conversation_id)
    gate.set()
    await core.runs.wait(ANN, oldest.id)
    found = await ended(core, batch)
    assert (found.state, found.n_succeeded, found.n_failed) == ("completed", 1, 1)
    await core.aclose()


async def test_a_batch_of_a_process_that_died_is_ended_by_the_next(tmp_path: Path) -> None:
    first = durable(tmp_path, "fine", never)
    await first.start()
    await active(first, "one")
    await active(first, "two")
    with first.journal.subscribe(lambda event: isinstance(event.body, RunFinished)) as live:
        batch = await first.batches.start(ANN, StartBatch(is_parallel=False))
        await live.next()
    await first.aclose()
    second = durable(tmp_path)
    with second.journal.subscribe(lambda event: isinstance(event.body, BatchFinished)) as live:
        await second.start()
        finished = (await live.next()).body
    found = await second.batches.get(ANN, batch.id)
    assert (found.state, found.n_succeeded, found.n_failed) == ("interrupted", 1, 1)
    assert isinstance(finished, BatchFinished)
    assert finished.state == "interrupted"
    rows = await second.batches.list_runs(ANN, ListBatchRuns())
    assert sorted(run.state for run in rows.items) == ["interrupted", "succeeded"]
    assert await second.batches.recover() == 0
    await second.aclose()


async def test_what_agents_took_is_what_the_next_batch_is_taken_to_need(tmp_path: Path) -> None:
    core = durable(tmp_path, "fine", "fine")
    await core.start()
    for name in ("one", "two"):
        await active(core, name)
    batch = await core.batches.start(ANN, StartBatch(is_parallel=False))
    assert batch.estimate_s == 60, "30 seconds for each that never ran"
    await ended(core, batch)
    known = await core.agents.statistics_of((await core.agents.list(ADMIN, ListAgents())).items)
    assert {figures.success_rate for figures in known.values()} == {1.0}
    assert all(0 < f.mean_work_ms <= f.mean_duration_ms for f in known.values())
    expected = sum(figures.mean_work_ms for figures in known.values()) / 1000
    again = await core.batches.start(ANN, StartBatch(is_parallel=False))
    assert again.estimate_s == pytest.approx(expected)
    at_once = await core.batches.start(ANN, StartBatch())
    assert at_once.estimate_s < expected
    await core.aclose()


async def test_an_estimate_without_history_and_the_limit(make_core: Callable[..., Core]) -> None:
    core = make_core(never, never, never)
    for name in ("one", "two", "three"):
        await active(core, name)
    one_by_one = await core.batches.start(ANN, StartBatch(is_parallel=False))
    assert one_by_one.estimate_s == 90
    assert (await core.batches.start(ANN, StartBatch())).estimate_s == 60
    assert (await core.batches.start(ANN, StartBatch(timeout_s=5))).estimate_s == 5
    await core.aclose()


async def test_only_what_can_run_is_started(make_core: Callable[..., Core]) -> None:
    core = make_core()
    with pytest.raises(InvalidRequest, match="no active agent"):
        await core.batches.start(ANN, StartBatch())
    off = await core.agents.create(ADMIN, CreateAgent(name="off", is_shared=True))
    with pytest.raises(InvalidRequest, match="'off' is not active"):
        await core.batches.start(ANN, StartBatch(agent_ids=(off.id,)))
    with pytest.raises(NotFound):
        await core.batches.start(ANN, StartBatch(agent_ids=("unknown",)))
    for timeout_s in (0, -1, 90_000):
        with pytest.raises(InvalidRequest, match="time limit"):
            await core.batches.start(ANN, StartBatch(timeout_s=timeout_s))
    assert (await core.batches.list_runs(ADMIN, ListBatchRuns())).total == 0


async def test_a_model_that_is_gone_is_named_before_anything_starts(tmp_path: Path) -> None:
    engine = ScriptedEngine(models=("gone/model",))
    core = fake_core(home=tmp_path, engine=engine)
    await active(core, "one")
    await active(core, "old", model="gone/model")
    del engine._models["gone/model"]
    with pytest.raises(InvalidRequest, match=r"'old' needs the model 'gone/model'"):
        await core.batches.start(ANN, StartBatch())
    assert engine.requests == []


async def test_a_batch_is_its_owners(make_core: Callable[..., Core]) -> None:
    core = make_core()
    await active(core, "one")
    batch = await ended(core, await core.batches.start(ANN, StartBatch()))
    assert (await core.batches.get(ADMIN, batch.id)).id == batch.id
    with pytest.raises(NotFound):
        await core.batches.get(BOB, batch.id)
    assert (await core.batches.list_runs(BOB, ListBatchRuns())).total == 0
    assert (await core.batches.list_runs(ADMIN, ListBatchRuns())).total == 1


@pytest.mark.parametrize(
    ("role", "description", "task", "system"),
    [
        ("Calculator", "Compute 12*12", "Compute 12*12", "Your role: Calculator. "),
        ("Costs.", "", "Costs.", "Your role: Costs. "),
        ("", "Compute 12*12", "Compute 12*12", ""),
        ("", "", "Carry out your task.", ""),
    ],
)
async def test_the_task_is_the_description_and_nothing_around_it(
    make_core: Callable[..., Core], role: str, description: str, task: str, system: str
) -> None:
    agent = await active(make_core(), "one", role=role, description=description)
    assert task_of(agent) == task
    assert system_of(agent) == f"{system}Carry out the task and report what you found."


@pytest.mark.parametrize("is_durable", [False, True], ids=["memory", "sqlite"])
async def test_shared_agents_have_names_of_their_own(tmp_path: Path, is_durable: bool) -> None:
    core = durable(tmp_path) if is_durable else fake_core(home=tmp_path)
    shared = CreateAgent(name="one", is_shared=True)
    agent = await core.agents.create(ADMIN, shared)
    with pytest.raises(Conflict, match="this name is taken"):
        await core.agents.create(ADMIN, shared)
    private = await core.agents.create(ANN, CreateAgent(name="one"))
    seen = await core.agents.list(ANN, ListAgents(with_shared=True))
    assert {found.id for found in seen.items} == {agent.id, private.id}
    with pytest.raises(NotPermitted):
        await core.agents.delete(ANN, agent.id)
    await core.agents.delete(ADMIN, agent.id)
    assert (await core.agents.create(ADMIN, shared)).id != agent.id
    await core.aclose()


@pytest.mark.parametrize(
    ("usage", "score", "word"),
    [(0, 1.0, "healthy"), (20, 0.84, "healthy"), (40, 0.68, "warning"), (100, 0.2, "critical")],
)
def test_health_is_room(usage: float, score: float, word: str) -> None:
    found = health_score(cpu_percent=usage, memory_percent=usage, disk_percent=usage)
    assert found == pytest.approx(score)
    assert health_word(found) == word
    assert health_word(0.8) == "warning"
    assert health_word(0.6) == "critical"
