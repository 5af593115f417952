"""The events that the result of a tool becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.events import Thought, ToolFinished

if TYPE_CHECKING:
    from notebook_agents.core.tools import ToolResult


def result_bodies(
    call_id: str, name: str, result: ToolResult
) -> tuple[Thought | ToolFinished, ...]:
    """The events of a tool result in a run; the last ends the call."""
    finished = finished_body(call_id, name, result)
    if not result.thought:
        return (finished,)
    return Thought(call_id=call_id, text=result.thought), finished


def finished_body(call_id: str, name: str, result: ToolResult) -> ToolFinished:
    """The event that a tool result becomes."""
    return ToolFinished(
        call_id=call_id,
        name=name,
        status=result.status,
        content=result.content,
        figures=result.figures,
        duration_ms=result.duration_ms,
        error_type=result.error_type,
        cpu_ms=result.cpu_ms,
        memory_bytes=result.memory_bytes,
        enforced_level=result.enforced_level or "",
        memory_enforcement=result.memory_enforcement,
        origin=result.origin,
    )
