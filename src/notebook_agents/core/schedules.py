"""Schedules: when the next execution of a task is due, and what became of those before.

There is one for every task with a plan, and it changes in one transaction with its task. Servers
look for what is due in `schedule_work`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import InvalidRequest, NotFound, Unsupported
from notebook_agents.core.ports import Delete, Insert, Patch, Query

if TYPE_CHECKING:
    from notebook_agents.core.ports import Change, Clock, Store
    from notebook_agents.core.schedule_plans import Planned, SchedulePlan, Timetable
    from notebook_agents.core.users import Actor

MAX_GRACE_S = 24 * 3600.0
MAX_PREVIEW = 100
"""Ticks that are worked out at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What is known of the executions that a task starts by itself."""

    id: str
    """The task's."""
    owner_id: str
    next_run_at: datetime | None
    """The tick to meet next; None while it is paused, its task is not active, or none comes."""
    is_paused: bool = False
    claimed_by: str = ""
    """Whoever meets the tick now."""
    claimed_until: datetime
    """From then on somebody else may."""
    last_tick_at: datetime | None = None
    """The newest tick that started an execution."""
    last_execution_id: str = ""
    n_fired: int = 0
    n_skipped: int = 0
    last_skipped_at: datetime | None = None
    """The newest tick that passed without an execution."""
    last_skipped_reason: str = ""
    """Why, as in the event ``schedule_skipped``: its reason, and what is wrong."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePorts:
    """What the schedules service works with."""

    store: Store
    clock: Clock
    timetable: Timetable | None = None
    """None where nothing runs by itself."""


class Schedules:
    """Look at schedules, pause them and let them go on."""

    def __init__(self, ports: SchedulePorts) -> None:
        self._ports = ports

    def check(self, plan: SchedulePlan) -> None:
        """InvalidRequest that names the wrong field; Unsupported where nothing runs by itself."""
        self._timetable.check(plan.cron, plan.timezone)
        if not 0 <= plan.grace_s <= MAX_GRACE_S:
            raise InvalidRequest(
                f"the grace is from 0 to {MAX_GRACE_S:g} seconds", field="misfire_grace_seconds"
            )
        if plan.catch_up == "all" and plan.overlap != "queue":
            raise InvalidRequest(
                "to catch up with all missed ticks, executions must wait for each other:"
                " overlap must be 'queue'",
                field="overlap_policy",
            )

    def preview(
        self, plan: SchedulePlan, count: int = 5, after: datetime | None = None
    ) -> list[datetime]:
        """The next ticks of a plan, in UTC; fewer where there are no more."""
        if not 1 <= count <= MAX_PREVIEW:
            raise InvalidRequest(f"count is from 1 to {MAX_PREVIEW}", field="count")
        self._timetable.check(plan.cron, plan.timezone)
        after = after or self._ports.clock.now()
        return list(islice(self._timetable.ticks(plan.cron, plan.timezone, after), count))

    async def get(self, actor: Actor, task_id: str) -> Schedule:
        """The schedule of one of the actor's tasks; NotFound where there is none."""
        schedule = await self._ports.store.get(Schedule, task_id)
        if schedule is None or schedule.owner_id != actor.user_id:
            raise NotFound("schedule", task_id)
        return schedule

    async def of_tasks(self, task_ids: Sequence[str]) -> dict[str, Schedule]:
        """The schedules of tasks, by the id of the task."""
        if not task_ids:
            return {}
        query = Query(where={"id": tuple(task_ids)}, limit=len(task_ids))
        return {each.id: each for each in (await self._ports.store.find(Schedule, query)).items}

    async def pause(self, actor: Actor, task: Planned) -> Schedule:
        """Start nothing more by itself; executions that have begun go on."""
        return await self._set_paused(actor, task, is_paused=True)

    async def resume(self, actor: Actor, task: Planned) -> Schedule:
        """Go on with the next tick; those of the pause are not caught up with."""
        return await self._set_paused(actor, task, is_paused=False)

    async def is_due_within(self, seconds: float) -> bool:
        """Whether anybody's schedule has a tick within that time."""
        until = self._ports.clock.now() + timedelta(seconds=seconds)
        query = Query(at_most={"next_run_at": until}, limit=1)
        return (await self._ports.store.find(Schedule, query)).total > 0

    async def changes(
        self, task: Planned, was: Planned | None, *, is_deleted: bool = False
    ) -> Sequence[Change]:
        """What to commit together with a task that is new, changed or deleted."""
        known = None if was is None else await self._ports.store.get(Schedule, task.id)
        if is_deleted or task.schedule is None:
            return [] if known is None else [Delete(kind=Schedule, id=task.id)]
        if known is None:
            return [Insert(record=self._new(task))]
        if was is not None and _moments(was) == _moments(task):
            return []
        fields: dict[str, Any] = {
            "next_run_at": self._next(task, is_paused=known.is_paused),
            **self._unclaimed(),
        }
        expected = {"is_paused": known.is_paused}
        return [Patch(kind=Schedule, id=task.id, fields=fields, expected=expected)]

    async def _set_paused(self, actor: Actor, task: Planned, *, is_paused: bool) -> Schedule:
        known = await self.get(actor, task.id)
        if known.is_paused == is_paused:
            return known
        fields: dict[str, Any] = {
            "is_paused": is_paused,
            "next_run_at": self._next(task, is_paused=is_paused),
            **self._unclaimed(),
        }
        expected = {"is_paused": known.is_paused}
        await self._ports.store.commit(
            Patch(kind=Schedule, id=task.id, fields=fields, expected=expected)
        )
        return replace(known, **fields)

    def _unclaimed(self) -> dict[str, Any]:
        """What tells whoever meets a tick now that the schedule is another one."""
        now = self._ports.clock.now()
        return {"claimed_by": "", "claimed_until": now, "updated_at": now}

    def _new(self, task: Planned) -> Schedule:
        now = self._ports.clock.now()
        return Schedule(
            id=task.id,
            owner_id=task.owner_id,
            next_run_at=self._next(task, is_paused=False),
            claimed_until=now,
            created_at=now,
            updated_at=now,
        )

    def _next(self, task: Planned, *, is_paused: bool) -> datetime | None:
        if is_paused or not task.is_active or task.schedule is None:
            return None
        return next(iter(self.preview(task.schedule, 1)), None)

    @property
    def _timetable(self) -> Timetable:
        if self._ports.timetable is None:
            raise Unsupported("tasks do not run by themselves here; a server's do")
        return self._ports.timetable


def _moments(task: Planned) -> tuple[bool, str, str]:
    """What the next tick of a task depends on."""
    plan = task.schedule
    return (task.is_active, plan.cron, plan.timezone) if plan else (False, "", "")
