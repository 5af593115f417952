"""AI-Agent-API-Service, Task Endpoints: tasks and their executions.

Named as the document names them; what it does not name (notebooks, budgets, checks, retries and how
a schedule deals with late and overlapping runs) is an addition of ours.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from notebook_agents.core.executions import Trigger
from notebook_agents.core.schedule_plans import CatchUp, Overlap
from notebook_agents.core.tasks import OnInterrupt
from notebook_agents_server.bodies import Answer, Query, Request
from notebook_agents_server.dialects.agent_api.paging import PageAnswer, PageQuery
from notebook_agents_server.dialects.agent_api.sdk_options import SdkOptions, ToolNames

Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Text: TypeAlias = Annotated[str, StringConstraints(max_length=200_000)]
Cron: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Seconds: TypeAlias = Annotated[float, Field(ge=0, le=86_400)]
Variables: TypeAlias = dict[str, Any]
ReportFormat: TypeAlias = Literal["markdown", "html", "json", "pdf", "ipynb"]
ExecutionStatus: TypeAlias = Literal[
    "running", "completed", "failed", "cancelled", "timed_out", "interrupted"
]


class TaskFields(Request):
    """What a task may be given when it is made and when it is changed."""

    description: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    prompt_template: Text | None = None
    notebook_path: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None
    """A notebook of an administrator's to run in place of the built-in one."""
    allowed_tools: ToolNames | None = None
    """The same as in ``sdk_options``, which wins."""
    sdk_options: SdkOptions | None = None
    variables: Variables | None = None
    """Values where an execution gives none."""
    is_active: bool | None = None
    is_scheduled: bool | None = None
    schedule_cron: Cron | None = None
    timezone: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    overlap_policy: Overlap | None = None
    catch_up_policy: CatchUp | None = None
    generate_report: bool | None = None
    report_format: ReportFormat | None = None
    timeout_seconds: Annotated[float, Field(ge=1, le=86_400)] | None = None
    """Wall clock of one execution."""
    max_tokens: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """Output tokens of all answers of one execution."""
    max_cost_usd: Annotated[float, Field(gt=0, le=10**6)] | None = None
    max_retries: Annotated[int, Field(ge=0, le=10)] | None = None
    retry_backoff_seconds: Seconds | None = None
    on_interrupt: OnInterrupt | None = None
    checks: list[Annotated[str, StringConstraints(max_length=500)]] | None = None
    """Expressions that must hold of the outputs."""


class CreateTaskRequest(TaskFields):
    """POST /api/v1/tasks."""

    name: Name


class ChangeTaskRequest(TaskFields):
    """PUT /api/v1/tasks/{task_id}: what is left out stays as it is."""

    name: Name | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> ChangeTaskRequest:
        if not self.model_fields_set:
            raise ValueError("give at least one field to change")
        return self


class TasksQuery(PageQuery):
    """GET /api/v1/tasks."""

    is_active: bool | None = None


class TaskAnswer(Answer):
    """POST /api/v1/tasks; the same in lists."""

    id: str
    name: str
    description: str
    prompt_template: str
    notebook_path: str | None
    allowed_tools: list[str] | None
    sdk_options: dict[str, Any]
    variables: Variables
    variable_names: list[str]
    """Those of the prompt."""
    is_active: bool
    is_scheduled: bool
    schedule_cron: str | None
    timezone: str | None
    overlap_policy: Overlap | None
    catch_up_policy: CatchUp | None
    generate_report: bool
    report_format: str | None
    timeout_seconds: float
    max_tokens: int | None
    max_cost_usd: float | None
    max_retries: int
    retry_backoff_seconds: float
    on_interrupt: OnInterrupt
    checks: list[str]
    created_at: AwareDatetime
    updated_at: AwareDatetime


class TasksAnswer(PageAnswer[TaskAnswer]):
    """GET /api/v1/tasks."""


class ExecuteRequest(Request):
    """POST /api/v1/tasks/{task_id}/execute."""

    variables: Variables = Field(default_factory=dict)


class ExecutionsQuery(PageQuery):
    """GET /api/v1/tasks/{task_id}/executions."""

    status: ExecutionStatus | None = None


class ExecutionMetrics(Answer):
    """What the answers of an execution used."""

    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    queries: int


class ArtifactAnswer(Answer):
    """A file that an execution made."""

    name: str
    media_type: str
    size_bytes: int


class ExecutionAnswer(Answer):
    """GET /api/v1/tasks/{task_id}/executions, and what executing answers."""

    id: str
    execution_id: str
    """The same."""
    task_id: str
    session_id: str
    status: ExecutionStatus
    trigger: Trigger
    scheduled_for: AwareDatetime | None
    attempt: int
    resumes: str | None
    """The execution that it goes on with."""
    followed_by: str | None
    """The execution that retries it or goes on with it."""
    variables: Variables
    started_at: AwareDatetime
    completed_at: AwareDatetime | None
    duration_ms: int | None
    error_code: str | None
    error_message: str | None
    failed_cell: int | None
    failed_checks: list[str]
    metrics: ExecutionMetrics
    report_id: str | None


class ExecutionDetailAnswer(ExecutionAnswer):
    """GET /api/v1/tasks/{task_id}/executions/{execution_id}."""

    artifacts: list[ArtifactAnswer]


class ExecutionsAnswer(PageAnswer[ExecutionAnswer]):
    """GET /api/v1/tasks/{task_id}/executions."""


class ExecutionEventsQuery(Query):
    """GET /api/v1/tasks/{task_id}/executions/{execution_id}/events."""

    after: Annotated[int, Field(ge=0, le=2**31)] = 0
    """The number of the last event that the client has; ``Last-Event-ID`` says it too."""
