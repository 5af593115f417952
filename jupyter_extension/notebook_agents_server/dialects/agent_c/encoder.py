"""From the core's events to the objects of Agent C's chat.

Whatever the order of events, an interaction gives one ``interaction_start``, then what happens, and
one ``interaction_end``; nothing follows it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_agents.core.events import (
    ApprovalRequested,
    ModelFinished,
    ModelStarted,
    RunFinished,
    TextDelta,
    Thought,
    ToolFinished,
    ToolStarted,
    Warned,
)
from notebook_agents.core.explicit_calls import is_written
from notebook_agents_server.dialects.agent_c import chat_frames as frames

if TYPE_CHECKING:
    from notebook_agents.core.conversations import MessageNode
    from notebook_agents.core.events import Event
    from notebook_agents.core.messages import Message

DECIDE = "POST /api/v1/approve"
HISTORY_MESSAGES = 100
HISTORY_CHARS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the objects of one interaction have in common."""

    session_id: str
    vendor: str
    model: str


class EventEncoder:
    """Objects for the events of one run."""

    def __init__(self, stage: Stage, *, is_resumed: bool = False) -> None:
        self._stage = stage
        self._has_begun = is_resumed
        self._is_done = False

    def encode(self, event: Event, history: Sequence[MessageNode] = ()) -> list[frames.Frame]:
        """The objects of one event; ``history`` are the session's messages, when it is the last."""
        if self._is_done:
            return []
        found: list[frames.Frame] = []
        if not self._has_begun:
            self._has_begun = True
            ids = {"id": event.run_id, "session_id": self._stage.session_id}
            found.append(frames.InteractionStart(**ids))
        if isinstance(event.body, RunFinished):
            self._is_done = True
            return found + self._finished(event.run_id, event.body, history)
        return found + self._of(event)

    def broken(self, run_id: str, message: str) -> list[frames.Frame]:
        """The last objects of a stream that cannot go on, though its run may."""
        if self._is_done:
            return []
        self._is_done = True
        return [frames.Failed(data=message), self._end(run_id)]

    def _of(self, event: Event) -> list[frames.Frame]:
        vendor = self._stage.vendor
        match event.body:
            case ModelStarted():
                return [frames.CompletionStatus(data=frames.CompletionState(running=True))]
            case TextDelta(text=text) if text:
                return [frames.Content(data=text, vendor=vendor)]
            case Thought(text=text):
                return [frames.ThoughtDelta(data=text, vendor=vendor)]
            case ModelFinished() as body:
                return self._step_finished(body)
            case ToolStarted() as body if is_written(body.call_id):
                called = _call(body.call_id, body.name, body.arguments)
                return [frames.ToolCalls(tool_calls=[called], vendor=vendor)]
            case ToolFinished() as body:
                return self._tool_finished(body)
            case ApprovalRequested() as body:
                return [frames.ToolApproval(data=_approval(body))]
            case Warned(message=message):
                return [frames.Notice(data=message)]
        return []

    def _step_finished(self, body: ModelFinished) -> list[frames.Frame]:
        state = frames.CompletionState(
            running=False,
            stop_reason=body.finish_reason,
            input_tokens=body.usage.input_tokens,
            output_tokens=body.usage.output_tokens,
        )
        found: list[frames.Frame] = [frames.CompletionStatus(data=state)]
        if body.tool_calls:
            calls = [_call(call.call_id, call.name, call.arguments) for call in body.tool_calls]
            found.append(frames.ToolCalls(tool_calls=calls, vendor=self._stage.vendor))
        return found

    def _tool_finished(self, body: ToolFinished) -> list[frames.Frame]:
        answer = frames.ToolAnswer(tool_call_id=body.call_id, name=body.name, content=body.content)
        results = frames.ToolResults(tool_results=[answer], vendor=self._stage.vendor)
        source = frames.MediaSource(name=body.name, session_id=self._stage.session_id)
        media = [
            frames.RenderMedia(
                content=figure.content, content_type=figure.media_type, metadata=source
            )
            for figure in body.figures
        ]
        return [results, *media]

    def _finished(
        self, run_id: str, body: RunFinished, history: Sequence[MessageNode]
    ) -> list[frames.Frame]:
        found: list[frames.Frame] = []
        if body.state != "succeeded":
            state = frames.CompletionState(
                running=False,
                stop_reason=body.state,
                input_tokens=body.usage.input_tokens,
                output_tokens=body.usage.output_tokens,
            )
            found.append(frames.CompletionStatus(data=state))
        if body.state not in ("succeeded", "cancelled"):
            found.append(frames.Failed(data=body.error_message or f"the run {body.state}"))
        found.append(self._history(history))
        return [*found, self._end(run_id)]

    def _history(self, nodes: Sequence[MessageNode]) -> frames.History:
        newest = nodes[-HISTORY_MESSAGES:]
        spoken = [
            frames.SpokenMessage(role=node.message.role, content=_said(node.message))
            for node in newest
        ]
        return frames.History(
            messages=spoken,
            message_count=len(nodes),
            vendor=self._stage.vendor,
            model_name=self._stage.model,
        )

    def _end(self, run_id: str) -> frames.InteractionEnd:
        return frames.InteractionEnd(id=run_id, session_id=self._stage.session_id)


def _call(id: str, name: str, arguments: Mapping[str, Any]) -> frames.CalledTool:
    text = json.dumps(arguments, ensure_ascii=False)
    return frames.CalledTool(id=id, name=name, arguments=text)


def _approval(body: ApprovalRequested) -> frames.ApprovalWish:
    return frames.ApprovalWish(
        tool_call_id=body.call_id,
        name=body.name,
        arguments=json.dumps(body.arguments, ensure_ascii=False),
        reason=body.reason,
        decide=DECIDE,
    )


def _said(message: Message) -> str:
    said = message.text or "\n".join(result.content for result in message.tool_results)
    return said if len(said) <= HISTORY_CHARS else said[: HISTORY_CHARS - 1] + "…"
