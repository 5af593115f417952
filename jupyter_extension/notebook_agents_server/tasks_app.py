"""``jupyter agents tasks``: tasks made, run and scheduled on the server's own machine.

It works on the same records as a running server: what it schedules runs there, and so does what
it runs, unless it is to wait for the end of it.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from traitlets import Bool, Enum, Float, Int, List, Unicode

from notebook_agents.core.conversations import ConversationSettings
from notebook_agents.core.errors import InvalidRequest, NotFound
from notebook_agents.core.executions import ListExecutions, StartExecution
from notebook_agents.core.schedule_plans import GRACE_S, SchedulePlan
from notebook_agents.core.task_words import (
    find_execution,
    find_task,
    progress_line,
    variables_from,
)
from notebook_agents.core.tasks import MAX_TASKS, CreateTask, ListTasks, TaskChanges, TaskSettings
from notebook_agents_server.account_commands import AccountCommand, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from notebook_agents.core.core import Core
    from notebook_agents.core.executions import Execution
    from notebook_agents.core.schedule_plans import CatchUp, Overlap
    from notebook_agents.core.tasks import Task
    from notebook_agents.core.users import Actor

USAGE = """\
jupyter agents tasks create NAME (--prompt=TEXT | --notebook=PATH) [--cron=…] | list | show TASK
                     | run TASK [--var=NAME=VALUE]… [--wait] | executions TASK
                     | schedule TASK CRON [--timezone=…] | unschedule TASK | next TASK
                     | pause TASK | resume TASK | delete TASK
                     | logs EXECUTION | artifacts EXECUTION [NAME] | cancel EXECUTION"""
DESCRIPTION = f"""\
Make, run and schedule tasks: saved prompts, or notebooks, with variables.

    {USAGE}

TASK is a name or an id; EXECUTION is an id, or the task whose newest one is meant. A variable of a
prompt is written {{{{name}}}} there and given as --var=name=value, once for each.

