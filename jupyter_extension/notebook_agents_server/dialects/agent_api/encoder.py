"""From the core's events to the frames of a session's stream.

Whatever the order of events, a query gives its parts first and then exactly one last ``message`` or
``error``, with the session's new status behind it; nothing follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

from notebook_agents.core.conversation_states import left_as
from notebook_agents.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    Event,
    ModelFinished,
    RunFinished,
    RunQueued,
    RunStarted,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from notebook_agents_server.dialects.agent_api import frames
from notebook_agents_server.dialects.agent_api.errors import CODES, INTERNAL
from notebook_agents_server.dialects.agent_api.sdk_options import spoken_name
from notebook_agents_server.dialects.agent_api.session_mapping import (
    call_id_to_wire,
    metrics_to_wire,
)
from notebook_agents_server.dialects.agent_api.session_wire import PendingApproval, TextContent

if TYPE_CHECKING:
    from notebook_agents.core.conversation_states import ConversationState
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.states import FinalState

ERROR_CODES: Mapping[str, str] = {kind.code: word for kind, word in CODES.items()}
ENDS: Mapping[FinalState, Literal["completed", "cancelled", "timed_out"]] = {
    "succeeded": "completed",
    "cancelled": "cancelled",
    "timed_out": "timed_out",
}
"""The others end in an error."""
FRAMES_OF_EVENT = 2
"""An event has no more frames, so that each has a number of its own."""


class EventEncoder:
    """Frames for the events of one query."""

    def __init__(self, conversation: Conversation, message: str) -> None:
        self._conversation = conversation
        self._message = message
        self._status: ConversationState | None = None
        self._is_done = False

    def encode(self, event: Event) -> list[frames.QueryFrames]:
        """The frames of one event; none for what a client is not told."""
        if self._is_done:
            return []
        where: dict[str, Any] = {
            "session_id": self._conversation.id,
            "query_id": event.run_id,
            "sequence": event.run_seq * FRAMES_OF_EVENT,
            "timestamp": event.ts,
        }
        match event.body:
            case RunStarted() | ApprovalDecided():
                return self._changed("processing", where)
            case ApprovalRequested() as body:
                return [self._waiting(body, event, where)]
            case RunFinished() as body:
                return self._finished(body, where)
            case body:
                frame = self._told(body, where)
                return [frame] if frame is not None else []

    def _told(self, body: object, where: dict[str, Any]) -> frames.QueryFrames | None:
        match body:
            case RunQueued():
                return frames.MessageSentFrame(content=TextContent(text=self._message), **where)
            case TextDelta(text=text) if text:
                return frames.MessageFrame(content=TextContent(text=text), is_partial=True, **where)
            case ModelFinished(text=text, tool_calls=calls) if text and calls:
                return frames.MessageFrame(
                    content=TextContent(text=text), is_partial=False, **where
                )
            case ToolStarted():
                return frames.ToolCallStartedFrame(
                    **self._call(body, where), tool_input=body.arguments
                )
            case ToolFinished():
                return frames.ToolCallCompletedFrame(
                    **self._call(body, where),
                    status="success" if body.status == "succeeded" else "error",
                    tool_output={"content": body.content},
                    duration_ms=ceil(body.duration_ms),
                )
        return None

    def _call(self, body: ToolStarted | ToolFinished, where: dict[str, Any]) -> dict[str, Any]:
        return {
            "tool_call_id": call_id_to_wire(where["query_id"], body.call_id),
            "tool_name": spoken_name(body.name, self._conversation.settings),
            **where,
        }

    def _changed(
        self, status: ConversationState, where: dict[str, Any]
    ) -> list[frames.QueryFrames]:
        if status == self._status:
            return []
        self._status = status
        return [frames.StatusChangeFrame(status=status, **where)]

    def _waiting(
        self, body: ApprovalRequested, event: Event, where: dict[str, Any]
    ) -> frames.StatusChangeFrame:
        self._status = "waiting"
        pending = PendingApproval(
            id=call_id_to_wire(event.run_id, body.call_id),
            tool_name=spoken_name(body.name, self._conversation.settings),
            tool_input=body.arguments,
            reason=body.reason,
            requested_at=event.ts,
        )
        return frames.StatusChangeFrame(status="waiting", pending_approval=pending, **where)

    def _finished(self, body: RunFinished, where: dict[str, Any]) -> list[frames.QueryFrames]:
        self._is_done = True
        left = left_as(body.state, body.error_code, self._conversation.mode)
        last: frames.QueryFrames
        if (status := ENDS.get(body.state)) is not None:
            last = frames.MessageFrame(
                content=TextContent(text=body.text),
                is_partial=False,
                status=status,
                metrics=metrics_to_wire(body.work_ms or body.duration_ms, body.usage),
                **where,
            )
        else:
            last = frames.ErrorFrame(
                detail=body.error_message or f"the query {body.state}",
                error_code=ERROR_CODES.get(body.error_code, INTERNAL),
                **where,
            )
        return [last, *self._changed(left, {**where, "sequence": where["sequence"] + 1})]
