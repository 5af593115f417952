"""From the core's events to Tektra's frames.

Whatever the order of events, a run gives tokens and tool frames first and then exactly one
``complete`` or ``error``; nothing follows it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from notebook_agents.core.events import (
    ApprovalRequested,
    RunFinished,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from notebook_agents_server.dialects.tektra.frames import (
    CompleteFrame,
    RunErrorFrame,
    RunFrame,
    TokenFrame,
    ToolExecutionFrame,
)
from notebook_agents_server.dialects.tektra.mapping import (
    ERROR_CODES,
    printed,
    timestamp,
    usage_to_wire,
)

if TYPE_CHECKING:
    from notebook_agents.core.events import Event

RUN_ERROR_CODES = {**ERROR_CODES, "limit_exceeded": "RUN_LIMIT_REACHED"}
"""A run that used up its own limits is not a client that asked too often."""


class EventEncoder:
    """Frames for the events of one run."""

    def __init__(self) -> None:
        self._is_done = False

    def encode(self, event: Event) -> list[RunFrame]:
        """The frames of one event; none for what the document does not show."""
        if self._is_done:
            return []
        where: dict[str, Any] = {
            "run_id": printed("run", event.run_id),
            "conversation_id": printed("conv", event.conversation_id),
            "sequence": event.run_seq,
        }
        match event.body:
            case TextDelta(text=text) if text:
                return [TokenFrame(content=text, **where)]
            case ToolStarted(name=name):
                return [ToolExecutionFrame(tool=name, status="started", **where)]
            case ToolFinished() as body:
                return [_tool_finished(body, where)]
            case ApprovalRequested(name=name):
                return [ToolExecutionFrame(tool=name, status="waiting_approval", **where)]
            case RunFinished() as body:
                self._is_done = True
                return [_run_finished(body, where, event.ts)]
        return []


def _tool_finished(body: ToolFinished, where: dict[str, Any]) -> ToolExecutionFrame:
    status: Literal["completed", "failed"]
    status = "completed" if body.status == "succeeded" else "failed"
    return ToolExecutionFrame(
        tool=body.name,
        status=status,
        execution_time_ms=round(body.duration_ms, 3),
        **where,
    )


def _run_finished(body: RunFinished, where: dict[str, Any], at: datetime) -> RunFrame:
    if body.state in ("succeeded", "cancelled"):
        return CompleteFrame(
            content=body.text,
            status="completed" if body.state == "succeeded" else "cancelled",
            token_usage=usage_to_wire(body.usage),
            **where,
        )
    error = {
        "code": RUN_ERROR_CODES.get(body.error_code, "INTERNAL_ERROR"),
        "message": body.error_message or f"the run {body.state}",
        "details": {"state": body.state, "partial": body.text},
        "request_id": where["run_id"],
        "timestamp": timestamp(at),
    }
    return RunErrorFrame(error=error, **where)
