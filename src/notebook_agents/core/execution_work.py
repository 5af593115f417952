"""Working on one execution: its turn, its process, its end, and what follows from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import Conflict, InvalidRequest, NotebookAgentsError
from notebook_agents.core.execution_events import (
    ExecutionEnd,
    ExecutionFinished,
    ExecutionQueued,
    ExecutionStarted,
)
from notebook_agents.core.execution_usage import with_usage
from notebook_agents.core.executions import Execution, Outcome, Progress, TaskRunner
from notebook_agents.core.ids import new_id
from notebook_agents.core.journal import Source
from notebook_agents.core.ports import Change, Insert, Patch, Replace

if TYPE_CHECKING:
    from notebook_agents.core.executions import KernelWay
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Store
    from notebook_agents.core.replays import PacingClock
    from notebook_agents.core.spawn import Supervisor

LOOK_S = 0.5
"""How often a worker looks whether another process wants its execution to end, or took it."""
WAITING_LOOK_S = 5.0
"""The same while it only waits for its turn; many may."""
STOP_GRACE_S = 10.0
"""How long an interrupted notebook has to write what there is."""
MAX_GOING_ON = 3
"""How often an execution goes on by itself after its server died."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionWorkPorts:
    """What working on an execution needs."""

    store: Store
    journal: Journal
    clock: PacingClock
    supervisor: Supervisor
    runner: TaskRunner
    places: asyncio.Semaphore | None
    launch: Callable[[Execution], None]
    """Begins to work on another one."""
    converse: Callable[[Execution], Awaitable[str]]
    """Starts an empty conversation like that of an execution; its id."""
    report: Callable[[Execution], Awaitable[str]]
    """Makes the report of an execution that has ended; its id."""


@dataclass(frozen=True, slots=True)
class _Stop:
    state: ExecutionEnd
    code: str
    message: str


_CANCELLED = _Stop("cancelled", "cancelled", "cancelled by the user")
_LOST = _Stop("interrupted", "taken", "another process took it")


