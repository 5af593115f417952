"""Task Endpoints: when a task runs by itself. The document has ``schedule_cron`` only."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from notebook_agents.core.errors import NotFound
from notebook_agents.core.tasks import TaskChanges
from notebook_agents_server.base import Route
from notebook_agents_server.dialects.agent_api import schedule_mapping as mapping
from notebook_agents_server.dialects.agent_api import schedule_wire as wire
from notebook_agents_server.dialects.agent_api.handlers import AgentApiHandler
from notebook_agents_server.operations import operation

if TYPE_CHECKING:
    from notebook_agents.core.tasks import Task

TASK = "/api/v1/tasks/{task_id}"


class ScheduleHandler(AgentApiHandler):
    """A handler of schedules."""

    async def task(self, task_id: str) -> Task:
        """The caller's task."""
        return await self.core.tasks.get(self.actor, self.id_of("task", task_id))

    async def reply_schedule(self, task: Task, count: int = 5) -> None:
        """Answer with the schedule of a task; a paused one has no next runs."""
        schedule = await self.core.schedules.get(self.actor, task.id)
        if task.schedule is None:
            raise NotFound("schedule", task.id)
        is_going = schedule.next_run_at is not None
        ticks = self.core.schedules.preview(task.schedule, count) if is_going else []
        self.reply(mapping.schedule_to_wire(schedule, task.schedule, ticks))


class Schedule(ScheduleHandler):
    """``/api/v1/tasks/{task_id}/schedule``."""

    endpoint: ClassVar[str] = f"{TASK}/schedule"

    @operation(query=wire.ScheduleQuery, answer=wire.ScheduleAnswer)
    async def get(self, task_id: str) -> None:
        """When the task runs by itself, and when the next times are."""
        query = self.parse_query(wire.ScheduleQuery)
        await self.reply_schedule(await self.task(task_id), query.count)

    @operation(body=wire.PlanScheduleRequest, answer=wire.ScheduleAnswer, errors=(409,))
    async def put(self, task_id: str) -> None:
        """Run the task by itself from now on, at these times and no others."""
        plan = mapping.plan_from_wire(self.parse(wire.PlanScheduleRequest))
        task = await self.task(task_id)
        changes = TaskChanges(schedule=plan)
        await self.reply_schedule(await self.core.tasks.update(self.actor, task.id, changes))

    @operation(status=204, errors=(409,))
    async def delete(self, task_id: str) -> None:
        """Run the task only when somebody asks."""
        task = await self.task(task_id)
        await self.core.tasks.update(self.actor, task.id, TaskChanges(is_unscheduled=True))
        self.set_status(204)
        self.finish()


class Pause(ScheduleHandler):
    """``POST /api/v1/tasks/{task_id}/pause``."""

    endpoint: ClassVar[str] = f"{TASK}/pause"

    @operation(answer=wire.ScheduleAnswer, errors=(409,))
    async def post(self, task_id: str) -> None:
        """Start nothing more by itself; an execution that has begun goes on."""
        task = await self.task(task_id)
        await self.core.schedules.pause(self.actor, task)
        await self.reply_schedule(task)


class Resume(ScheduleHandler):
    """``POST /api/v1/tasks/{task_id}/resume``."""

    endpoint: ClassVar[str] = f"{TASK}/resume"

    @operation(answer=wire.ScheduleAnswer, errors=(409,))
    async def post(self, task_id: str) -> None:
        """Go on with the next time; those that passed meanwhile are left out."""
        task = await self.task(task_id)
        await self.core.schedules.resume(self.actor, task)
        await self.reply_schedule(task)


ROUTES: list[Route] = [
    (r"/api/v1/tasks/([^/]+)/schedule", Schedule),
    (r"/api/v1/tasks/([^/]+)/pause", Pause),
    (r"/api/v1/tasks/([^/]+)/resume", Resume),
]