run hands the task to a running server; with --wait it runs here, tells what happens and ends with
code 1 when it does not succeed. {{{{date}}}} and {{{{time}}}} are those of the schedule's tick
unless they are given. Scheduled tasks run wherever a server of this home or database
runs, with or without a browser. CRON has five fields, in quotes: '0 9 * * MON-FRI'.
"""
EXAMPLES = """\
jupyter agents tasks create Daily --prompt='What is the total in {{file}}?'
jupyter agents tasks run Daily --var=file=sales.csv --wait
jupyter agents tasks schedule Daily '0 9 * * *' --var=file=sales.csv
jupyter agents tasks next Daily --count=3
"""
MOMENT = "%Y-%m-%d %H:%M %Z"
FAILED = 1
INTERRUPTED = 130
"""The exit code of what Ctrl-C ended."""


class TasksApp(AccountCommand):
    """Make, run and schedule tasks."""

    name = "jupyter-agents-tasks"
    words = "jupyter agents tasks"
    description = DESCRIPTION
    examples = EXAMPLES
    aliases = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **AccountCommand.aliases,
        **{
            option.replace("_", "-"): f"TasksApp.{option}"
            for option in ("prompt", "notebook", "cron", "timezone", "overlap", "catch_up", "count")
        },
        "about": "TasksApp.about",
        "grace": "TasksApp.grace_s",
        "timeout": "TasksApp.timeout_s",
        "model": "TasksApp.task_model",
        "var": "TasksApp.variables",
        "user": "TasksApp.user",
    }
    flags = {  # noqa: RUF012 - declared as an instance variable by traitlets
        **AccountCommand.flags,
        "wait": ({"TasksApp": {"is_waiting": True}}, "Run it here and tell what happens."),
    }
    prompt = Unicode(help="The prompt of a new task, with {{variables}}.").tag(config=True)
    notebook = Unicode(help="The notebook of a new task, below the server's task_folder.").tag(
        config=True
    )
    about = Unicode(help="What a new task is for.").tag(config=True)
    task_model = Unicode(help="The model of a new task; empty is the deployment's.").tag(
        config=True
    )
    timeout_s = Float(1800.0, help="How long an execution of a new task may take.").tag(config=True)
    variables = List(Unicode(), help="name=value of a variable; once for each.").tag(config=True)
    cron = Unicode(help="When a new task runs by itself: five fields.").tag(config=True)
    timezone = Unicode("UTC", help="Whose clocks the fields mean.").tag(config=True)
    overlap = Enum(
        ("skip", "queue", "cancel_previous"),
        "skip",
        help="What happens while an earlier execution still works.",
    ).tag(config=True)
    catch_up = Enum(
        ("late_once", "skip", "all"),
        "late_once",
        help="How often a task runs for times at which no server was there.",
    ).tag(config=True)
    grace_s = Float(GRACE_S, help="How many seconds late is still on time.").tag(config=True)
    count = Int(5, help="How many of the next times to tell.").tag(config=True)
    user = Unicode(help="Whose tasks; empty is the owner.").tag(config=True)
    is_waiting = Bool(help="Whether to run here and tell what happens.").tag(config=True)
    exit_code = 0

    def start(self) -> None:
        """Do what the command line says; how an execution ended is the exit code."""
        try:
            super().start()
        except KeyboardInterrupt:  # impatiently: once more while it was being cancelled
            self.exit_code = INTERRUPTED
        if self.exit_code:
            sys.exit(self.exit_code)

    async def obey(self, core: Core, owner: Actor) -> list[str]:
        """Do what the command line says."""
        actor = await self._actor(core, owner)
        match self.extra_args:
            case ["create", name]:
                return await self._create(core, actor, name)
            case ["list"]:
                return await _list(core, actor)
            case ["logs" | "artifacts" | "cancel" as verb, named, *rest]:
                execution = await find_execution(core.executions, core.tasks, actor, named)
                return await self._about_execution(core, actor, (verb, *rest), execution)
            case [verb, named, *rest]:
                task = await find_task(core.tasks, actor, named)
                return await self._about_task(core, actor, (verb, *rest), task)
            case _:
                raise InvalidRequest(f"usage: {USAGE}")

    async def _actor(self, core: Core, owner: Actor) -> Actor:
        if not self.user:
            return owner
        user = await core.users.find(self.user)
        actor = await core.executions.actor_of(user.id) if user else None
        if actor is None:
            raise NotFound("user", self.user)
        return actor

    async def _create(self, core: Core, actor: Actor, name: str) -> list[str]:
        settings = TaskSettings(
            agent=ConversationSettings(model=self.task_model or None),
            variables=variables_from(self.variables),
            timeout_s=self.timeout_s,
        )
        wish = CreateTask(
            name=name,
            description=self.about,
            prompt_template=self.prompt,
            notebook=self.notebook,
            settings=settings,
            schedule=self._plan(self.cron, {}) if self.cron else None,
        )
        task = await core.tasks.create(actor, wish)
        return [f"created {task.id}", *await self._next(core, actor, task)]

    async def _about_task(
        self, core: Core, actor: Actor, words: Sequence[str], task: Task
    ) -> list[str]:
        match words:
            case ["show"]:
                return await self._show(core, actor, task)
            case ["run"]:
                return await self._run_task(core, actor, task)
            case ["executions"]:
                return await _executions(core, actor, task)
            case ["schedule", cron]:
                changes = TaskChanges(schedule=self._plan(cron, variables_from(self.variables)))
                task = await core.tasks.update(actor, task.id, changes)
            case ["unschedule"]:
                await core.tasks.update(actor, task.id, TaskChanges(is_unscheduled=True))
                return [f"{task.name} runs only when somebody asks"]
            case ["pause"]:
                await core.schedules.pause(actor, task)
            case ["resume"]:
                await core.schedules.resume(actor, task)
            case ["next"]:
                await core.schedules.get(actor, task.id)
            case ["delete"]:
                await core.tasks.delete(actor, task.id)
                return [f"deleted {task.name}"]
            case _:
                raise InvalidRequest(f"usage: {USAGE}")
        return await self._next(core, actor, task)

    def _plan(self, cron: str, variables: dict[str, Any]) -> SchedulePlan:
        return SchedulePlan(
            cron=cron,
            timezone=self.timezone,
            overlap=cast("Overlap", self.overlap),
            catch_up=cast("CatchUp", self.catch_up),
            grace_s=self.grace_s,
            variables=variables,
        )

    async def _next(self, core: Core, actor: Actor, task: Task) -> list[str]:
        """The next times of a task that has a schedule."""
        if task.schedule is None:
            return []
        schedule = await core.schedules.get(actor, task.id)
        if schedule.next_run_at is None:
            return ["paused" if schedule.is_paused else "no further time comes"]
        ticks = core.schedules.preview(task.schedule, self.count)
        return [_when(tick, task.schedule.timezone) for tick in ticks]

    async def _show(self, core: Core, actor: Actor, task: Task) -> list[str]:
        plan = task.schedule
        named = ", ".join(sorted(await core.tasks.names_of(task))) or "none"
        lines = [
            f"id         {task.id}",
            f"name       {task.name}",
            f"about      {task.description}",
            f"notebook   {task.notebook}"
            if task.notebook
            else f"prompt     {task.prompt_template}",
            f"variables  {named}",
            f"state      {'active' if task.is_active else 'not active'}",
            f"schedule   {plan.cron} {plan.timezone}, overlap {plan.overlap}" if plan else "",
            *(f"next       {when}" for when in await self._next(core, actor, task)),
            await _skipped(core, actor, task),
        ]
        return [line for line in lines if line] + await _executions(core, actor, task, limit=3)

    async def _run_task(self, core: Core, actor: Actor, task: Task) -> list[str]:
        wish = StartExecution(
            task_id=task.id,
            variables=variables_from(self.variables),
            is_deferred=not self.is_waiting,
        )
        execution = await core.executions.start(actor, wish)
        if not self.is_waiting:
            return [f"queued {execution.id}; a running server begins it in a few seconds"]
        try:
            ended = await _follow(core, actor, execution)
        except asyncio.CancelledError:  # Ctrl-C
            await core.executions.cancel(actor, execution.id)
            self.exit_code = INTERRUPTED
            return [f"cancelled {execution.id}"]
        self.exit_code = 0 if ended.state == "succeeded" else FAILED
        return []

    async def _about_execution(
        self, core: Core, actor: Actor, words: Sequence[str], execution: Execution
    ) -> list[str]:
        match words:
            case ["cancel"]:
                ended = await core.executions.cancel(actor, execution.id)
                return [f"{execution.id}  {ended.state if ended.is_final else 'is asked to end'}"]
            case ["artifacts"]:
                found = await core.executions.artifacts(actor, execution.id)
                return [f"{a.name}  {a.media_type}  {a.size_bytes} bytes" for a in found]
            case ["artifacts", name]:
                _, content = await core.executions.artifact(actor, execution.id, name)
                sys.stdout.buffer.write(content)
                return []
            case ["logs"]:
                await _follow(core, actor, execution)
                return []
            case _:
                raise InvalidRequest(f"usage: {USAGE}")


async def _follow(core: Core, actor: Actor, execution: Execution) -> Execution:
    """Print what happens until it has ended."""
    _say(f"execution {execution.id}")
    async with aclosing(core.executions.events(actor, execution.id)) as events:
        async for event in events:
            if line := progress_line(event.body):
                _say(line)
    return await core.executions.wait(actor, execution.id)


async def _list(core: Core, actor: Actor) -> list[str]:
    tasks = (await core.tasks.list(actor, ListTasks(limit=MAX_TASKS))).items
    schedules = await core.schedules.of_tasks([task.id for task in tasks])
    lines = ["id  name  state  schedule  next time"]
    for task in tasks:
        known = schedules.get(task.id)
        state = "active" if task.is_active else "not active"
        plan, when = "-", "-"
        if known is not None and task.schedule is not None:
            plan = f"{task.schedule.cron} {task.schedule.timezone}"
            due = known.next_run_at
            when = "paused" if due is None else _when(due, task.schedule.timezone)
        lines.append(f"{task.id}  {task.name}  {state}  {plan}  {when}")
    return lines


async def _skipped(core: Core, actor: Actor, task: Task) -> str:
    """Why the last tick without an execution had none; empty where there was no such tick."""
    if task.schedule is None:
        return ""
    schedule = await core.schedules.get(actor, task.id)
    if schedule.last_skipped_at is None:
        return ""
    moment = _when(schedule.last_skipped_at, task.schedule.timezone)
    return f"left out   {moment}: {schedule.last_skipped_reason}"


async def _executions(core: Core, actor: Actor, task: Task, limit: int = 20) -> list[str]:
    wish = ListExecutions(task_id=task.id, limit=limit)
    found = (await core.executions.list(actor, wish)).items
    return ["execution  state  trigger  began  seconds", *map(_execution_line, found)]


def _execution_line(execution: Execution) -> str:
    began = _when(execution.started_at or execution.created_at)
    seconds = f"{execution.duration_ms / 1000:.1f}" if execution.is_final else "-"
    line = f"{execution.id}  {execution.state}  {execution.trigger}  {began}  {seconds}"
    return f"{line}  {execution.error_message}".rstrip()


def _when(moment: datetime, timezone: str = "UTC") -> str:
    return f"{moment.astimezone(ZoneInfo(timezone)):{MOMENT}}"


def _say(line: str) -> None:
    sys.stdout.write(f"{printable(line)}\n")
    sys.stdout.flush()
