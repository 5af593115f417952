"""From the core's events to AIMOS's messages, and who may be told of which."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from notebook_agents.core.events import (
    AgentCreated,
    AgentDeleted,
    AgentUpdated,
    BatchFinished,
    BatchStarted,
    MachineSampled,
    RunFinished,
)
from notebook_agents_server.dialects.aimos import frames

if TYPE_CHECKING:
    from notebook_agents.core.events import Event
    from notebook_agents_server.bodies import Answer
    from notebook_agents_server.dialects.aimos.wire import ExecutionLog

ENDS = {
    "timed_out": "the execution reached its time limit",
    "interrupted": "the server stopped while the execution went on",
}


def concerns(event: Event, user_id: str) -> bool:
    """Whether a user is told of an event: their executions, agents they see, and the machine."""
    match event.body:
        case MachineSampled():
            return True
        case AgentCreated() | AgentUpdated() | AgentDeleted() as body:
            return body.is_shared or event.user_id == user_id
        case BatchStarted() | BatchFinished():
            return event.user_id == user_id
        case RunFinished(batch_id=batch_id):
            return bool(batch_id) and event.user_id == user_id
    return False


def encode(event: Event, log: ExecutionLog | None = None) -> list[Answer]:
    """The messages of an event; ``log`` is the row of the agent that ended with it."""
    match event.body:
        case MachineSampled() as body:
            return [metrics_update(body, event.ts)]
        case AgentCreated(name=name) | AgentUpdated(name=name) | AgentDeleted(name=name) as body:
            data = frames.AgentChangedData(agent_id=event.agent_id, agent_name=name)
            return [frames.AgentChanged(type=body.type, data=data)]
        case BatchStarted() as body:
            return [_started(body)]
        case RunFinished() if log is not None:
            return [_agent_completed(log)]
        case BatchFinished() as body:
            return _ended(body)
    return []


def metrics_update(figures: MachineSampled, at: datetime) -> frames.MetricsUpdate:
    """A sample as a message."""
    return frames.MetricsUpdate(
        data=frames.MetricsData(
            cpu_usage=figures.cpu_percent,
            memory_usage=figures.memory_percent,
            system_health_score=figures.health_score,
            timestamp=at,
        )
    )


def _started(body: BatchStarted) -> frames.ExecutionStarted:
    return frames.ExecutionStarted(
        data=frames.ExecutionStartedData(
            execution_id=body.batch_id, agent_count=len(body.agents), parallel=body.is_parallel
        )
    )


def _agent_completed(log: ExecutionLog) -> frames.AgentCompleted:
    shown: dict[str, Any] = {
        name: getattr(log, name) for name in frames.AgentCompletedData.model_fields
    }
    return frames.AgentCompleted(data=frames.AgentCompletedData(**shown))


def _ended(body: BatchFinished) -> list[Answer]:
    told: list[Answer] = []
    if body.state in ENDS:
        data = frames.ExecutionFailedData(execution_id=body.batch_id, error=ENDS[body.state])
        told.append(frames.ExecutionFailed(data=data))
    rate = 100 * body.n_succeeded / body.n_agents if body.n_agents else 0.0
    completed = frames.ExecutionCompletedData(
        execution_id=body.batch_id,
        total_agents=body.n_agents,
        successful=body.n_succeeded,
        failed=body.n_failed,
        success_rate=round(rate, 2),
    )
    return [*told, frames.ExecutionCompleted(data=completed)]
