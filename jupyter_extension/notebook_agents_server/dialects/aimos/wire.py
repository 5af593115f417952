"""AIMOS integration guide, Core API Endpoints: the bodies and queries of agents and executions.

Named as the document names them. Requests refuse unknown fields; answers may grow.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, Field, RootModel, StringConstraints

from notebook_agents_server.bodies import LARGEST_OFFSET, Answer, Query, Request

Words: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
AgentStatus: TypeAlias = Literal["active", "inactive", "error"]
LogStatus: TypeAlias = Literal["started", "success", "failed", "error"]
Skip: TypeAlias = Annotated[int, Field(ge=0, le=LARGEST_OFFSET)]
Limit: TypeAlias = Annotated[int, Field(ge=1)]
"""Larger ones than `mapping.MAX_LIMIT` are cut, not refused."""


# -- Agent Management APIs ---------------------------------------------------------------------


class ListAgentsQuery(Query):
    """GET /api/agents: query parameters."""

    skip: Skip = 0
    limit: Limit = 100
    status: AgentStatus | None = None


class CreateAgentRequest(Request):
    """POST /api/agents: request."""

    name: Annotated[Words, StringConstraints(max_length=200)]
    role: Annotated[Words, StringConstraints(max_length=500)]
    description: str = ""


class UpdateAgentRequest(Request):
    """PUT /api/agents/{agent_id}: request; what is left out stays as it is."""

    role: Annotated[Words, StringConstraints(max_length=500)] | None = None
    description: str | None = None
    status: Literal["active", "inactive"] | None = None


class AgentAnswer(Answer):
    """GET /api/agents and POST /api/agents: response."""

    id: str
    name: str
    role: str
    description: str
    status: AgentStatus
    created_at: AwareDatetime
    last_execution: AwareDatetime | None
    success_rate: float
    """Percent of all finished executions."""
    total_executions: int
    successful_executions: int


AgentsAnswer = RootModel[list[AgentAnswer]]


# -- Execution APIs ----------------------------------------------------------------------------


class ExecuteRequest(Request):
    """POST /api/execute: request."""

    agent_ids: Annotated[list[str], Field(min_length=1, max_length=500)] | None = None
    """All active agents when left out."""
    parallel: bool = True
    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """For the whole execution."""


class ExecuteAnswer(Answer):
    """POST /api/execute: response."""

    execution_id: str
    status: Literal["started"] = "started"
    started_at: AwareDatetime
    agent_count: int
    estimated_duration: int
    """Seconds."""


class ListExecutionsQuery(Query):
    """GET /api/executions: query parameters."""

    skip: Skip = 0
    limit: Limit = 50
    agent_id: str | None = None
    status: LogStatus | None = None


class ToolUse(Answer):
    """Beyond the document: how an agent came to its answer."""

    tool: str
    arguments: dict[str, Any]
    result: str
    """Its first 500 characters."""


class ExecutionLog(Answer):
    """GET /api/executions: response; one agent in one execution."""

    id: str
    agent_id: str
    agent_name: str
    status: LogStatus
    start_time: AwareDatetime
    end_time: AwareDatetime | None
    duration_ms: int | None
    """From start to end, without the time in which the agent waited for its turn."""
    error_message: str | None
    execution_id: str
    """Beyond the document: what ``POST /api/execute`` answered."""
    result: str | None
    """Beyond the document: what the agent said."""
    tool_calls: list[ToolUse]
    """Beyond the document: what it rests on; empty when the agent used no tool."""


ExecutionsAnswer = RootModel[list[ExecutionLog]]
