"""Calls that a person allowed and changed: what runs in their place, and what the model is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from notebook_agents.core.formatting import clip_text

if TYPE_CHECKING:
    from notebook_agents.core.messages import ToolCallPart
    from notebook_agents.core.runs import Run

MAX_CHARS = 1500


def edited(call_id: str, run: Run) -> dict[str, Any] | None:
    """The arguments that a person gave in place of the model's; None when they left them."""
    for decision in run.decisions:
        if decision.call_id == call_id and decision.is_approved:
            return decision.edited
    return None


def as_decided(calls: Sequence[ToolCallPart], run: Run) -> list[ToolCallPart]:
    """The calls as they will be made; the policy judges these, not what the model wrote."""
    changed = ((call, edited(call.call_id, run)) for call in calls)
    return [call if given is None else replace(call, arguments=given) for call, given in changed]


def told_of_edit(call_id: str, run: Run, content: str) -> str:
    """The result for the model, which must know that other code ran than its own."""
    given = edited(call_id, run)
    if given is None:
        return content
    code = given.get("code") if len(given) == 1 else None
    text = code if isinstance(code, str) else json.dumps(given, default=str)
    said = clip_text(text, max_chars=MAX_CHARS)
    return f"The user changed the call before it ran:\n{said}\nResult:\n{content}"
