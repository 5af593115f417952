"""Batches: runs of several agents that are started together, at once or one after another.

A batch owns the time that all of its runs have together, and ends when the last of them has ended.
What its agents answer is in its runs; the batch keeps who took part and how it went. The agents
need no message: each is asked to do what its description says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from notebook_agents.core.agents import Agent, ListAgents
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound
from notebook_agents.core.events import BatchFinished, BatchStarted
from notebook_agents.core.ids import new_id
from notebook_agents.core.journal import Source
from notebook_agents.core.messages import user_message
from notebook_agents.core.policy import HEADLESS_POLICY
from notebook_agents.core.ports import Insert, Page, Query, Replace
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.core.spawn import RunStopped
from notebook_agents.core.states import RunState

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agents
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.models import Models
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.run_service import Runs
    from notebook_agents.core.spawn import Supervisor
    from notebook_agents.core.users import Actor

BatchEnd: TypeAlias = Literal["completed", "timed_out", "interrupted"]
BatchState: TypeAlias = Literal["running"] | BatchEnd
MAX_AGENTS = 500
"""Agents of one batch."""
MAX_TIMEOUT_S = 24 * 3600.0
DEFAULT_TIMEOUT_S = 300.0
REPORT = "Carry out the task and report what you found."
UNKNOWN_PARALLEL_S = 60.0
"""What an agent without history is taken to need, when all work at once."""
UNKNOWN_SEQUENTIAL_S = 30.0
"""And one after another."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Runs of several agents, started together."""

    id: str
    owner_id: str
    dialect: str = "python"
    state: BatchState = "running"
    agents: dict[str, str]
    """The names of those who take part, as they were at the start, by id."""
    is_parallel: bool = True
    timeout_s: float = DEFAULT_TIMEOUT_S
    """For all runs together."""
    estimate_s: float = 0.0
    """How long it was taken to need when it began."""
    holder: str = ""
    """The process that conducts it; when that process is gone the batch is interrupted."""
    n_succeeded: int = 0
    n_failed: int = 0
    created_at: datetime
    ended_at: datetime | None = None

    @property
    def duration_ms(self) -> float:
        """From start to end; 0 while it goes on."""
        if self.ended_at is None:
            return 0.0
        return (self.ended_at - self.created_at).total_seconds() * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StartBatch:
    """The wish to run several agents."""

    agent_ids: tuple[str, ...] | None = None
    """None takes every active agent that the actor sees."""
    is_parallel: bool = True
    timeout_s: float = DEFAULT_TIMEOUT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBatchRuns:
    """Which runs of batches to list; newest first."""

    agent_id: str = ""
    states: tuple[RunState, ...] = ()
    """Empty means any."""
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPorts:
    """What the batches service works with."""

    store: Store
    journal: Journal
    clock: Clock
    agents: Agents
    runs: Runs
    models: Models
    supervisor: Supervisor


