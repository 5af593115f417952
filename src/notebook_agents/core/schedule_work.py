"""Meeting the ticks of schedules: claim what is due, start its execution, work out the next tick.

Several servers may look at once. A claim gives a schedule to one of them for a while, and the id of
an execution follows from its task and tick, so that the store takes it only once: whoever dies
between the claim and the end is followed by another, who finds the execution there or starts it.
An execution that was kept and has not begun when its server dies is taken over by `executions`.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Protocol

from notebook_agents.core.errors import Conflict, NotebookAgentsError, NotFound
from notebook_agents.core.executions import OPEN_EXECUTIONS, Execution, StartExecution
from notebook_agents.core.ids import new_id
from notebook_agents.core.journal import Source
from notebook_agents.core.ports import Delete, Patch, Query
from notebook_agents.core.schedule_events import ScheduleFired, ScheduleSkipped, SkipReason
from notebook_agents.core.schedule_plans import TICK_VARIABLES
from notebook_agents.core.schedules import Schedule
from notebook_agents.core.substitution import variables_of
from notebook_agents.core.tasks import Task

if TYPE_CHECKING:
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.schedule_plans import SchedulePlan, Timetable
    from notebook_agents.core.spawn import Supervisor
    from notebook_agents.core.users import Actor

POLL_S = 2.0
"""How often schedules are looked at that other processes have changed."""
LEAST_S = 0.05
"""The least wait between two looks, while another server is about to meet what is due."""
BROKEN_POLL_S = 10.0
"""The same after a round that failed, as all do while the database is away."""
LEASE_S = 30.0
"""How long a claim holds; longer than it takes to start an execution."""
BUSY_S = 1.0
"""How often a tick that waits for an earlier execution looks whether that has ended."""
AT_ONCE = 10
"""Schedules of one claim."""
MAX_CATCH_UP = 100
"""Missed ticks that are met one after another; of more, the newest."""
DIALECT = "schedule"
_NAMESPACE = uuid.UUID("5ced01e5-0000-5000-8000-000000000000")
_log = logging.getLogger(__name__)


class Starts(Protocol):
    """What meeting ticks needs of executions."""

    async def actor_of(self, owner_id: str) -> Actor | None:
        """Whom background work of an account runs as; None when it may not run anything."""
        ...

    async def start(self, actor: Actor, wish: StartExecution) -> Execution:
        """Accept an execution."""
        ...

    async def cancel(self, actor: Actor, id: str) -> Execution:
        """End one that is open."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingPorts:
    """What meeting ticks needs."""

    store: Store
    journal: Journal
    clock: Clock
    supervisor: Supervisor
    timetable: Timetable
    executions: Starts
    poll_s: float = POLL_S
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """The tick to meet now, None to let all due ones pass, and the one after it."""

    tick: datetime | None
    next: datetime | None
    passed: datetime
    task_name: str = ""


