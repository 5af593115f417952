"""Between Agent C's events and the core's: one event each, or none.

``TYPES`` names every type of the core that Agent C has a word for, ``LEFT_OUT`` the others with the
reason. Both together are all there are, so counts and filters need no event to be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from notebook_agents.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    Event,
    ModelFinished,
    ModelStarted,
    RunFinished,
    RunQueued,
    RunStarted,
    SecurityViolation,
    TextDelta,
    Thought,
    ToolFinished,
    ToolOutput,
    ToolStarted,
    Warned,
    WorkflowStepFinished,
    WorkflowStepStarted,
    event_to_json,
)
from notebook_agents.core.execution_events import (
    CellFinished,
    CellStarted,
    ExecutionFinished,
    ExecutionQueued,
    ExecutionStarted,
)
from notebook_agents.core.model_rules import backend_of
from notebook_agents.core.recordings import ReadEvents, RecordedEvent
from notebook_agents.core.replays import ControlReplay, ReplayStatus, StartReplay
from notebook_agents_server.dialects.agent_c import event_wire as wire

TYPES: Mapping[str, str] = {
    "run_queued": "user_request",
    "run_started": "interaction",
    "run_finished": "interaction",
    "model_started": "completion",
    "model_finished": "completion",
    "text_delta": "text_delta",
    "tool_started": "tool_call",
    "tool_finished": "tool_call",
    "tool_output": "message",
    "thought": "thought_delta",
    "approval_requested": "system_message",
    "approval_decided": "system_message",
    "warned": "system_message",
    "security_violation": "system_message",
    "workflow_step_started": "subsession_started",
    "workflow_step_finished": "subsession_ended",
    "execution_queued": "system_message",
    "execution_started": "subsession_started",
    "execution_finished": "subsession_ended",
    "cell_started": "subsession_started",
    "cell_finished": "subsession_ended",
}
"""Agent C's word for each type of the core."""
LEFT_OUT: Mapping[str, str] = {
    "agent_created": "is in no conversation",
    "agent_updated": "is in no conversation",
    "agent_deleted": "is in no conversation",
    "batch_started": "is in no conversation",
    "batch_finished": "is in no conversation",
    "machine_sampled": "is in no conversation",
    "schedule_fired": "is in no conversation",
    "schedule_skipped": "is in no conversation",
    "file_received": "the list of files has it; nobody said anything",
    "file_read": "the list of files has it; nobody said anything",
    "file_removed": "the list of files lacks it; nobody said anything",
    "code_ran": "the notebook lends its variables; nobody said anything",
    "checkpoint_made": "the notebook keeps it for undo; nobody said anything",
    "answer_rated": "is an opinion on what was said, not part of it",
    "run_undone": "is of the notebook's variables and files, not of what was said",
    "requests_served": "is what the server did, in no conversation",
    "stream_closed": "is what the server did, in no conversation",
    "webhook_attempted": "is what the server did, in no conversation",
    "engine_sampled": "is what the engine did, in no conversation",
    "cell_executed": "is the notebook's own work; nobody said anything",
    "score_recorded": "is an opinion on what was said, not part of it",
    "budget_set": "is of a person and no conversation",
}
"""Types without a word of Agent C's, with the reason."""
SHOWN: frozenset[str] = frozenset(TYPES)
"""The types of the core that are events here."""
THINKING = "thought_delta"
"""Agent C's word for what a model thinks."""

