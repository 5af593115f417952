"""Between schedules on the wire and in the core."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from notebook_agents.core.schedule_plans import SchedulePlan
from notebook_agents_server.dialects.agent_api import schedule_wire as wire

if TYPE_CHECKING:
    from notebook_agents.core.schedules import Schedule


def plan_from_wire(body: wire.PlanScheduleRequest) -> SchedulePlan:
    """When a task is to run by itself."""
    return SchedulePlan(
        cron=body.schedule_cron,
        timezone=body.timezone,
        overlap=body.overlap_policy,
        catch_up=body.catch_up_policy,
        grace_s=body.misfire_grace_seconds,
        variables=body.variables,
    )


def schedule_to_wire(
    schedule: Schedule, plan: SchedulePlan, next_runs: Sequence[datetime]
) -> wire.ScheduleAnswer:
    """A schedule with the ticks that come next."""
    return wire.ScheduleAnswer(
        task_id=schedule.id,
        schedule_cron=plan.cron,
        timezone=plan.timezone,
        overlap_policy=plan.overlap,
        catch_up_policy=plan.catch_up,
        misfire_grace_seconds=plan.grace_s,
        variables=plan.variables,
        is_paused=schedule.is_paused,
        next_run_at=schedule.next_run_at,
        next_runs=list(next_runs),
        last_run_at=schedule.last_tick_at,
        last_execution_id=schedule.last_execution_id or None,
        fired_count=schedule.n_fired,
        skipped_count=schedule.n_skipped,
        last_skipped_at=schedule.last_skipped_at,
        last_skipped_reason=schedule.last_skipped_reason or None,
        created_at=schedule.created_at,
        updated_at=schedule.updated_at,
    )
