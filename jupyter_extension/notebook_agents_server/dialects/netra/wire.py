"""Netra API Reference: bodies and queries of runs, threads and the configuration.

Named as the document names them. Requests refuse unknown fields; answers may grow.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AliasChoices,
    AwareDatetime,
    ConfigDict,
    Field,
    StringConstraints,
)

from notebook_agents_server.bodies import LARGEST_OFFSET, Answer, Query, Request

MAX_MESSAGE_LENGTH = 10_000
"""Configuration Endpoints: characters of a message."""
MAX_THREAD_MESSAGES = 1000
"""Configuration Endpoints."""
DEFAULT_LIMIT = 20
MAX_LIMIT = 100
"""Larger limits are cut, not refused."""
MAX_TITLE_LENGTH = 200

Text: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_MESSAGE_LENGTH, pattern=r"\S")
]
Title: TypeAlias = Annotated[str, StringConstraints(max_length=MAX_TITLE_LENGTH)]
RunStatus: TypeAlias = Literal["processing", "completed", "failed", "cancelled"]


class ErrorDetail(Answer):
    """Error Responses."""

    code: str
    message: str
    details: dict[str, Any]


class ErrorAnswer(Answer):
    """Error Responses."""

    error: ErrorDetail
    request_id: str


# -- Agent Endpoints ---------------------------------------------------------------------------


class Parameters(Request):
    """Agent Endpoints / execute: how to optimise; the WebSocket adds the budget."""

    priority: str | None = None
    budget: float | None = None
    """Per month."""
    constraints: list[str] | dict[str, float] | None = None
    """Names, with or without a limit (``latency<=500ms``), or names and their limits."""
    period_days: float | None = None
    """Addition of ours: what the workload's table covers."""
    allow_smaller_model: bool | None = None
    """Addition of ours: whether a smaller model may be recommended."""


class Context(Request):
    """Agent Endpoints / execute: what to optimise."""

    workload_id: str | None = None
    parameters: Parameters = Field(default_factory=Parameters)


class ExecuteRequest(Request):
    """Agent Endpoints / POST /api/agent/execute."""

    message: Text
    context: Context = Field(default_factory=Context)
    thread_id: str | None = None


class RunAgentRequest(ExecuteRequest):
    """The same under its older name, where the message is called ``query``."""

    model_config = ConfigDict(populate_by_name=True)

    message: Text = Field(validation_alias=AliasChoices("message", "query"))


class ExecuteAnswer(Answer):
    """Agent Endpoints / POST /api/agent/execute."""

    run_id: str
    thread_id: str
    status: RunStatus
    created_at: AwareDatetime


class Result(Answer):
    """What an optimization found; WebSocket API / agent_result adds the configuration."""

    recommendations: list[dict[str, Any]] = Field(default_factory=list)
    supply_config: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    actions: list[Any] = Field(default_factory=list)


class RunError(Answer):
    """Why a run failed."""

    code: str
    message: str


class StatusAnswer(Answer):
    """Agent Endpoints / GET /api/agent/status/{run_id}."""

    run_id: str
    thread_id: str
    status: RunStatus
    message: str
    """The answer in words."""
    result: Result | None
    error: RunError | None
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None


class StateAnswer(Answer):
    """Addition of ours: all about a run."""

    run_id: str
    state: StatusAnswer


class PageQuery(Query):
    """Pagination."""

    limit: int = Field(DEFAULT_LIMIT, ge=1)
    offset: int = Field(0, ge=0, le=LARGEST_OFFSET)


class HistoryQuery(PageQuery):
    """Agent Endpoints / GET /api/agent/history."""

    thread_id: str | None = None


class HistoryRun(Answer):
    """Agent Endpoints / GET /api/agent/history."""

    run_id: str
    thread_id: str
    status: RunStatus
    message: str
    created_at: AwareDatetime


class Pagination(Answer):
    """Pagination."""

    total: int
    limit: int
    offset: int
    has_more: bool


class PageAnswer(Answer):
    """What every list says of its place in the whole, in both documented shapes."""

    total: int
    limit: int
    offset: int
    pagination: Pagination


class HistoryAnswer(PageAnswer):
    """Agent Endpoints / GET /api/agent/history."""

    runs: list[HistoryRun]
    data: list[HistoryRun]


class ThreadRunsAnswer(HistoryAnswer):
    """Addition of ours: the runs of one thread."""

    thread_id: str


# -- Thread Endpoints --------------------------------------------------------------------------


class ThreadRequest(Request):
    """Addition of ours: begin a thread, or change it; what is not given stays."""

    title: Title | None = None
    metadata: dict[str, Any] | None = None


class ThreadAnswer(Answer):
    """Thread Endpoints / GET /api/threads."""

    id: str
    title: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    message_count: int


class ThreadsAnswer(PageAnswer):
    """Thread Endpoints / GET /api/threads."""

    threads: list[ThreadAnswer]
    data: list[ThreadAnswer]


class ThreadMessage(Answer):
    """Thread Endpoints / GET /api/threads/{thread_id}."""

    id: str
    role: Literal["user", "assistant"]
    content: str
    created_at: AwareDatetime


class ThreadDetailAnswer(ThreadAnswer):
    """Thread Endpoints / GET /api/threads/{thread_id}."""

    messages: list[ThreadMessage]
    metadata: dict[str, Any]


class MessagesAnswer(PageAnswer):
    """Addition of ours: a page of the messages of a thread."""

    thread_id: str
    messages: list[ThreadMessage]
    data: list[ThreadMessage]


class MessageAnswer(Answer):
    """Thread Endpoints / DELETE /api/threads/{thread_id}."""

    message: str