class Batches:
    """Start batches, bring them to their end, and list what their agents did."""

    def __init__(self, ports: BatchPorts) -> None:
        self._ports = ports

    async def start(self, actor: Actor, wish: StartBatch) -> Batch:
        """Run the agents in the background.

        Raises NotFound for an unknown agent, InvalidRequest when one of them is not active, its
        model is not offered, or there is no agent to run.
        """
        if not 0 < wish.timeout_s <= MAX_TIMEOUT_S:
            raise InvalidRequest(
                f"the time limit is between 1 and {MAX_TIMEOUT_S:g} seconds",
                field="timeout_seconds",
            )
        agents = await self._chosen(actor, wish.agent_ids)
        await self._check_models(agents)
        estimate_s = await self._estimate_s(agents, is_parallel=wish.is_parallel)
        batch = Batch(
            id=new_id(),
            owner_id=actor.user_id,
            dialect=actor.dialect,
            agents={agent.id: agent.name for agent in agents},
            is_parallel=wish.is_parallel,
            timeout_s=wish.timeout_s,
            estimate_s=min(estimate_s, wish.timeout_s),
            holder=self._ports.store.holder(),
            created_at=self._ports.clock.now(),
        )
        await self._ports.store.commit(Insert(record=batch))
        started = BatchStarted(
            batch_id=batch.id,
            agents=batch.agents,
            is_parallel=batch.is_parallel,
            timeout_s=batch.timeout_s,
        )
        self._ports.journal.record(started, _source(batch))
        await self._start_runs(actor, batch, agents)
        return batch

    async def get(self, actor: Actor, id: str) -> Batch:
        """One of the actor's batches; NotFound when it is somebody else's."""
        batch = await self._ports.store.get(Batch, id)
        if batch is None or not (batch.owner_id == actor.user_id or actor.is_admin):
            raise NotFound("execution", id)
        return batch

    async def of_runs(self, runs: Sequence[Run]) -> dict[str, Batch]:
        """The batches of runs, by id."""
        ids = tuple({run.batch_id for run in runs})
        page = await self._ports.store.find(Batch, Query(where={"id": ids}, limit=len(ids)))
        return {batch.id: batch for batch in page.items}

    async def list_runs(self, actor: Actor, wish: ListBatchRuns) -> Page[Run]:
        """The runs of the actor's batches, of an administrator everybody's, newest first."""
        where: dict[str, object] = {"deleted_at": None}
        if not actor.is_admin:
            where["owner_id"] = actor.user_id
        if wish.agent_id:
            where["agent_id"] = wish.agent_id
        if wish.states:
            where["state"] = wish.states
        query = Query(where=where, but={"batch_id": ("",)}, limit=wish.limit, offset=wish.offset)
        return await self._ports.store.find(Run, query)

    async def recover(self) -> int:
        """End the batches of dead processes; returns how many there were.

        Their runs must have been recovered before.
        """
        store, n = self._ports.store, 0
        query = Query(where={"state": "running"}, limit=10_000)
        for batch in (await store.find(Batch, query)).items:
            if not await store.is_alive(batch.holder):
                await self._end(batch, "interrupted")
                n += 1
        return n

    async def _chosen(self, actor: Actor, ids: tuple[str, ...] | None) -> Sequence[Agent]:
        agents = self._ports.agents
        if ids is None:
            wish = ListAgents(status="active", with_shared=True, limit=MAX_AGENTS)
            chosen: Sequence[Agent] = (await agents.list(actor, wish)).items
            if not chosen:
                raise InvalidRequest("there is no active agent to execute; activate one first")
            return chosen
        if not ids or len(ids) > MAX_AGENTS:
            raise InvalidRequest(
                f"name 1 to {MAX_AGENTS} agents, or none to execute all active ones",
                field="agent_ids",
            )
        chosen = [await agents.get(actor, id) for id in dict.fromkeys(ids)]
        for agent in chosen:
            if agent.status != "active":
                raise InvalidRequest(
                    f"agent {agent.name!r} is not active; set its status to active first",
                    field="agent_ids",
                )
        return chosen

    async def _check_models(self, agents: Sequence[Agent]) -> None:
        offered = {model.id for model in await self._ports.models.list()}
        for agent in agents:
            if agent.model not in offered:
                raise InvalidRequest(
                    f"agent {agent.name!r} needs the model {agent.model!r}, which is not offered"
                )

    async def _estimate_s(self, agents: Sequence[Agent], *, is_parallel: bool) -> float:
        """How long the agents may take together: what each took so far."""
        known = await self._ports.agents.statistics_of(agents)
        unknown_s = UNKNOWN_PARALLEL_S if is_parallel else UNKNOWN_SEQUENTIAL_S
        each = [
            figures.mean_work_ms / 1000 if figures.n_runs else unknown_s
            for figures in known.values()
        ]
        return max(each) if is_parallel else sum(each)

    async def _start_runs(self, actor: Actor, batch: Batch, agents: Sequence[Agent]) -> None:
        runs: list[Run] = []
        try:
            for agent in agents:
                wish = StartRun(
                    agent_id=agent.id,
                    message=user_message(task_of(agent)),
                    system=system_of(agent),
                    policy=HEADLESS_POLICY,
                    batch_id=batch.id,
                    turn="" if batch.is_parallel else batch.id,
                )
                runs.append(await self._ports.runs.start(actor, wish))
        finally:
            # Also when one could not be started: the others work, and the batch must end.
            self._ports.supervisor.spawn(
                self._conduct(actor, batch, runs), name=f"batch {batch.id}"
            )

    async def _conduct(self, actor: Actor, batch: Batch, runs: Sequence[Run]) -> None:
        """Wait for the runs, for no longer than the batch has; then end it.

        When the server stops first, the next one ends it.
        """
        state: BatchEnd = "completed"
        try:
            async with asyncio.timeout(batch.timeout_s):
                await self._wait(actor, runs)
        except TimeoutError:
            state = "timed_out"
            reason = f"the execution reached its time limit of {batch.timeout_s:g} s"
            for run in runs:
                self._ports.runs.stop(run.id, RunStopped("timed_out", reason))
            await self._wait(actor, runs)
        await self._end(batch, state)

    async def _wait(self, actor: Actor, runs: Sequence[Run]) -> None:
        for run in runs:
            with suppress(NotFound):  # it has ended and was deleted
                await self._ports.runs.wait(actor, run.id)

    async def _end(self, batch: Batch, state: BatchEnd) -> None:
        store, n = self._ports.store, len(batch.agents)
        query = Query(where={"batch_id": batch.id, "state": "succeeded"}, limit=n)
        n_succeeded = (await store.find(Run, query)).total
        ended = replace(
            batch,
            state=state,
            n_succeeded=n_succeeded,
            n_failed=n - n_succeeded,
            ended_at=self._ports.clock.now(),
        )
        try:
            # Of two processes that end it, one tells.
            await store.commit(Replace(record=ended, expected={"state": "running"}))
        except Conflict:
            return
        finished = BatchFinished(
            batch_id=batch.id,
            state=state,
            n_agents=n,
            n_succeeded=n_succeeded,
            n_failed=n - n_succeeded,
            duration_ms=ended.duration_ms,
        )
        self._ports.journal.record(finished, _source(batch))


def task_of(agent: Agent) -> str:
    """What an agent of a batch is asked: what it is for, and nothing around it.

    Words around the task would be read as a part of it.
    """
    return agent.description.strip() or agent.role.strip() or "Carry out your task."


def system_of(agent: Agent) -> str:
    """What an agent of a batch is told beside its task."""
    role = agent.role.strip().rstrip(".")
    return " ".join(filter(None, (role and f"Your role: {role}.", REPORT)))


def _source(batch: Batch) -> Source:
    return Source(user_id=batch.owner_id, dialect=batch.dialect)