class ScheduleWork:
    """Meets the ticks of everybody's schedules."""

    def __init__(self, ports: SchedulingPorts) -> None:
        self._ports = ports

    async def work(self) -> None:
        """Meet ticks until cancelled. What fails is logged and tried again a little later."""
        while True:
            round_ = self._ports.supervisor.spawn(self._round(), name="a round of schedules")
            await asyncio.wait((round_,))
            is_broken = round_.cancelled() or round_.exception() is not None
            await self._ports.sleep(BROKEN_POLL_S if is_broken else round_.result())

    async def fire_due(self) -> int:
        """Meet every tick that is due and not met by another server; returns how many fired."""
        n = 0
        while claimed := await self._claim():
            for schedule in claimed:
                n += await self._meet(schedule)
        return n

    async def _round(self) -> float:
        """Meet what is due; returns the seconds until there may be more."""
        await self.fire_due()
        now = self._ports.clock.now()
        until = now + timedelta(seconds=self._ports.poll_s)
        soon = Query(at_most={"next_run_at": until}, limit=1000)
        found = (await self._ports.store.find(Schedule, soon)).items
        moments = [max(s.next_run_at, s.claimed_until) for s in found if s.next_run_at is not None]
        return max(LEAST_S, (min([*moments, until]) - now).total_seconds())

    async def _claim(self) -> Sequence[Schedule]:
        now = self._ports.clock.now()
        due = Query(at_most={"next_run_at": now, "claimed_until": now}, limit=AT_ONCE)
        fields = {"claimed_by": new_id(), "claimed_until": now + timedelta(seconds=LEASE_S)}
        return await self._ports.store.claim(Schedule, due, fields)

    async def _meet(self, schedule: Schedule) -> bool:
        """Whether a tick of the schedule started an execution."""
        store = self._ports.store
        task = await store.get(Task, schedule.id)
        if task is None or task.deleted_at is not None or task.schedule is None:
            await store.commit(Delete(kind=Schedule, id=schedule.id))
            return False
        step = replace(self._step(task.schedule, schedule), task_name=task.name)
        if step.tick is None:
            await self._skip(schedule, step, "missed")
            return False
        execution_id = execution_id_of(task.id, step.tick)
        if await store.get(Execution, execution_id) is not None:
            await self._advance(schedule, step, {})  # whoever started it could not say so
            return False
        actor = await self._ports.executions.actor_of(schedule.owner_id)
        if actor is None:
            await self._skip(schedule, step, "account")
            return False
        if not await self._has_room(actor, task, schedule, step):
            return False
        return await self._start(actor, schedule, step, task)

    async def _has_room(self, actor: Actor, task: Task, schedule: Schedule, step: _Step) -> bool:
        """Do what the plan says about earlier executions that still work."""
        query = Query(where={"task_id": task.id, "state": OPEN_EXECUTIONS}, limit=1000)
        found = (await self._ports.store.find(Execution, query)).items
        earlier = [execution for execution in found if execution.scheduled_for is not None]
        overlap = task.schedule.overlap if task.schedule else "skip"
        if not earlier:
            return True
        if overlap == "skip":
            await self._skip(schedule, step, "busy")
        elif overlap == "queue":
            later = self._ports.clock.now() + timedelta(seconds=BUSY_S)
            await self._patch(schedule, {"claimed_by": "", "claimed_until": later})
        else:
            for execution in earlier:
                with suppress(Conflict, NotFound):  # it has ended meanwhile
                    await self._ports.executions.cancel(actor, execution.id)
            return True
        return False

    async def _start(self, actor: Actor, schedule: Schedule, step: _Step, task: Task) -> bool:
        assert step.tick is not None
        wish = StartExecution(
            id=execution_id_of(schedule.id, step.tick),
            task_id=schedule.id,
            variables=self._variables(step.tick, task),
            trigger="schedule",
            scheduled_for=step.tick,
        )
        try:
            await self._ports.executions.start(actor, wish)
        except NotebookAgentsError as error:
            if await self._ports.store.get(Execution, wish.id) is None:
                await self._skip(schedule, step, "refused", error.message)
                return False
            # Another server had claimed it longer ago than a claim holds, and was not dead.
            await self._advance(schedule, step, {})
            return False
        fields = {
            "last_tick_at": step.tick,
            "last_execution_id": wish.id,
            "n_fired": schedule.n_fired + 1,
        }
        await self._advance(schedule, step, fields)
        late_s = max(0.0, (self._ports.clock.now() - step.tick).total_seconds())
        fired = ScheduleFired(
            task_id=schedule.id,
            execution_id=wish.id,
            scheduled_for=step.tick,
            late_s=late_s,
            task_name=step.task_name,
        )
        self._ports.journal.record(fired, _source(schedule))
        return True

    def _variables(self, tick: datetime, task: Task) -> dict[str, Any]:
        assert task.schedule is not None
        return variables_at(self._ports.timetable.local(tick, task.schedule.timezone), task)

    async def _skip(
        self, schedule: Schedule, step: _Step, reason: SkipReason, detail: str = ""
    ) -> None:
        tick = step.tick or step.passed
        _log.info("task %s does not run at %s: %s %s", schedule.id, tick, reason, detail)
        fields = {
            "n_skipped": schedule.n_skipped + 1,
            "last_skipped_at": tick,
            "last_skipped_reason": f"{reason}: {detail}" if detail else reason,
        }
        if await self._advance(schedule, step, fields):
            skipped = ScheduleSkipped(
                task_id=schedule.id,
                scheduled_for=tick,
                reason=reason,
                detail=detail,
                task_name=step.task_name,
            )
            self._ports.journal.record(skipped, _source(schedule))

    async def _advance(self, schedule: Schedule, step: _Step, fields: dict[str, Any]) -> bool:
        """Wait for the next tick from now on."""
        now = self._ports.clock.now()
        free = {"next_run_at": step.next, "claimed_by": "", "claimed_until": now}
        return await self._patch(schedule, fields | free)

    async def _patch(self, schedule: Schedule, fields: dict[str, Any]) -> bool:
        """Change a schedule unless it was changed, or claimed by another, since it was claimed."""
        patch = Patch(
            kind=Schedule,
            id=schedule.id,
            fields=fields,
            expected={"claimed_by": schedule.claimed_by},
        )
        try:
            await self._ports.store.commit(patch)
        except (Conflict, NotFound):
            return False
        return True

    def _step(self, plan: SchedulePlan, schedule: Schedule) -> _Step:
        """Which of the ticks that are due to meet."""
        assert schedule.next_run_at is not None
        now = self._ports.clock.now()
        due = self._due(plan, schedule.next_run_at, now)
        after = next(self._ports.timetable.ticks(plan.cron, plan.timezone, now), None)
        newest = due[-1] if due else schedule.next_run_at
        if not due:
            return _Step(tick=None, next=after, passed=newest)
        if plan.catch_up == "all":
            return _Step(tick=due[0], next=due[1] if len(due) > 1 else after, passed=newest)
        is_late = (now - newest).total_seconds() > plan.grace_s
        is_met = not is_late or plan.catch_up == "late_once"
        return _Step(tick=newest if is_met else None, next=after, passed=newest)

    def _due(self, plan: SchedulePlan, first: datetime, now: datetime) -> list[datetime]:
        """The newest ticks from ``first`` until now, in order.

        Looks back no further than it must: after a long time there may be very many.
        """
        wanted = MAX_CATCH_UP if plan.catch_up == "all" else 1
        window = timedelta(hours=1)
        while True:
            start = max(first, now - window)
            ticks = self._ports.timetable.ticks(
                plan.cron, plan.timezone, start - timedelta(microseconds=1)
            )
            newest = deque(takewhile(lambda tick: tick <= now, ticks), maxlen=wanted)
            if start == first or len(newest) == wanted:
                return list(newest)
            window *= 4


def execution_id_of(task_id: str, tick: datetime) -> str:
    """The id of the execution that a tick of a task starts, in whichever process."""
    return str(uuid.uuid5(_NAMESPACE, f"{task_id} {tick.timestamp()}"))


def variables_at(local: datetime, task: Task) -> dict[str, Any]:
    """The variables of the execution that a tick starts.

    What the plan gives; of the prompt's others ``date``, ``time`` and ``scheduled_for`` are those
    of the tick, on the clocks of the plan's zone.
    """
    plan = task.schedule
    if plan is None:
        return {}
    texts = (f"{local:%Y-%m-%d}", f"{local:%H:%M}", local.isoformat())
    told = dict(zip(TICK_VARIABLES, texts, strict=True))
    asked = set(variables_of(task.prompt_template)) - set(task.settings.variables)
    return {name: text for name, text in told.items() if name in asked} | plan.variables


def _source(schedule: Schedule) -> Source:
    return Source(user_id=schedule.owner_id, dialect=DIALECT)
