"""Tasks: saved prompts or notebooks with variables, and maybe a schedule.

A task says what is to be done and within which bounds; each time it is done is an execution.
"""

from __future__ import annotations

import ast
import builtins
import json
import keyword
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from notebook_agents.core.conversations import ConversationSettings
from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound, Unsupported
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Insert, Page, Patch, Query, Replace
from notebook_agents.core.schedule_plans import TICK_VARIABLES, SchedulePlan
from notebook_agents.core.substitution import (
    MAX_CHARS,
    MAX_VARIABLES,
    check_names,
    is_name,
    variables_of,
)

if TYPE_CHECKING:
    from notebook_agents.core.executions import TaskRunner
    from notebook_agents.core.models import Models
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.schedule_plans import TaskSchedules
    from notebook_agents.core.tools import Tools
    from notebook_agents.core.users import Actor

MAX_TASKS = 1000
"""Of one owner."""
MAX_TIMEOUT_S = 24 * 3600.0
MAX_RETRIES = 10
MAX_BACKOFF_S = 24 * 3600.0
MAX_CHECKS = 20
MAX_CHECK_CHARS = 500
MAX_VALUE_CHARS = 100_000
"""Of one variable, written as JSON."""
CHECK_NAMES = frozenset(
    {"text", "last", "result", "cells", "errors", "seconds", "tokens", "tool_calls"}
    | {"len", "lower", "upper", "number", "contains", "matches", "rows"}
)
"""What the checks of a task can speak of: see ``docs/tasks.md``."""
MORE_THAN_CHECKS = (ast.Lambda, ast.comprehension, ast.Attribute, ast.NamedExpr, ast.JoinedStr)
REPORT_FORMATS = ("markdown", "html", "json", "pdf", "ipynb")
OnInterrupt: TypeAlias = Literal["mark", "resume"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSettings:
    """How the executions of a task are to go."""

    agent: ConversationSettings = field(default_factory=ConversationSettings)
    """Model, tools and policy of the conversation of each execution."""
    variables: dict[str, Any] = field(default_factory=dict)
    """Values of variables where an execution gives none."""
    timeout_s: float = 1800.0
    """Wall clock of one execution, from the start of its notebook on."""
    max_tokens: int | None = None
    """Output tokens of all answers of one execution."""
    max_cost_usd: float | None = None
    """Of all answers of one execution, where prices are known."""
    max_retries: int = 0
    """How many executions may follow one that failed or ran out of time."""
    backoff_s: float = 30.0
    """Before the first of them; doubled before each further one."""
    on_interrupt: OnInterrupt = "mark"
    """Whether an execution whose server died goes on at another, from where it was."""
    checks: tuple[str, ...] = ()
    """What must hold of the outputs of an execution that succeeds."""
    report_format: str = ""
    """The report that is made of each execution; empty makes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A saved prompt or notebook."""

    id: str
    owner_id: str
    name: str
    description: str = ""
    prompt_template: str = ""
    notebook: str = ""
    """Path of the owner's own notebook below the folder for them; empty is the built-in one."""
    settings: TaskSettings = field(default_factory=TaskSettings)
    schedule: SchedulePlan | None = None
    is_active: bool = True
    dialect: str = ""
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None

    @property
    def is_scheduled(self) -> bool:
        """Whether it is executed by itself."""
        return self.schedule is not None

    @property
    def schedule_cron(self) -> str:
        """When, as five fields of cron; empty without a schedule."""
        return self.schedule.cron if self.schedule else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTask:
    """The wish for a new task."""

    name: str
    description: str = ""
    prompt_template: str = ""
    notebook: str = ""
    settings: TaskSettings = field(default_factory=TaskSettings)
    schedule: SchedulePlan | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChanges:
    """A partial update: only what is not None changes."""

    name: str | None = None
    description: str | None = None
    prompt_template: str | None = None
    notebook: str | None = None
    settings: TaskSettings | None = None
    schedule: SchedulePlan | None = None
    is_unscheduled: bool = False
    """Whether the schedule goes away."""
    is_active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTasks:
    """Which tasks to list; newest first."""

    is_active: bool | None = None
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPorts:
    """What the tasks service works with."""

    store: Store
    clock: Clock
    models: Models
    tools: Tools
    runner: TaskRunner | None = None
    """None where nothing can be executed."""
    schedules: TaskSchedules | None = None


class Tasks:
    """Create, read, change and remove tasks."""

    def __init__(self, ports: TaskPorts) -> None:
        self._ports = ports

    async def create(self, actor: Actor, wish: CreateTask) -> Task:
        """Save a new task.

        Raises InvalidRequest naming the field that is wrong, and NotPermitted when somebody who
        is no administrator names a notebook.
        """
        owned = Query(where={"owner_id": actor.user_id, "deleted_at": None}, limit=1)
        if (await self._ports.store.find(Task, owned)).total >= MAX_TASKS:
            raise Conflict(f"you have {MAX_TASKS} tasks, the most there may be; delete one first")
        now = self._ports.clock.now()
        task = Task(
            id=new_id(),
            owner_id=actor.user_id,
            name=wish.name.strip(),
            description=wish.description,
            prompt_template=wish.prompt_template,
            notebook=wish.notebook,
            settings=wish.settings,
            schedule=wish.schedule,
            is_active=wish.is_active,
            dialect=actor.dialect,
            created_at=now,
            updated_at=now,
        )
        await self._check(actor, task)
        planned = await self._planned(task, None)
        await self._ports.store.commit(Insert(record=task), *planned)
        return task

    async def get(self, actor: Actor, id: str) -> Task:
        """One of the actor's tasks; NotFound when it is somebody else's."""
        task = await self._ports.store.get(Task, id)
        if task is None or task.deleted_at is not None or task.owner_id != actor.user_id:
            raise NotFound("task", id)
        return task

    async def list(self, actor: Actor, wish: ListTasks) -> Page[Task]:
        """The actor's tasks, newest first."""
        where: dict[str, object] = {"owner_id": actor.user_id, "deleted_at": None}
        if wish.is_active is not None:
            where["is_active"] = wish.is_active
        query = Query(where=where, limit=wish.limit, offset=wish.offset)
        return await self._ports.store.find(Task, query)

    async def update(self, actor: Actor, id: str, changes: TaskChanges) -> Task:
        """Change what is given; executions that have begun go on as they are."""
        was = await self.get(actor, id)
        names = ("name", "description", "prompt_template", "notebook", "settings", "schedule")
        given = {name: getattr(changes, name) for name in (*names, "is_active")}
        fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if changes.is_unscheduled:
            fields["schedule"] = None
        task = replace(was, **fields, updated_at=self._ports.clock.now())
        await self._check(actor, task)
        planned = await self._planned(task, was)
        expected = {"updated_at": was.updated_at, "deleted_at": None}
        await self._ports.store.commit(Replace(record=task, expected=expected), *planned)
        return task

    async def delete(self, actor: Actor, id: str) -> Task:
        """Hide it for good and end its schedule; Conflict while an execution goes on.

        What its executions made is removed with it; their conversations stay.
        """
        from notebook_agents.core.executions import OPEN_EXECUTIONS, Execution

        task = await self.get(actor, id)
        store = self._ports.store
        mine = Query(where={"task_id": task.id}, limit=10_000)
        executions = (await store.find(Execution, mine)).items
        if any(execution.state in OPEN_EXECUTIONS for execution in executions):
            raise Conflict("the task has an execution that is not finished; cancel it first")
        gone = {"deleted_at": self._ports.clock.now()}
        planned = await self._planned(task, task, is_deleted=True)
        await store.commit(
            Patch(kind=Task, id=task.id, fields=gone, expected={"deleted_at": None}),
            *(Patch(kind=Execution, id=each.id, fields=gone) for each in executions),
            *planned,
        )
        if self._ports.runner is not None:
            for execution in executions:
                await self._ports.runner.remove(execution.id)
        return task

    async def names_of(self, task: Task) -> frozenset[str]:
        """The variables that an execution of the task may give."""
        names = frozenset(variables_of(task.prompt_template))
        if not task.notebook:
            return names
        return names | frozenset(await self.runner.check(task.notebook)) - {"prompt"}

    @property
    def runner(self) -> TaskRunner:
        """What executes tasks; Unsupported where nothing does."""
        if self._ports.runner is None:
            raise Unsupported("tasks are not executed here: install notebook-agents[tasks]")
        return self._ports.runner

    async def _planned(
        self, task: Task, was: Task | None, *, is_deleted: bool = False
    ) -> builtins.list[Any]:
        if self._ports.schedules is None:
            return []
        return list(await self._ports.schedules.changes(task, was, is_deleted=is_deleted))

    async def _check(self, actor: Actor, task: Task) -> None:
        if not task.name or len(task.name) > 200:
            raise InvalidRequest("a task has a name of 1 to 200 characters", field="name")
        if not task.prompt_template.strip() and not task.notebook:
            raise InvalidRequest("a task needs a prompt or a notebook", field="prompt_template")
        if len(task.prompt_template) > MAX_CHARS:
            raise InvalidRequest(
                f"the prompt has at most {MAX_CHARS:,} characters", field="prompt_template"
            )
        check_names(task.prompt_template, field="prompt_template")
        if task.notebook:
            require_own_notebooks(actor)
        check_settings(task.settings)
        names = await self.names_of(task)
        check_variables(task.settings.variables, names)
        check_variables(task.schedule.variables if task.schedule else {}, names)
        if task.settings.agent.model:
            await self._ports.models.check(task.settings.agent.model)
        self._ports.tools.check(task.settings.agent.tools or ())
        if task.schedule is not None and self._ports.schedules is not None:
            self._ports.schedules.check(task.schedule)
            if task.is_active:
                await self._check_runs_alone(task, task.schedule)

    async def _check_runs_alone(self, task: Task, plan: SchedulePlan) -> None:
        """Nobody is asked for a value when a tick comes."""
        if task.notebook and "prompt" not in await self.runner.check(task.notebook):
            return
        given = {*task.settings.variables, *plan.variables, *TICK_VARIABLES}
        missing = [name for name in variables_of(task.prompt_template) if name not in given]
        if missing:
            raise InvalidRequest(
                f"a task that runs by itself needs a value of {missing[0]!r}; give it in"
                " 'variables' of the task or of its schedule",
                field="variables",
                problems=[(f"variables.{name}", "has no value") for name in missing],
            )


def require_own_notebooks(actor: Actor) -> None:
    """NotPermitted unless the actor may have notebooks of their own executed.

    Their code runs with the rights of the server, as that of its kernels does; only those who
    have kernels anyway may start it.
    """
    actor.require_admin()


def check_settings(settings: TaskSettings) -> None:
    """InvalidRequest naming the first setting that is out of its bounds."""
    bounds = (
        ("timeout_s", settings.timeout_s, 1, MAX_TIMEOUT_S),
        ("max_retries", settings.max_retries, 0, MAX_RETRIES),
        ("backoff_s", settings.backoff_s, 0, MAX_BACKOFF_S),
        ("max_tokens", settings.max_tokens, 1, 10**9),
        ("max_cost_usd", settings.max_cost_usd, 0, 10**6),
    )
    for name, value, least, most in bounds:
        if value is not None and not least <= value <= most:
            raise InvalidRequest(f"{name!r} is from {least:g} to {most:g}", field=name)
    if settings.report_format and settings.report_format not in REPORT_FORMATS:
        raise InvalidRequest(
            f"a report is one of: {', '.join(REPORT_FORMATS)}", field="report_format"
        )
    if len(settings.checks) > MAX_CHECKS:
        raise InvalidRequest(f"a task has at most {MAX_CHECKS} checks", field="checks")
    for check in settings.checks:
        check_expression(check)


def check_expression(text: str) -> None:
    """InvalidRequest unless the text reads as an expression over what checks can speak of.

    It is only read here; it is evaluated in the process of an execution.
    """
    if not text.strip() or len(text) > MAX_CHECK_CHARS:
        raise InvalidRequest(
            f"a check has 1 to {MAX_CHECK_CHARS} characters: {text[:40]!r}", field="checks"
        )
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidRequest(f"{text!r} is no expression", field="checks") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in CHECK_NAMES:
            names = ", ".join(sorted(CHECK_NAMES))
            raise InvalidRequest(
                f"{node.id!r} in {text!r} is not known; there are: {names}", field="checks"
            )
        if isinstance(node, MORE_THAN_CHECKS):
            raise InvalidRequest(f"{text!r} is more than a check can be", field="checks")


def check_variables(values: Mapping[str, Any], known: frozenset[str]) -> None:
    """InvalidRequest naming the first variable that a task does not have, or that is too large."""
    if len(values) > MAX_VARIABLES:
        raise InvalidRequest(f"there are at most {MAX_VARIABLES} variables", field="variables")
    for name, value in values.items():
        if not is_name(name) or keyword.iskeyword(name):
            raise InvalidRequest(f"{name[:80]!r} is no name of a variable", field="variables")
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise InvalidRequest(
                f"the task has no variable {name!r}; it has: {names}", field="variables"
            )
        if len(json.dumps(value)) > MAX_VALUE_CHARS:
            raise InvalidRequest(f"the value of {name!r} is too large", field="variables")


def as_text(value: Any) -> str:
    """A value as it stands in a prompt."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
