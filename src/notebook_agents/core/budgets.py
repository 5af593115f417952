"""What a run may use up, and how much a model may ask for at once.

Budgets of the run end it with a clear error; what is too much in one step is left out, and the
model or the person is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import LimitExceeded

if TYPE_CHECKING:
    from notebook_agents.core.messages import ToolCallPart
    from notebook_agents.core.models import Usage
    from notebook_agents.core.runs import Run

MAX_CALLS_A_STEP = 32
"""Calls of one model step that are looked at; further ones are left out."""
MAX_ARGUMENT_BYTES = 1 << 20
MAX_DEPTH = 64
"""Of lists and objects within each other."""
MAX_NAME_CHARS = 128
MAX_QUESTIONS = 20
"""Questions to a person in one step, and in one minute: beyond that nobody reads them."""
QUESTION_WINDOW = timedelta(minutes=1)
CALLS_WARNING = (
    f"the model made more than {MAX_CALLS_A_STEP} tool calls at once; the others were left out"
)


def check_budget(run: Run, usage: Usage, *, n_steps: int, n_calls: int) -> None:
    """LimitExceeded when nothing is left for another model step."""
    limits = run.limits
    if n_steps >= limits.max_steps:
        raise LimitExceeded(
            f"the run used all its {limits.max_steps} model steps; raise max_steps", limit="steps"
        )
    if n_calls >= limits.max_tool_calls:
        raise LimitExceeded(
            f"the run made {n_calls} tool calls and may make {limits.max_tool_calls};"
            " raise max_tool_calls",
            limit="tool_calls",
        )
    if limits.max_tokens is not None and usage.output_tokens >= limits.max_tokens:
        raise LimitExceeded(
            f"the run used its {limits.max_tokens} output tokens; raise max_tokens", limit="tokens"
        )
    cost = usage.cost_usd
    if limits.max_cost_usd is not None and cost is not None and cost >= limits.max_cost_usd:
        raise LimitExceeded(f"the run used its ${limits.max_cost_usd:g} budget", limit="cost")


def check_questions(run: Run, now: datetime) -> None:
    """LimitExceeded when a person was asked so often lately that another question is too much."""
    if len(lately(run.guard.asked_at, now)) >= MAX_QUESTIONS:
        raise LimitExceeded(
            f"the agent asked for approval {MAX_QUESTIONS} times within a minute, so the run was"
            " stopped; say how it should go on",
            limit="approvals",
        )


def lately(asked_at: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    """Those of the moments that still count."""
    return tuple(at for at in asked_at if now - at < QUESTION_WINDOW)


def step_tokens(run: Run, usage: Usage) -> int | None:
    """How many tokens the next model step may write; None leaves it to the model."""
    own, total = run.sampling.max_tokens, run.limits.max_tokens
    left = None if total is None else max(1, total - usage.output_tokens)
    return min((n for n in (own, left) if n is not None), default=None)


def bounded(call: ToolCallPart) -> ToolCallPart:
    """The call, or in place of one that is too large one that says so."""
    if len(call.name) > MAX_NAME_CHARS:
        reason = f"the name of a tool has at most {MAX_NAME_CHARS} characters"
        return replace(call, name=call.name[:MAX_NAME_CHARS], arguments={}, invalid=reason)
    if is_deep(call.arguments):
        reason = f"the arguments are nested more than {MAX_DEPTH} deep"
        return replace(call, arguments={}, invalid=reason)
    if size_of(call.arguments) > MAX_ARGUMENT_BYTES:
        reason = f"the arguments have more than {MAX_ARGUMENT_BYTES >> 20} MiB"
        return replace(call, arguments={}, invalid=reason)
    return call


def is_deep(value: Any) -> bool:
    """Whether lists and objects stand in each other too deep; without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, (list, tuple, Mapping))
            for inner in (one.values() if isinstance(one, Mapping) else one)
        ]
        if not level:
            return False
    return True


def size_of(arguments: Mapping[str, Any]) -> int:
    """The bytes of the arguments as JSON."""
    return len(json.dumps(arguments, default=str).encode())
