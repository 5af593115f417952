"""Runs: one attempt to answer one input, from queued to a final state.

The core owns the run: it works in the background whoever watches, and every step it takes is an
event. Clients only subscribe, from any event number on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from notebook_agents.core.assessments import Finding, Via
from notebook_agents.core.errors import Conflict
from notebook_agents.core.forecasts import Forecast
from notebook_agents.core.messages import Message, ToolCallPart
from notebook_agents.core.models import Sampling, Usage
from notebook_agents.core.policy import ApprovalPolicy, OnBusy
from notebook_agents.core.states import FINAL_STATES, TRANSITIONS, RunState
from notebook_agents.core.tools import ToolCall

if TYPE_CHECKING:
    from notebook_agents.core.ports import ToolRunner


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use up; reaching one ends the run with a clear error."""

    max_steps: int = 10
    """Model steps."""
    max_tokens: int | None = None
    """Output tokens over all steps."""
    timeout_s: float = 300.0
    """Wall clock, waiting for approval not counted."""
    max_cost_usd: float | None = None
    max_tool_calls: int = 100
    max_bytes_out: int = 1 << 20
    """Of the arguments of calls by which data could leave, in bytes, all together."""
    approval_timeout_s: float = 86_400.0
    """How long a call waits for a person; unanswered it is denied."""
    max_history: int | None = None
    """Earlier questions that the model is told of, with their answers; None is all that fit.

    This one ends nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingApproval:
    """A tool call that waits for a person."""

    call: ToolCallPart
    reason: str
    requested_at: datetime
    effect: str = ""
    """Of this very call."""
    findings: tuple[Finding, ...] = ()
    """What the effect follows from."""
    module: str = ""
    """Where the tool is made."""
    warning: str = ""
    """Why it is asked about whatever was allowed before."""
    digest: str = ""
    """What an answer is bound to; see ``core/approval_digests.py``."""
    forecast: Forecast | None = None
    """What such a call took before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecision:
    """A person's answer to one pending tool call."""

    call_id: str
    is_approved: bool
    feedback: str = ""
    """Told to the model when the call is denied."""
    edited: dict[str, Any] | None = None
    """Arguments that take the place of the model's, when the person changed an allowed call."""
    scope: Literal["once", "conversation"] = "once"
    """``conversation`` also allows what the tool does later, up to the effect of this call."""
    via: Via = "person"
    """``nobody`` where there was no one to ask, ``timeout`` where no one answered."""
    digest: str = ""
    """Of what the person was shown, where a client says; then of what will be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGuard:
    """What a run must remember over its questions."""

    refused: str = ""
    """The least effect that the person refused without saying what to do instead."""
    asked_at: tuple[datetime, ...] = ()
    """When the person was asked lately."""
    bytes_out: int = 0
    """In arguments of calls by which data could leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt to answer one input."""

    id: str
    owner_id: str
    agent_id: str
    conversation_id: str
    state: RunState = "queued"
    model: str
    dialect: str = "python"
    input: Message
    """What the run answers; stands in the conversation once the run has started."""
    input_id: str = ""
    """The message node of the input."""
    previous_tip_id: str = ""
    """Where the chain ended before the run; rollback returns there."""
    holder: str = ""
    """The process that runs it; when that process is gone the run is interrupted."""
    tools: tuple[str, ...] = ()
    sampling: Sampling = Sampling()
    limits: Limits = Limits()
    policy: ApprovalPolicy = ApprovalPolicy()
    system: str = ""
    """Instructions of this run in addition to the agent's."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """What the client said about its message; never interpreted."""
    workflow: str = ""
    """The workflow that works on it; empty is the agent loop."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """What the workflow was asked for beside the message."""
    pending: tuple[PendingApproval, ...] = ()
    decisions: tuple[ApprovalDecision, ...] = ()
    last_seq: int = 0
    """The number of the last event that the store was told of; of a final run the very last."""
    text: str = ""
    """The answer, or as much of it as there was."""
    result: dict[str, Any] = field(default_factory=dict)
    """What the workflow computed."""
    batch_id: str = ""
    """The batch it belongs to; empty for most."""
    tool_calls: tuple[ToolCall, ...] = ()
    guard: RunGuard = RunGuard()
    usage: Usage = Usage()
    n_steps: int = 0
    error_code: str = ""
    error_message: str = ""
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deleted_at: datetime | None = None
    """When its conversation was deleted; nobody sees it from then on."""

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self.state in FINAL_STATES

    @property
    def duration_ms(self) -> float:
        """From creation to the end, in milliseconds; 0 while the run goes on."""
        if self.ended_at is None:
            return 0.0
        return (self.ended_at - self.created_at).total_seconds() * 1000

    @property
    def work_ms(self) -> float:
        """The same without the time in which a run that was started had waited for its turn."""
        if self.ended_at is None:
            return 0.0
        return (self.ended_at - (self.started_at or self.created_at)).total_seconds() * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRun:
    """The wish for an answer. None takes the agent's own setting."""

    agent_id: str
    message: Message
    conversation_id: str = ""
    """Empty starts a new conversation."""
    workspace: str = ""
    """Folder of the new conversation; empty gives it one of its own."""
    context: dict[str, object] | None = None
    model: str | None = None
    tools: tuple[str, ...] | None = None
    sampling: Sampling | None = None
    limits: Limits | None = None
    policy: ApprovalPolicy | None = None
    on_busy: OnBusy = "enqueue"
    system: str = ""
    """Instructions of this run in addition to the agent's."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """What the client says about its message; kept with the run."""
    workflow: str = ""
    """A workflow to run in place of the agent loop."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """What the workflow is asked for beside the message; JSON values."""
    history: int | None = None
    """Earlier questions that the model is told of, with their answers; None is as `limits` say."""
    max_messages: int | None = None
    """Refuse when the conversation has so many messages already."""
    batch_id: str = ""
    """The batch that asks."""
    lent: ToolRunner | None = None
    """Tools of this process that are offered to the conversation from now on."""
    turn: str = ""
    """Runs with the same turn work one after another, as those of one conversation do."""
    notebook: str = ""
    """The name of the file of the notebook that asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRuns:
    """Which runs to list; newest first."""

    conversation_id: str = ""
    agent_id: str = ""
    workflow: str = ""
    states: tuple[RunState, ...] = ()
    """Empty means any."""
    limit: int = 50
    offset: int = 0


def advance(run: Run, state: RunState) -> Run:
    """The run in its next state; Conflict when the table does not allow the step."""
    if state not in TRANSITIONS[run.state]:
        raise Conflict(f"run {run.id!r} is {run.state} and cannot become {state}", state=run.state)
    return replace(run, state=state)