class ExecutionWorker:
    """Works on one execution in this process."""

    def __init__(self, execution: Execution, ports: ExecutionWorkPorts) -> None:
        self.execution = execution
        self.done = asyncio.Event()
        """Set when it is final, or not ours any more."""
        self._ports = ports
        self._seq = 0
        self._stop: _Stop | None = None
        self._news = asyncio.Event()
        self._deadline: float | None = None

    def cancel(self) -> None:
        """Ask it to end; what there is of it is kept."""
        self._stop = self._stop or _CANCELLED
        self._news.set()

    async def work(self, way: KernelWay | None) -> None:
        """Bring the execution to its final state."""
        try:
            self._seq = await last_seq(self.execution, self._ports.journal)
            await self._work(way)
        except Conflict:
            pass  # another process has it now, and ends it
        except asyncio.CancelledError:
            # The server is going down: whoever comes next may go on with it.
            with suppress(Conflict):
                await end_interrupted(
                    self.execution, self._ports, "the server was stopped", holder=""
                )
            raise
        finally:
            self.done.set()

    async def _work(self, way: KernelWay | None) -> None:
        ports = self._ports
        await self._until_due()
        if ports.places is None:
            await self._run(way)
            return
        place = ports.supervisor.spawn(ports.places.acquire(), name="a place for an execution")
        try:
            await self._while(place)
            await self._run(way)
        finally:
            if place.done() and not place.cancelled():
                ports.places.release()
            place.cancel()

    async def _until_due(self) -> None:
        due = self.execution.not_before
        wait_s = (due - self._ports.clock.now()).total_seconds() if due else 0.0
        if wait_s > 0:
            pause = self._ports.supervisor.spawn(self._ports.clock.sleep(wait_s), name="a backoff")
            await self._while(pause)
            pause.cancel()

    async def _run(self, way: KernelWay | None) -> None:
        if self._stop is not None:
            await self._finish(Outcome(state="failed"))
            return
        ports, was = self._ports, self.execution
        running = replace(was, state="running", started_at=ports.clock.now())
        expected = {"state": "queued", "holder": was.holder, "deleted_at": None}
        await ports.store.commit(Replace(record=running, expected=expected))
        self.execution = running
        environment = way.open(was.owner_id) if way else {}
        try:
            job = ports.supervisor.spawn(
                ports.runner.run(running, environment, self._tell), name=f"notebook of {was.id}"
            )
            try:
                await self._while(job)
                if self._stop is not None:
                    await ports.runner.stop(was.id, grace_s=STOP_GRACE_S)
                await asyncio.wait((job,))
                outcome = _outcome_of(job)
            finally:
                job.cancel()
                await asyncio.wait((job,))
        finally:
            if way:
                way.close(environment)
        await self._finish(outcome)

    async def _while(self, task: asyncio.Task[Any]) -> None:
        """Until the task is done, or something else ends the execution."""
        news = self._ports.supervisor.spawn(self._news.wait(), name="a wish to stop")
        try:
            while not task.done() and self._stop is None:
                pause_s = LOOK_S if self.execution.state == "running" else WAITING_LOOK_S
                await asyncio.wait((task, news), timeout=pause_s, return_when="FIRST_COMPLETED")
                if not task.done() and self._stop is None:
                    await self._look()
        finally:
            news.cancel()

    async def _look(self) -> None:
        """See what the clock and the store say."""
        stored = await self._ports.store.get(Execution, self.execution.id)
        if stored is None or stored.holder != self.execution.holder:
            self._stop = _LOST
        elif stored.stop_wish:
            self._stop = _CANCELLED
        elif self._deadline is not None and self._ports.clock.monotonic() > self._deadline:
            limit = f"{self.execution.settings.timeout_s:g} s"
            text = f"the execution reached its time limit of {limit}"
            self._stop = _Stop("timed_out", "time_limit", text)

    def _tell(self, progress: Progress) -> None:
        self._seq += 1
        if isinstance(progress, ExecutionStarted):
            self._deadline = self._ports.clock.monotonic() + self.execution.settings.timeout_s
        self._ports.journal.record(replace(progress, seq=self._seq), source_of(self.execution))

    async def _finish(self, outcome: Outcome) -> None:
        if self._stop is _LOST:
            return
        if outcome.state == "lost" and self._stop is None:
            why = outcome.error_message or "its process died"
            await end_interrupted(self.execution, self._ports, why)
            return
        ended = await with_usage(self._ended(outcome), self._ports.store)
        follower = await retry_of(ended, self._ports)
        await close(ended, follower, self._ports, self._seq)
        if ended.settings.report_format:
            await self._report(ended)

    async def _report(self, ended: Execution) -> None:
        """Make its report; that it could not be made does not change how the execution ended."""
        try:
            report_id = await self._ports.report(ended)
        except NotebookAgentsError as error:
            _log.warning("execution %s has no report: %s", ended.id, error)
            return
        told = Patch(kind=Execution, id=ended.id, fields={"report_id": report_id})
        await self._ports.store.commit(told)

    def _ended(self, outcome: Outcome) -> Execution:
        state: ExecutionEnd = "succeeded" if outcome.state == "succeeded" else "failed"
        code, message = outcome.error_code, outcome.error_message
        if self._stop is not None and state != "succeeded":
            state, code, message = self._stop.state, self._stop.code, self._stop.message
        return replace(
            self.execution,
            state=state,
            error_code=code,
            error_message=message,
            failed_cell=outcome.failed_cell,
            failed_checks=outcome.failed_checks,
            ended_at=self._ports.clock.now(),
        )


def _outcome_of(job: asyncio.Task[Outcome]) -> Outcome:
    """What a runner said, or that it could not even begin."""
    if job.cancelled() or (error := job.exception()) is None:
        return job.result()
    if isinstance(error, InvalidRequest):
        return Outcome(state="failed", error_code="invalid_notebook", error_message=error.message)
    if isinstance(error, NotebookAgentsError):
        return Outcome(state="failed", error_code=error.code, error_message=error.message)
    # The supervisor of background work has it in the log.
    return Outcome(state="failed", error_code="internal", error_message="internal error")


def source_of(execution: Execution) -> Source:
    """What all events of an execution have in common."""
    return Source(
        user_id=execution.owner_id,
        dialect=execution.dialect,
        agent_id=execution.agent_id,
        conversation_id=execution.conversation_id,
    )


async def last_seq(execution: Execution, journal: Journal) -> int:
    """The number of the last event that an execution has."""
    events = await journal.read(execution.conversation_id)
    numbers = [
        getattr(event.body, "seq", 0)
        for event in events
        if not event.run_id and getattr(event.body, "execution_id", "") == execution.id
    ]
    return max(numbers, default=0)


