"""When a task is to run by itself: what somebody wishes, and what works it out.

A plan belongs to its task and says nothing of what has happened; `schedules` keeps when the next
execution is due and what became of those before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from notebook_agents.core.ports import Change

Overlap: TypeAlias = Literal["skip", "queue", "cancel_previous"]
"""What happens at a tick while the execution of an earlier one still works."""
CatchUp: TypeAlias = Literal["late_once", "skip", "all"]
"""What happens to ticks at which no server was there."""
GRACE_S = 60.0
TICK_VARIABLES = ("date", "time", "scheduled_for")
"""Variables of a prompt that are the tick's own where nobody gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePlan:
    """The moments at which a task runs by itself, called its ticks."""

    cron: str
    """Five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday)."""
    timezone: str = "UTC"
    """Whose clocks the fields mean, such as ``Europe/Berlin``."""
    overlap: Overlap = "skip"
    catch_up: CatchUp = "late_once"
    """Once for all ticks that were missed, not at all, or once for each."""
    grace_s: float = GRACE_S
    """A tick this much late still counts as on time."""
    variables: dict[str, Any] = field(default_factory=dict)
    """Values for the task's variables in these executions."""


class Timetable(Protocol):
    """Works out the ticks of cron expressions."""

    def check(self, cron: str, timezone: str) -> None:
        """InvalidRequest that names the field, its position and what it may be."""
        ...

    def ticks(self, cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
        """The ticks later than a moment, in order and in UTC; ends when there will be none."""
        ...

    def local(self, moment: datetime, timezone: str) -> datetime:
        """A moment on the clocks of a zone."""
        ...


class Planned(Protocol):
    """What a schedule knows of its task."""

    @property
    def id(self) -> str:
        """Of the task, and of its schedule."""
        ...

    @property
    def owner_id(self) -> str:
        """Whose it is."""
        ...

    @property
    def is_active(self) -> bool:
        """Whether it may run at all."""
        ...

    @property
    def schedule(self) -> SchedulePlan | None:
        """None does not run by itself."""
        ...


class TaskSchedules(Protocol):
    """What the tasks service needs of schedules."""

    def check(self, plan: SchedulePlan) -> None:
        """InvalidRequest that names the wrong field of a plan."""
        ...

    async def changes(
        self, task: Planned, was: Planned | None, *, is_deleted: bool = False
    ) -> Sequence[Change]:
        """What to commit together with a task that is new, changed or deleted."""
        ...
