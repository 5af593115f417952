"""Events: immutable facts, and the envelope each one travels in.

The union of bodies is closed: everything that streams, is stored, counted or replayed is one of
these; those of runs are in ``run_events``. ``run_seq`` numbers the events of one run from 1 without
gaps and is what a client gives to resume a stream. Facts outside a run (an agent was created) have
an empty ``run_id`` and number 0; facts about a run that come beside it (its undo) have that number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from notebook_agents.core.attachment_events import FileRead, FileReceived, FileRemoved
from notebook_agents.core.checkpoint_events import AnswerRated, CheckpointMade, RunUndone
from notebook_agents.core.execution_events import (
    CellFinished,
    CellStarted,
    ExecutionFinished,
    ExecutionQueued,
    ExecutionStarted,
)
from notebook_agents.core.observation_events import (
    BudgetSet,
    CellExecuted,
    EngineSampled,
    RequestsServed,
    ScoreRecorded,
    StreamClosed,
    WebhookAttempted,
)
from notebook_agents.core.run_events import (
    ApprovalDecided,
    ApprovalRequested,
    ModelFinished,
    ModelStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    TextDelta,
    Thought,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    Warned,
    WorkflowStepFinished,
    WorkflowStepStarted,
)
from notebook_agents.core.schedule_events import ScheduleFired, ScheduleSkipped

__all__ = [
    "SYSTEM_STREAM",
    "AgentCreated",
    "AgentDeleted",
    "AgentUpdated",
    "AnswerRated",
    "ApprovalDecided",
    "ApprovalRequested",
    "BatchFinished",
    "BatchStarted",
    "BudgetSet",
    "CellExecuted",
    "CellFinished",
    "CellStarted",
    "CheckpointMade",
    "CodeRan",
    "EngineSampled",
    "Event",
    "EventBody",
    "ExecutionFinished",
    "ExecutionQueued",
    "ExecutionStarted",
    "FileRead",
    "FileReceived",
    "FileRemoved",
    "MachineSampled",
    "ModelFinished",
    "ModelStarted",
    "RequestsServed",
    "RunFinished",
    "RunQueued",
    "RunStarted",
    "RunUndone",
    "ScheduleFired",
    "ScheduleSkipped",
    "ScoreRecorded",
    "SecurityViolation",
    "StreamClosed",
    "TextDelta",
    "Thought",
    "ToolFinished",
    "ToolOutput",
    "ToolStarted",
    "Warned",
    "WebhookAttempted",
    "WorkflowStepFinished",
    "WorkflowStepStarted",
    "event_from_json",
    "event_to_json",
    "machine_stream",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCreated:
    """An agent was saved for the first time."""

    name: str
    is_shared: bool = False
    by: str = ""
    """The user who did it; the envelope's is the agent's owner."""
    type: Literal["agent_created"] = "agent_created"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentUpdated:
    """An agent's configuration changed."""

    fields: tuple[str, ...] = ()
    name: str = ""
    is_shared: bool = False
    by: str = ""
    """The user who did it; the envelope's is the agent's owner."""
    type: Literal["agent_updated"] = "agent_updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDeleted:
    """An agent was removed."""

    name: str
    is_shared: bool = False
    by: str = ""
    """The user who did it; the envelope's is the agent's owner."""
    type: Literal["agent_deleted"] = "agent_deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStarted:
    """Several agents were asked to carry out their roles."""

    batch_id: str
    agents: dict[str, str] = field(default_factory=dict)
    """Their names, by id."""
    is_parallel: bool = True
    timeout_s: float = 0.0
    type: Literal["batch_started"] = "batch_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFinished:
    """The last run of a batch ended."""

    batch_id: str
    state: Literal["completed", "timed_out", "interrupted"]
    n_agents: int = 0
    n_succeeded: int = 0
    n_failed: int = 0
    """All that did not succeed."""
    duration_ms: float = 0.0
    type: Literal["batch_finished"] = "batch_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSampled:
    """What the machine of a server was doing."""

    cpu_percent: float
    """Since the sample before, over all cores."""
    memory_percent: float
    disk_percent: float
    """Of the disk with the product's data."""
    network_kib_s: float
    """Sent and received, per second, since the sample before."""
    n_active_agents: int
    health_score: float
    """0 to 1."""
    type: Literal["machine_sampled"] = "machine_sampled"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRan:
    """The product ran code of its own in a conversation's tool kernel, to lend it variables."""

    n_chars: int
    duration_ms: float = 0.0
    error_type: str = ""
    enforced_level: str = ""
    type: Literal["code_ran"] = "code_ran"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityViolation:
    """Something was refused by policy."""

    rule: str
    action: str
    detail: str = ""
    type: Literal["security_violation"] = "security_violation"


