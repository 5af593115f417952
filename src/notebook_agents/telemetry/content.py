"""What models and tools wrote, as attributes of spans; told only where a deployment wants it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_agents.core.events import ModelFinished, RunFinished, ToolFinished, ToolStarted

MAX_CHARS = 20_000
"""Of one attribute: collectors refuse what is much longer."""


def of_answer(body: ModelFinished) -> dict[str, str]:
    """What a model answered, in the form of the conventions."""
    parts: list[dict[str, Any]] = [{"type": "text", "content": body.text}] if body.text else []
    parts += [
        {"type": "tool_call", "id": call.call_id, "name": call.name, "arguments": call.arguments}
        for call in body.tool_calls
    ]
    message = {"role": "assistant", "parts": parts, "finish_reason": body.finish_reason}
    return {"gen_ai.output.messages": _text([message])}


def of_arguments(body: ToolStarted) -> dict[str, str]:
    """What a tool was given."""
    return {"gen_ai.tool.call.arguments": _text(body.arguments)}


def of_result(body: ToolFinished) -> dict[str, str]:
    """What a tool answered."""
    return {"gen_ai.tool.call.result": body.content[:MAX_CHARS]}


def of_end(body: RunFinished) -> dict[str, str]:
    """Why a run failed, in words."""
    return {"na.error_message": body.error_message[:MAX_CHARS]} if body.error_message else {}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:MAX_CHARS]
