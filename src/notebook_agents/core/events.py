"""Events: immutable facts, and the envelope each one travels in.

The union of bodies is closed: everything that streams, is stored, counted or replayed is one of
these. ``run_seq`` numbers the events of one run from 1 without gaps and is what a client gives to
resume a stream. Facts outside a run (an agent was created) have an empty ``run_id`` and number 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from notebook_agents.core.figures import Figure
from notebook_agents.core.messages import ToolCallPart
from notebook_agents.core.models import Usage
from notebook_agents.core.states import FinalState, ToolStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQueued:
    """A run was accepted."""

    model: str
    input_chars: int = 0
    tools: tuple[str, ...] = ()
    policy: str = "default"
    workflow: str = ""
    type: Literal["run_queued"] = "run_queued"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The run has the conversation to itself and begins to work."""

    queue_ms: float = 0.0
    type: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStarted:
    """A model step begins."""

    step: int
    model: str
    n_messages: int = 0
    type: Literal["model_started"] = "model_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """Text of the answer; deltas within 50 ms of each other travel together."""

    step: int
    text: str
    n_tokens: int = 1
    type: Literal["text_delta"] = "text_delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFinished:
    """A model step ended."""

    step: int
    model: str
    text: str = ""
    tool_calls: tuple[ToolCallPart, ...] = ()
    finish_reason: str = "stop"
    usage: Usage = Usage()
    n_dropped: int = 0
    queue_ms: float = 0.0
    ttft_ms: float = 0.0
    decode_ms: float = 0.0
    duration_ms: float = 0.0
    type: Literal["model_finished"] = "model_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStarted:
    """A tool begins to run; written and synced to disk before it does."""

    call_id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    type: Literal["tool_started"] = "tool_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """Something a running tool printed."""

    call_id: str
    text: str
    type: Literal["tool_output"] = "tool_output"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished:
    """A tool ended, one way or another."""

    call_id: str
    name: str
    status: ToolStatus
    content: str = ""
    figures: tuple[Figure, ...] = ()
    duration_ms: float = 0.0
    error_type: str = ""
    cpu_ms: float | None = None
    memory_bytes: int | None = None
    enforced_level: str = ""
    memory_enforcement: str = ""
    type: Literal["tool_finished"] = "tool_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested:
    """A tool call waits for a person."""

    call_id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    type: Literal["approval_requested"] = "approval_requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecided:
    """A person, or the policy, answered."""

    call_id: str
    is_approved: bool
    by: str = ""
    feedback: str = ""
    type: Literal["approval_decided"] = "approval_decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something a person should know; the run goes on."""

    code: str
    message: str
    type: Literal["warned"] = "warned"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowStepStarted:
    """A step of a workflow begins."""

    step: str
    agent: str = ""
    """Who does it."""
    message: str = ""
    progress: int = 0
    """How much of the workflow is done, in percent."""
    type: Literal["workflow_step_started"] = "workflow_step_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowStepFinished:
    """A step of a workflow ended."""

    step: str
    agent: str = ""
    message: str = ""
    """What came of it, in a sentence."""
    progress: int = 0
    duration_ms: float = 0.0
    type: Literal["workflow_step_finished"] = "workflow_step_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The run ended; always its last event."""

    state: FinalState
    text: str = ""
    usage: Usage = Usage()
    n_steps: int = 0
    n_tool_calls: int = 0
    duration_ms: float = 0.0
    """From creation to the end."""
    work_ms: float | None = None
    """The same without the time in which the run waited for its turn; None of older versions."""
    error_code: str = ""
    error_message: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    """What a workflow computed."""
    batch_id: str = ""
    """The batch that the run belongs to."""
    type: Literal["run_finished"] = "run_finished"


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
    | SecurityViolation,
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
        return self.conversation_id or SYSTEM_STREAM


SYSTEM_STREAM = "system"
"""Where facts outside any conversation are kept."""


def machine_stream(at: datetime) -> str:
    """Where the samples of a day are kept: apart, because they are many.

    SQL does not look into streams that begin with an underscore.
    """
    return f"_machine-{at:%Y-%m-%d}"


_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def event_to_json(event: Event) -> bytes:
    """One JSON object without line breaks."""
    return _ADAPTER.dump_json(event)


def event_from_json(line: bytes) -> Event:
    """The event a line holds; raises pydantic's ValidationError on anything else."""
    return _ADAPTER.validate_json(line)