EventBody: TypeAlias = Annotated[
    RunQueued
    | RunStarted
    | ModelStarted
    | TextDelta
    | ModelFinished
    | ToolStarted
    | ToolOutput
    | Thought
    | ToolFinished
    | ApprovalRequested
    | ApprovalDecided
    | Warned
    | WorkflowStepStarted
    | WorkflowStepFinished
    | RunFinished
    | AgentCreated
    | AgentUpdated
    | AgentDeleted
    | BatchStarted
    | BatchFinished
    | MachineSampled
    | CodeRan
    | ExecutionQueued
    | ExecutionStarted
    | CellStarted
    | CellFinished
    | ExecutionFinished
    | FileReceived
    | FileRead
    | FileRemoved
    | ScheduleFired
    | ScheduleSkipped
    | SecurityViolation
    | CheckpointMade
    | RunUndone
    | AnswerRated
    | BudgetSet
    | CellExecuted
    | EngineSampled
    | RequestsServed
    | ScoreRecorded
    | StreamClosed
    | WebhookAttempted,
    Field(discriminator="type"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The envelope: who, where, when and which number."""

    id: str
    run_id: str = ""
    run_seq: int = 0
    ts: datetime
    conversation_id: str = ""
    agent_id: str = ""
    user_id: str = ""
    dialect: str = ""
    body: EventBody

    @property
    def type(self) -> str:
        """The body's kind, as it is stored."""
        return self.body.type

    @property
    def stream(self) -> str:
        """The append-only stream this event is kept in."""
        if isinstance(self.body, MachineSampled):
            return machine_stream(self.ts)
        if isinstance(self.body, BudgetSet):
            return BUDGET_STREAM
        if (name := DAILY_STREAMS.get(self.type)) is not None:
            return f"{name}-{self.ts:%Y-%m-%d}"
        return self.conversation_id or SYSTEM_STREAM


SYSTEM_STREAM = "system"
"""Where facts outside any conversation are kept."""
BUDGET_STREAM = "budgets"
"""Where budgets are kept: apart, because they are few and often looked for."""
DAILY_STREAMS: Mapping[str, str] = {
    "requests_served": "requests",
    "stream_closed": "requests",
    "webhook_attempted": "webhooks",
    "engine_sampled": "engine",
}
"""Where servers keep what they see of themselves: a stream a day each, into which SQL looks."""


MACHINE_STREAMS = "_machine-"
"""What the names of the streams begin with that hold samples of the machine."""


def machine_stream(at: datetime) -> str:
    """Where the samples of a day are kept: apart, because they are many.

    SQL does not look into streams that begin with an underscore.
    """
    return f"{MACHINE_STREAMS}{at:%Y-%m-%d}"


_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)
_to_json = _ADAPTER.serializer.to_json
"""What ``dump_json`` calls: events are many, and so are its arguments."""


def event_to_json(event: Event) -> bytes:
    """One JSON object without line breaks."""
    return _to_json(event)


def event_from_json(line: bytes) -> Event:
    """The event a line holds; raises pydantic's ValidationError on anything else."""
    return _ADAPTER.validate_json(line)
