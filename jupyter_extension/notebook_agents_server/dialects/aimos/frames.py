"""AIMOS integration guide, WebSocket APIs: the messages of ``/api/ws/{user_id}``.

The document shows ``metrics_update``, ``execution_started``, ``agent_completed`` and
``execution_completed``, and its monitoring code waits for ``agent_created``; the rest fills its
silence. Every message is a type and data.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import AwareDatetime, TypeAdapter

from notebook_agents_server.bodies import Answer
from notebook_agents_server.dialects.aimos.errors import ErrorAnswer
from notebook_agents_server.dialects.aimos.system_wire import Score
from notebook_agents_server.dialects.aimos.wire import ToolUse


class MetricsData(Answer):
    """What the machine does; usages are percent."""

    cpu_usage: float
    memory_usage: float
    system_health_score: Score
    timestamp: AwareDatetime


class MetricsUpdate(Answer):
    """The newest sample."""

    type: Literal["metrics_update"] = "metrics_update"
    data: MetricsData


class ExecutionStartedData(Answer):
    """Which execution began."""

    execution_id: str
    agent_count: int
    parallel: bool


class ExecutionStarted(Answer):
    """An execution began."""

    type: Literal["execution_started"] = "execution_started"
    data: ExecutionStartedData


class AgentCompletedData(Answer):
    """How an agent did."""

    execution_id: str
    agent_id: str
    agent_name: str
    status: Literal["started", "success", "failed", "error"]
    duration_ms: int | None
    error_message: str | None
    """Beyond the document: why it did not succeed; left out when it did."""
    result: str | None
    """Beyond the document: what the agent said."""
    tool_calls: list[ToolUse]
    """Beyond the document: what it rests on."""


class AgentCompleted(Answer):
    """An agent of an execution ended, one way or another."""

    type: Literal["agent_completed"] = "agent_completed"
    data: AgentCompletedData


class ExecutionCompletedData(Answer):
    """How an execution went."""

    execution_id: str
    total_agents: int
    successful: int
    failed: int
    success_rate: float
    """Percent."""


class ExecutionCompleted(Answer):
    """An execution ended; always its last message."""

    type: Literal["execution_completed"] = "execution_completed"
    data: ExecutionCompletedData


class ExecutionFailedData(Answer):
    """Why an execution could not go to its end."""

    execution_id: str
    error: str


class ExecutionFailed(Answer):
    """Addition: an execution ran out of time or was interrupted; comes before its completion."""

    type: Literal["execution_failed"] = "execution_failed"
    data: ExecutionFailedData


class AgentChangedData(Answer):
    """Which agent changed."""

    agent_id: str
    agent_name: str


class AgentChanged(Answer):
    """The document's ``agent_created``, and its two siblings as additions."""

    type: Literal["agent_created", "agent_updated", "agent_deleted"]
    data: AgentChangedData


class EchoData(Answer):
    """What the client said."""

    text: str


class Echo(Answer):
    """Addition: whatever the client says comes back; it asks for nothing."""

    type: Literal["echo"] = "echo"
    data: EchoData


class ErrorFrame(Answer):
    """Addition: why the socket ends, or what went wrong."""

    type: Literal["error"] = "error"
    data: ErrorAnswer


ServerFrame: TypeAlias = (
    MetricsUpdate
    | ExecutionStarted
    | AgentCompleted
    | ExecutionCompleted
    | ExecutionFailed
    | AgentChanged
    | Echo
    | ErrorFrame
)
SERVER_FRAMES: TypeAdapter[ServerFrame] = TypeAdapter(ServerFrame)
CLIENT_FRAMES: TypeAdapter[str] = TypeAdapter(str)
"""Any text."""