Role = Literal["user", "assistant", "system", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What an event says in Agent C's fields; None where a field does not apply."""

    role: Role | None = None
    content: str | None = None
    format: Literal["text", "markdown"] | None = None
    running: bool | None = None
    active: bool | None = None
    vendor: str | None = None
    tool_calls: list[wire.ToolCall] | None = None
    tool_results: list[wire.ToolResult] | None = None


def core_types(names: Iterable[str]) -> frozenset[str]:
    """The core's types behind Agent C's names in any case; all when there are no names."""
    wanted = {part.strip().lower() for name in names for part in name.split(",") if part.strip()}
    return frozenset(core for core, word in TYPES.items() if not wanted or word in wanted)


def counts_to_wire(types: Mapping[str, int]) -> dict[str, int]:
    """How many events of each of Agent C's types."""
    counts: dict[str, int] = {}
    for name, n in types.items():
        if name in TYPES:
            counts[TYPES[name]] = counts.get(TYPES[name], 0) + n
    return counts


def read_from_wire(query: wire.EventsQuery) -> ReadEvents:
    """Which events to read."""
    return ReadEvents(
        types=core_types(query.event_types),
        since=query.start_time,
        until=query.end_time,
        limit=query.limit,
    )


def replay_from_wire(conversation_id: str, query: wire.StreamQuery) -> StartReplay:
    """How to watch."""
    return StartReplay(
        conversation_id=conversation_id,
        types=core_types(query.event_types),
        is_real_time=query.real_time,
        speed=query.speed_factor,
    )


def control_from_wire(conversation_id: str, body: wire.ControlReplayRequest) -> ControlReplay:
    """What is asked of a replay."""
    return ControlReplay(
        conversation_id=conversation_id,
        action=body.action,
        position=body.position,
        replay_id=body.replay_id,
    )


def status_to_wire(status: ReplayStatus, session_id: str) -> wire.ReplayStatusAnswer:
    """Where a replay is."""
    return wire.ReplayStatusAnswer(
        session_id=session_id,
        replay_id=status.id,
        status=status.state,
        current_index=status.next_index,
        total_events=status.n_events,
        position=status.position,
        real_time=status.is_real_time,
        speed_factor=status.speed,
    )


def events_to_wire(events: Iterable[RecordedEvent], session_id: str) -> wire.EventsAnswer:
    """Events in order, without those that have no word here."""
    found = [event_to_wire(event, session_id) for event in events]
    return wire.EventsAnswer([event for event in found if event is not None])


def event_to_wire(recorded: RecordedEvent, session_id: str) -> wire.EventAnswer | None:
    """One event; None for those that have no word here."""
    event = recorded.event
    word = TYPES.get(event.type)
    if word is None:
        return None
    shown = _shown(event, recorded.said)
    return wire.EventAnswer(
        timestamp=event.ts,
        type=word,
        session_id=session_id,
        role=shown.role,
        content=shown.content,
        format=shown.format,
        running=shown.running,
        active=shown.active,
        vendor=shown.vendor,
        tool_calls=shown.tool_calls,
        tool_results=shown.tool_results,
        raw=json.loads(event_to_json(event)),
    )


def _shown(event: Event, said: str) -> Shown:
    body = event.body
    if isinstance(body, RunQueued):
        return _said("user", said, running=True, vendor=backend_of(body.model))
    return _SHOWN[type(body)](body)


def _said(role: Role, text: str, **fields: Any) -> Shown:
    return Shown(role=role, content=text, format="text", **fields)


def _run_finished(body: RunFinished) -> Shown:
    failure = body.error_message or (body.state if body.state != "succeeded" else "")
    return Shown(role="system" if failure else None, content=failure or None, running=False)


def _model_finished(body: ModelFinished) -> Shown:
    calls = [_call(call.call_id, call.name, call.arguments) for call in body.tool_calls]
    return Shown(
        role="assistant",
        content=body.text,
        format="markdown",
        running=False,
        vendor=backend_of(body.model),
        tool_calls=calls or None,
    )


def _tool_finished(body: ToolFinished) -> Shown:
    result = wire.ToolResult(tool_call_id=body.call_id, name=body.name, content=body.content)
    return Shown(role="tool", active=False, tool_results=[result])


def _call(id: str, name: str, arguments: Mapping[str, Any]) -> wire.ToolCall:
    return wire.ToolCall(id=id, name=name, arguments=json.dumps(arguments, ensure_ascii=False))


def _decided(body: ApprovalDecided) -> Shown:
    words = "was approved" if body.is_approved else "was denied"
    return _said("system", f"The call {body.call_id} {words}. {body.feedback}".strip())


_SHOWN: Mapping[type[Any], Callable[[Any], Shown]] = {
    RunStarted: lambda _: Shown(running=True, active=True),
    RunFinished: _run_finished,
    ModelStarted: lambda body: Shown(running=True, active=True, vendor=backend_of(body.model)),
    ModelFinished: _model_finished,
    TextDelta: lambda body: Shown(
        role="assistant", content=body.text, format="markdown", running=True
    ),
    ToolStarted: lambda body: Shown(
        role="assistant", active=True, tool_calls=[_call(body.call_id, body.name, body.arguments)]
    ),
    ToolFinished: _tool_finished,
    ToolOutput: lambda body: _said("tool", body.text, active=True),
    Thought: lambda body: _said("assistant", body.text, running=True),
    ApprovalRequested: lambda body: _said("system", f"{body.name} waits for approval"),
    ApprovalDecided: _decided,
    Warned: lambda body: _said("system", body.message),
    SecurityViolation: lambda body: _said("system", f"{body.rule}: {body.action}"),
    WorkflowStepStarted: lambda body: _said("system", body.message or body.step, running=True),
    WorkflowStepFinished: lambda body: _said("system", body.message or body.step, running=False),
    ExecutionQueued: lambda _: _said("system", "a task was queued"),
    ExecutionStarted: lambda _: _said("system", "the task begins", running=True),
    ExecutionFinished: lambda body: _said(
        "system", body.error_message or f"the task {body.state}", running=False
    ),
    CellStarted: lambda body: _said(
        "system", f"cell {body.cell_index + 1} of {body.n_cells} begins", running=True
    ),
    CellFinished: lambda body: _said(
        "system", body.error_message or f"cell {body.cell_index + 1} {body.status}", running=False
    ),
}
"""How the bodies of `TYPES` look; what a person said is told beside `RunQueued`."""
