"""Between AIMOS's wire and the core: names, units and status words, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from notebook_agents.core.agents import (
    Agent,
    AgentChanges,
    AgentStatistics,
    AgentStatus,
    CreateAgent,
    ListAgents,
)
from notebook_agents.core.batches import Batch, ListBatchRuns, StartBatch
from notebook_agents.core.runs import Run
from notebook_agents.core.states import RunState
from notebook_agents_server.dialects.aimos import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_agents.core.tools import ToolCall

Word = TypeVar("Word", bound=str)
MAX_LIMIT = 1000
"""Larger limits are cut."""
MAX_RESULT_CHARS = 500
"""Characters of a tool's result in a row of the log."""
AGENT_STATUSES: Mapping[wire.AgentStatus, tuple[AgentStatus, ...]] = {
    "active": ("active",),
    "inactive": ("inactive", "created"),
    "error": ("error",),
}
"""An agent that was made and never switched on is inactive here."""
LOG_STATUSES: Mapping[wire.LogStatus, tuple[RunState, ...]] = {
    "started": ("queued", "running", "waiting_approval"),
    "success": ("succeeded",),
    "failed": ("failed", "timed_out", "cancelled"),
    "error": ("interrupted",),
}
"""``failed``: the agent did not do it. ``error``: the server stopped while it worked."""


# -- agents ------------------------------------------------------------------------------------


def list_from_wire(query: wire.ListAgentsQuery) -> ListAgents:
    """Which agents to list: one's own and everybody's."""
    return ListAgents(
        status=AGENT_STATUSES[query.status] if query.status else None,
        with_shared=True,
        limit=min(query.limit, MAX_LIMIT),
        offset=query.skip,
    )


def create_agent_from_wire(body: wire.CreateAgentRequest) -> CreateAgent:
    """The wish for an agent of everybody."""
    return CreateAgent(name=body.name, role=body.role, description=body.description, is_shared=True)


def agent_changes_from_wire(body: wire.UpdateAgentRequest) -> AgentChanges:
    """The changes of a partial update."""
    return AgentChanges(role=body.role, description=body.description, status=body.status)


def agent_to_wire(agent: Agent, statistics: AgentStatistics) -> wire.AgentAnswer:
    """An agent with its figures."""
    return wire.AgentAnswer(
        id=agent.id,
        name=agent.name,
        role=agent.role,
        description=agent.description,
        status=_word(AGENT_STATUSES, agent.status),
        created_at=agent.created_at,
        last_execution=statistics.last_started,
        success_rate=round(100 * statistics.success_rate, 2),
        total_executions=statistics.n_runs,
        successful_executions=statistics.n_succeeded,
    )


def agents_to_wire(
    agents: Sequence[Agent], statistics: Mapping[str, AgentStatistics]
) -> wire.AgentsAnswer:
    """Agents with their figures."""
    return wire.AgentsAnswer([agent_to_wire(agent, statistics[agent.id]) for agent in agents])


# -- executions --------------------------------------------------------------------------------


def execute_from_wire(body: wire.ExecuteRequest, id_of: Callable[[str, str], str]) -> StartBatch:
    """The wish to execute agents."""
    ids = body.agent_ids
    return StartBatch(
        agent_ids=None if ids is None else tuple(id_of("agent", id) for id in ids),
        is_parallel=body.parallel,
        timeout_s=float(body.timeout_seconds),
    )


def execution_to_wire(batch: Batch) -> wire.ExecuteAnswer:
    """The answer to an execution that began."""
    return wire.ExecuteAnswer(
        execution_id=batch.id,
        started_at=batch.created_at,
        agent_count=len(batch.agents),
        estimated_duration=max(1, math.ceil(batch.estimate_s)),
    )


def executions_from_wire(
    query: wire.ListExecutionsQuery, id_of: Callable[[str, str], str]
) -> ListBatchRuns:
    """Which rows of the log to list."""
    return ListBatchRuns(
        agent_id=id_of("agent", query.agent_id) if query.agent_id is not None else "",
        states=LOG_STATUSES[query.status] if query.status else (),
        limit=min(query.limit, MAX_LIMIT),
        offset=query.skip,
    )


def log_to_wire(run: Run, batch: Batch) -> wire.ExecutionLog:
    """A row of the log."""
    return wire.ExecutionLog(
        id=run.id,
        agent_id=run.agent_id,
        agent_name=batch.agents[run.agent_id],
        status=_word(LOG_STATUSES, run.state),
        start_time=run.started_at or run.created_at,
        end_time=run.ended_at,
        duration_ms=None if run.ended_at is None else round(run.work_ms),
        error_message=run.error_message or None,
        execution_id=batch.id,
        result=run.text or None,
        tool_calls=[_tool_use(call) for call in run.tool_calls],
    )


def logs_to_wire(runs: Sequence[Run], batches: Mapping[str, Batch]) -> wire.ExecutionsAnswer:
    """Rows of the log."""
    return wire.ExecutionsAnswer([log_to_wire(run, batches[run.batch_id]) for run in runs])


def _tool_use(call: ToolCall) -> wire.ToolUse:
    result = call.content[:MAX_RESULT_CHARS]
    return wire.ToolUse(tool=call.name, arguments=call.arguments, result=result)


def _word(table: Mapping[Word, Sequence[str]], stored: str) -> Word:
    return next(word for word, states in table.items() if stored in states)
