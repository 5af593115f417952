"""What happens at the ticks of schedules: facts, kept in the system's stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

SkipReason: TypeAlias = Literal["busy", "missed", "refused", "account"]
"""An earlier execution works; nobody was there; it cannot start; its owner may not run anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFired:
    """A tick of a schedule started an execution."""

    task_id: str
    execution_id: str
    scheduled_for: datetime
    late_s: float = 0.0
    task_name: str = ""
    type: Literal["schedule_fired"] = "schedule_fired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSkipped:
    """A tick of a schedule passed without an execution."""

    task_id: str
    scheduled_for: datetime
    reason: SkipReason
    detail: str = ""
    task_name: str = ""
    type: Literal["schedule_skipped"] = "schedule_skipped"
