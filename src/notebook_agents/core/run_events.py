"""What can happen in a run: the bodies of its events, from ``run_queued`` to ``run_finished``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from notebook_agents.core.assessments import Finding, Via
from notebook_agents.core.figures import Figure
from notebook_agents.core.forecasts import Forecast
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
    agent_version: str = ""
    """Which configuration its agent had; see ``core/agent_versions.py``."""
    notebook: str = ""
    """The name of the file of the notebook that asked."""
    execution_id: str = ""
    """The execution of a task whose notebook asked."""
    task_id: str = ""
    """Its task."""
    forked_from: str = ""
    """The conversation that this one is a fork of."""
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
    context_length: int | None = None
    """Tokens that the model can hold; None where that is not known."""
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
    allowed_by: Via | Literal[""] = ""
    """Who let it run; empty when nobody did, so that it ends at once, and in older versions."""
    effect: str = ""
    """Of this very call; see ``core/policy.py``."""
    findings: tuple[Finding, ...] = ()
    """What the effect follows from."""
    type: Literal["tool_started"] = "tool_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """Something a running tool printed."""

    call_id: str
    text: str
    type: Literal["tool_output"] = "tool_output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """The model wrote a thought down, with a tool made for that."""

    call_id: str
    text: str
    type: Literal["thought"] = "thought"


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
    origin: str = ""
    """Where the content comes from; see ``core/provenance.py``."""
    type: Literal["tool_finished"] = "tool_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested:
    """A tool call waits for a person."""

    call_id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    effect: str = ""
    """Of this very call; see ``core/policy.py``."""
    findings: tuple[Finding, ...] = ()
    """What the effect follows from."""
    module: str = ""
    """Where the tool is made."""
    warning: str = ""
    """Why it is asked about whatever was allowed before."""
    digest: str = ""
    """What an answer is bound to: this call, this run, these rules."""
    forecast: Forecast | None = None
    """What such a call took before; None where nothing is known."""
    type: Literal["approval_requested"] = "approval_requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecided:
    """A person, the policy, a standing answer or a time limit decided about a call."""

    call_id: str
    is_approved: bool
    by: str = ""
    """The person's name; empty where none decided."""
    feedback: str = ""
    edited: dict[str, Any] | None = None
    """Arguments that take the place of the model's, when the person changed an allowed call."""
    via: Via = "person"
    scope: Literal["once", "conversation"] = "once"
    """``conversation``: it also allows later calls of the tool that do no more than this one."""
    name: str = ""
    """Of the tool."""
    effect: str = ""
    findings: tuple[Finding, ...] = ()
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
    message_count: int | None = None
    """Messages of the conversation, with those of the run; None where that is not known."""
    type: Literal["run_finished"] = "run_finished"
