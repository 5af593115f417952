"""Between the document's tasks and the core's."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from notebook_agents.core.conversations import ConversationSettings
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.executions import (
    OPEN_EXECUTIONS,
    Execution,
    ExecutionState,
    ListExecutions,
    StartExecution,
)
from notebook_agents.core.schedule_plans import SchedulePlan
from notebook_agents.core.substitution import variables_of
from notebook_agents.core.tasks import CreateTask, ListTasks, Task, TaskChanges, TaskSettings
from notebook_agents_server.dialects.agent_api import task_wire as wire
from notebook_agents_server.dialects.agent_api.paging import page_to_wire
from notebook_agents_server.dialects.agent_api.sdk_options import SdkOptions, settings_of

if TYPE_CHECKING:
    from notebook_agents.core.events import Event
    from notebook_agents.core.executions import Artifact
    from notebook_agents.core.ports import Page

DEFAULT_REPORT = "html"
STATUSES: Mapping[ExecutionState, wire.ExecutionStatus] = {
    "queued": "running",
    "running": "running",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    "timed_out": "timed_out",
    "interrupted": "interrupted",
}
SETTINGS: Mapping[str, str] = {
    "variables": "variables",
    "timeout_seconds": "timeout_s",
    "max_tokens": "max_tokens",
    "max_cost_usd": "max_cost_usd",
    "max_retries": "max_retries",
    "retry_backoff_seconds": "backoff_s",
    "on_interrupt": "on_interrupt",
}
"""The document's names of settings that mean the same in the core."""
PLAN: Mapping[str, str] = {
    "schedule_cron": "cron",
    "timezone": "timezone",
    "overlap_policy": "overlap",
    "catch_up_policy": "catch_up",
}


def create_from_wire(body: wire.CreateTaskRequest, known: Collection[str]) -> CreateTask:
    """The wish for a new task; ``known`` are the tools there are."""
    return CreateTask(
        name=body.name,
        description=body.description or "",
        prompt_template=body.prompt_template or "",
        notebook=body.notebook_path or "",
        settings=_settings(body, TaskSettings(), known),
        schedule=_plan(body, None),
        is_active=body.is_active is not False,
    )


def changes_from_wire(
    body: wire.ChangeTaskRequest, task: Task, known: Collection[str]
) -> TaskChanges:
    """What is to change of a task."""
    return TaskChanges(
        name=body.name,
        description=body.description,
        prompt_template=body.prompt_template,
        notebook=body.notebook_path,
        settings=_settings(body, task.settings, known),
        schedule=_plan(body, task.schedule),
        is_unscheduled=body.is_scheduled is False,
        is_active=body.is_active,
    )


def _settings(body: wire.TaskFields, was: TaskSettings, known: Collection[str]) -> TaskSettings:
    given = {ours: getattr(body, name) for name, ours in SETTINGS.items()}
    fields = {name: value for name, value in given.items() if value is not None}
    if body.checks is not None:
        fields["checks"] = tuple(body.checks)
    if body.sdk_options is not None or body.allowed_tools is not None:
        fields["agent"] = _agent(body, was.agent, known)
    if body.generate_report is False:
        if body.report_format is not None:
            raise InvalidRequest("a report has a format when one is made", field="report_format")
        fields["report_format"] = ""
    elif body.generate_report or body.report_format:
        fields["report_format"] = body.report_format or was.report_format or DEFAULT_REPORT
    return replace(was, **fields)


def _agent(
    body: wire.TaskFields, was: ConversationSettings, known: Collection[str]
) -> ConversationSettings:
    said = _said(was)
    if body.sdk_options is not None:
        said["sdk_options"] = body.sdk_options.said()
    if body.allowed_tools is not None:
        said["allowed_tools"] = body.allowed_tools
    options = {"allowed_tools": said.get("allowed_tools"), **said.get("sdk_options", {})}
    settings = settings_of(SdkOptions.model_validate(options), known)
    return replace(settings, options={**settings.options, "task": said})


def _said(settings: ConversationSettings) -> dict[str, Any]:
    """What the client said of tools and options, as it said it."""
    said = settings.options.get("task")
    return dict(said) if isinstance(said, dict) else {}


def _plan(body: wire.TaskFields, was: SchedulePlan | None) -> SchedulePlan | None:
    given = {ours: getattr(body, name) for name, ours in PLAN.items()}
    fields = {name: value for name, value in given.items() if value is not None}
    if body.is_scheduled is False and fields:
        name = next(name for name, ours in PLAN.items() if ours in fields)
        raise InvalidRequest("it means nothing when is_scheduled is false", field=name)
    if not fields and not body.is_scheduled:
        return None
    if was is None and body.schedule_cron is None:
        raise InvalidRequest(
            "a schedule says when in five fields, such as '0 9 * * MON-FRI'", field="schedule_cron"
        )
    return replace(was or SchedulePlan(cron=""), **fields)