async def retry_of(ended: Execution, ports: ExecutionWorkPorts) -> Execution | None:
    """The execution that begins anew what failed or ran out of time; None when none may.

    It has a conversation of its own, so that nothing of the failure is in it. What used up its
    budget would do so again.
    """
    settings = ended.settings
    is_worth_it = ended.state == "timed_out" or (
        ended.state == "failed" and ended.error_code != "budget_exceeded"
    )
    if not is_worth_it or ended.attempt > settings.max_retries:
        return None
    now = ports.clock.now()
    pause_s = settings.backoff_s * 2 ** (ended.attempt - 1)
    return follower_of(
        ended,
        ports,
        trigger="retry",
        not_before=now + timedelta(seconds=pause_s),
        conversation_id=await ports.converse(ended),
    )


def follower_of(ended: Execution, ports: ExecutionWorkPorts, **fields: Any) -> Execution:
    """A new execution of the same thing, queued in this process."""
    given: dict[str, Any] = {
        "holder": ports.store.holder(),
        "attempt": ended.attempt + 1,
        "created_at": ports.clock.now(),
        "conversation_id": ended.conversation_id,
        **fields,
    }
    return Execution(
        id=new_id(),
        task_id=ended.task_id,
        owner_id=ended.owner_id,
        dialect=ended.dialect,
        scheduled_for=ended.scheduled_for,
        notebook=ended.notebook,
        variables=ended.variables,
        parameters=ended.parameters,
        settings=ended.settings,
        agent_id=ended.agent_id,
        **given,
    )


async def end_interrupted(
    execution: Execution, ports: ExecutionWorkPorts, why: str, *, holder: str | None = None
) -> None:
    """End an execution whose process died; queue the one that goes on, if its task says so."""
    if execution.state == "queued":
        # Nothing of it has happened: it stays what it is, for the next server.
        free = Replace(
            record=replace(execution, holder=""),
            expected={"state": "queued", "holder": execution.holder},
        )
        await ports.store.commit(free)
        return
    ended = await with_usage(
        replace(
            execution,
            state="interrupted",
            error_code="interrupted",
            error_message=why,
            ended_at=ports.clock.now(),
        ),
        ports.store,
    )
    settings, follower = ended.settings, None
    if settings.on_interrupt == "resume" and ended.attempt <= settings.max_retries + MAX_GOING_ON:
        follower = follower_of(ended, ports, trigger="resume", resumes=ended.id)
        follower = follower if holder is None else replace(follower, holder=holder)
    await close(ended, follower, ports, await last_seq(ended, ports.journal))


async def end_unbegun(execution: Execution, ports: ExecutionWorkPorts) -> bool:
    """Cancel an execution that nobody has taken yet; whether that was in time."""
    if execution.holder:
        return False
    ended = replace(
        execution,
        state=_CANCELLED.state,
        error_code=_CANCELLED.code,
        error_message=_CANCELLED.message,
        ended_at=ports.clock.now(),
    )
    with suppress(Conflict):
        await close(ended, None, ports, 1)
        return True
    return False


async def close(
    ended: Execution, follower: Execution | None, ports: ExecutionWorkPorts, seq: int
) -> None:
    """Keep a final state together with what follows from it; Conflict when it is not ours."""
    ended = replace(ended, last_seq=seq + 1, followed_by=follower.id if follower else "")
    expected = {"holder": ended.holder, "state": ("running", "queued")}
    changes: list[Change] = [Replace(record=ended, expected=expected)]
    if follower is not None:
        changes.append(Insert(record=follower))
    await ports.store.commit(*changes)
    ports.journal.record(finished_event(ended), source_of(ended))
    await ports.journal.sync(ended.conversation_id)
    if follower is not None:
        ports.journal.record(queued_event(follower), source_of(follower))
        if follower.holder == ports.store.holder():
            ports.launch(follower)


def queued_event(execution: Execution) -> ExecutionQueued:
    """The first event of an execution."""
    return ExecutionQueued(
        execution_id=execution.id,
        task_id=execution.task_id,
        seq=1,
        trigger=execution.trigger,
        attempt=execution.attempt,
        resumes=execution.resumes,
    )


def finished_event(execution: Execution) -> ExecutionFinished:
    """The last event of an execution."""
    assert execution.is_final, "only a final execution is finished"
    state: ExecutionEnd = execution.state  # type: ignore[assignment]
    return ExecutionFinished(
        execution_id=execution.id,
        task_id=execution.task_id,
        seq=execution.last_seq,
        state=state,
        error_code=execution.error_code,
        error_message=execution.error_message,
        input_tokens=execution.usage.input_tokens,
        output_tokens=execution.usage.output_tokens,
        cost_usd=execution.usage.cost_usd,
        n_runs=execution.n_runs,
        duration_ms=execution.duration_ms,
    )
