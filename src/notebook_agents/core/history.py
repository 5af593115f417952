"""The messages of a conversation as a model may see them: no call or question left open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from notebook_agents.core.ids import new_id
from notebook_agents.core.messages import Message, ToolCallPart, ToolResultPart, tool_message
from notebook_agents.core.tools import ToolCall

if TYPE_CHECKING:
    from notebook_agents.core.events import ToolFinished

INTERRUPTED_RESULT = "Error: the call was interrupted before it finished"


def open_calls(history: Sequence[Message]) -> tuple[ToolCallPart, ...]:
    """The tool calls at the end of the history that have no result yet."""
    return history[-1].tool_calls if history and history[-1].role == "assistant" else ()


def distinct(
    call: ToolCallPart, step: Iterable[ToolCallPart], history: Iterable[Message]
) -> ToolCallPart:
    """The call under an id that no other call has: some providers count anew in each step.

    A person's answer belongs to an id, and must never be taken for that to another call.
    """
    used = {known.call_id for known in step}
    used.update(known.call_id for message in history for known in message.tool_calls)
    is_free = call.call_id and call.call_id not in used
    return call if is_free else replace(call, call_id=f"call_{new_id()}")


def answered(history: Sequence[Message]) -> list[Message]:
    """The history without questions that got no answer because their run ended too early.

    They stay in the conversation; a model would take the old question for the new one, and
    providers refuse two messages of a user in a row.
    """
    return [
        message
        for message, following in zip(history, [*history[1:], None], strict=True)
        if not (message.role == "user" and following is not None and following.role == "user")
    ]


def recent(history: Sequence[Message], n: int | None) -> list[Message]:
    """The last question with what followed, and ``n`` earlier ones with theirs; None keeps all."""
    asked = [place for place, message in enumerate(history) if message.role == "user"]
    is_all = n is None or n >= len(asked) - 1
    return list(history) if is_all else list(history[asked[-(n or 0) - 1] :])


def settle(calls: Sequence[ToolCallPart], results: Sequence[ToolResultPart] = ()) -> Message:
    """The tool message for calls of which only some have a result; the others were interrupted.

    Models and providers refuse a history in which a call has no result, which is what a crash
    or a cancelled run leaves behind.
    """
    known = {result.call_id: result for result in results}
    return tool_message(known.get(call.call_id) or _interrupted(call) for call in calls)


def _interrupted(call: ToolCallPart) -> ToolResultPart:
    return ToolResultPart(
        call_id=call.call_id, name=call.name, content=INTERRUPTED_RESULT, is_error=True
    )


def result_part(body: ToolFinished) -> ToolResultPart:
    """What the model is told about a finished tool."""
    return ToolResultPart(
        call_id=body.call_id,
        name=body.name,
        content=body.content,
        is_error=body.status != "succeeded",
        origin=body.origin,
    )


def call_record(body: ToolFinished, arguments: dict[str, Any]) -> ToolCall:
    """What a run keeps of a finished tool."""
    return ToolCall(
        id=body.call_id,
        name=body.name,
        arguments=arguments,
        status=body.status,
        content=body.content,
        duration_ms=body.duration_ms,
        error_type=body.error_type,
    )