def list_from_wire(query: wire.TasksQuery) -> ListTasks:
    """Which tasks to list."""
    return ListTasks(is_active=query.is_active, limit=query.limit, offset=query.skip)


def task_to_wire(task: Task) -> wire.TaskAnswer:
    """A task."""
    settings, plan, said = task.settings, task.schedule, _said(task.settings.agent)
    return wire.TaskAnswer(
        id=task.id,
        name=task.name,
        description=task.description,
        prompt_template=task.prompt_template,
        notebook_path=task.notebook or None,
        allowed_tools=said.get("allowed_tools"),
        sdk_options=said.get("sdk_options", {}),
        variables=settings.variables,
        variable_names=list(variables_of(task.prompt_template)),
        is_active=task.is_active,
        is_scheduled=task.is_scheduled,
        schedule_cron=plan.cron if plan else None,
        timezone=plan.timezone if plan else None,
        overlap_policy=plan.overlap if plan else None,
        catch_up_policy=plan.catch_up if plan else None,
        generate_report=bool(settings.report_format),
        report_format=settings.report_format or None,
        timeout_seconds=settings.timeout_s,
        max_tokens=settings.max_tokens,
        max_cost_usd=settings.max_cost_usd,
        max_retries=settings.max_retries,
        retry_backoff_seconds=settings.backoff_s,
        on_interrupt=settings.on_interrupt,
        checks=list(settings.checks),
        created_at=task.created_at,
        updated_at=task.updated_at,
    )


def tasks_to_wire(page: Page[Task], path: str, query: wire.TasksQuery) -> wire.TasksAnswer:
    """A page of tasks."""
    items = [task_to_wire(task) for task in page.items]
    return wire.TasksAnswer(**dict(page_to_wire(items, page, path, query)))


# -- executions ----------------------------------------------------------------------------------


def execute_from_wire(task_id: str, body: wire.ExecuteRequest) -> StartExecution:
    """The wish to do a task now."""
    return StartExecution(task_id=task_id, variables=body.variables)


def executions_from_wire(task_id: str, query: wire.ExecutionsQuery) -> ListExecutions:
    """Which executions to list."""
    states = tuple(state for state, status in STATUSES.items() if status == query.status)
    return ListExecutions(task_id=task_id, states=states, limit=query.limit, offset=query.skip)


def execution_to_wire(execution: Execution) -> wire.ExecutionAnswer:
    """An execution; one that waits for its turn counts as running."""
    usage, is_open = execution.usage, execution.state in OPEN_EXECUTIONS
    return wire.ExecutionAnswer(
        id=execution.id,
        execution_id=execution.id,
        task_id=execution.task_id,
        session_id=execution.conversation_id,
        status=STATUSES[execution.state],
        trigger=execution.trigger,
        scheduled_for=execution.scheduled_for,
        attempt=execution.attempt,
        resumes=execution.resumes or None,
        followed_by=execution.followed_by or None,
        variables=execution.variables,
        started_at=execution.started_at or execution.created_at,
        completed_at=execution.ended_at,
        duration_ms=None if is_open else round(execution.duration_ms),
        error_code=execution.error_code or None,
        error_message=execution.error_message or None,
        failed_cell=execution.failed_cell,
        failed_checks=list(execution.failed_checks),
        metrics=wire.ExecutionMetrics(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=usage.cost_usd,
            queries=execution.n_runs,
        ),
        report_id=execution.report_id or None,
    )


def detail_to_wire(
    execution: Execution, artifacts: Sequence[Artifact]
) -> wire.ExecutionDetailAnswer:
    """An execution with what it made."""
    made = [wire.ArtifactAnswer(**asdict(artifact)) for artifact in artifacts]
    return wire.ExecutionDetailAnswer(**dict(execution_to_wire(execution)), artifacts=made)


def executions_to_wire(
    page: Page[Execution], path: str, query: wire.ExecutionsQuery
) -> wire.ExecutionsAnswer:
    """A page of executions."""
    items = [execution_to_wire(execution) for execution in page.items]
    return wire.ExecutionsAnswer(**dict(page_to_wire(items, page, path, query)))


def event_to_wire(event: Event | None) -> bytes:
    """An event of an execution as a server-sent one, with its number; None is a comment."""
    if event is None:
        return b": still here\n\n"
    fields = asdict(event.body)
    number = fields.pop("seq")
    told = {"type": event.type, "timestamp": event.ts.isoformat().replace("+00:00", "Z"), **fields}
    return f"id: {number}\nevent: {event.type}\ndata: {json.dumps(told)}\n\n".encode()


def error_to_wire(body: dict[str, Any]) -> bytes:
    """What a stream ends with when it fails."""
    return f"event: error\ndata: {json.dumps(body)}\n\n".encode()
