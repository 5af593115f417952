"""Schedules of tasks: what ``is_scheduled`` and ``schedule_cron`` of a task stand for, in full."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from notebook_agents.core.schedule_plans import GRACE_S, CatchUp, Overlap
from notebook_agents_server.bodies import Answer, Query, Request

CRON_CHARS = 200


class ScheduleQuery(Query):
    """How many of the next runs to tell."""

    count: Annotated[int, Field(ge=1, le=100)] = 5


class PlanScheduleRequest(Request):
    """When a task is to run by itself."""

    schedule_cron: Annotated[str, Field(min_length=1, max_length=CRON_CHARS)]
    timezone: Annotated[str, Field(min_length=1, max_length=100)] = "UTC"
    overlap_policy: Overlap = "skip"
    catch_up_policy: CatchUp = "late_once"
    misfire_grace_seconds: Annotated[float, Field(ge=0, le=86400)] = GRACE_S
    variables: dict[str, Any] = Field(default_factory=dict)


class ScheduleAnswer(Answer):
    """A schedule, and what became of it so far."""

    task_id: str
    schedule_cron: str
    timezone: str
    overlap_policy: Overlap
    catch_up_policy: CatchUp
    misfire_grace_seconds: float
    variables: dict[str, Any]
    is_paused: bool
    next_run_at: AwareDatetime | None
    next_runs: list[AwareDatetime]
    last_run_at: AwareDatetime | None
    last_execution_id: str | None
    fired_count: int
    skipped_count: int
    last_skipped_at: AwareDatetime | None
    last_skipped_reason: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
