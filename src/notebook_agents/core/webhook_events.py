"""What webhooks are told: recorded events in the words of the APIs, in one table.

The core's events are ours; ``agent.created`` or ``agent.execution.completed``, and the fields that
travel with them, are how the APIs' documents call them. Tektra's ids have a prefix, AIMOS's have
none. Neither prompts nor results of tools are told, only that and how something happened; the
answer of a run is, in AIMOS's event.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_agents.core.agents import Agent
from notebook_agents.core.conversations import Conversation
from notebook_agents.core.events import (
    AgentCreated,
    AgentDeleted,
    Event,
    RunFinished,
    SecurityViolation,
    ToolFinished,
)

if TYPE_CHECKING:
    from notebook_agents.core.ports import Store

Data = dict[str, Any]
PING = "ping"
"""The event of a test; every webhook gets its own, none subscribes to it."""
MAX_TEXT_CHARS = 64_000
"""Characters of an answer that are told."""
MAX_RESULT_CHARS = 256_000
"""Characters of JSON that the result of a workflow may have to be told."""
REFUSALS = frozenset({"DENIED", "PATH_DENIED", "SQL_DENIED"})
"""Failures of a tool that are refusals by policy."""


def tektra_id(kind: str, id: str) -> str:
    """An id as Tektra's document writes it: ``agent_`` and 32 hex digits."""
    try:
        return f"{kind}_{uuid.UUID(id).hex}"
    except ValueError:
        return f"{kind}_{id}" if id else ""


async def _agent(event: Event, _store: Store) -> Data | None:
    assert isinstance(event.body, AgentCreated | AgentDeleted)
    return {
        "agent_id": tektra_id("agent", event.agent_id),
        "name": event.body.name,
        "user_id": tektra_id("user", event.user_id),
    }


async def _conversation_completed(event: Event, store: Store) -> Data | None:
    assert isinstance(event.body, RunFinished)
    if event.body.state != "succeeded":
        return None
    conversation = await store.get(Conversation, event.conversation_id)
    usage = event.body.usage
    return {
        "conversation_id": tektra_id("conv", event.conversation_id),
        "agent_id": tektra_id("agent", event.agent_id),
        "user_id": tektra_id("user", event.user_id),
        "message_count": conversation.message_count if conversation else 0,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "duration_ms": round(event.body.duration_ms),
        **({} if usage.cost_usd is None else {"cost_usd": usage.cost_usd}),
    }


async def _tool_executed(event: Event, _store: Store) -> Data | None:
    assert isinstance(event.body, ToolFinished)
    return {
        "tool_id": event.body.name,
        "execution_id": tektra_id("exec", event.body.call_id),
        "status": "completed" if event.body.status == "succeeded" else "failed",
        "error": event.body.error_type or None,
        "duration_ms": round(event.body.duration_ms),
        **_where(event),
    }


async def _tool_refused(event: Event, _store: Store) -> Data | None:
    assert isinstance(event.body, ToolFinished)
    if event.body.error_type not in REFUSALS:
        return None
    rule = event.body.error_type.lower().replace("_", "-")
    return {"rule": rule, "action": f"use {event.body.name}", "detail": "", **_where(event)}


async def _violation(event: Event, _store: Store) -> Data | None:
    body = event.body
    assert isinstance(body, SecurityViolation)
    return {"rule": body.rule, "action": body.action, "detail": body.detail, **_where(event)}


async def _execution_completed(event: Event, store: Store) -> Data | None:
    assert isinstance(event.body, RunFinished)
    return await _execution(event, store) if event.body.state == "succeeded" else None


async def _execution_failed(event: Event, store: Store) -> Data | None:
    assert isinstance(event.body, RunFinished)
    if event.body.state == "succeeded":
        return None
    error = {"code": event.body.error_code, "message": event.body.error_message}
    return {**await _execution(event, store), "error": error}


async def _execution(event: Event, store: Store) -> Data:
    body = event.body
    assert isinstance(body, RunFinished)
    agent = await store.get(Agent, event.agent_id)
    result = body.result or ({"text": body.text[:MAX_TEXT_CHARS]} if body.text else {})
    if len(json.dumps(result)) > MAX_RESULT_CHARS:
        result = {"omitted": f"more than {MAX_RESULT_CHARS} characters; ask the API for it"}
    return {
        "execution_id": body.batch_id or event.run_id,
        "agent_id": event.agent_id,
        "agent_name": agent.name if agent else "",
        "status": "success" if body.state == "succeeded" else "failed",
        "duration_ms": round(body.duration_ms if body.work_ms is None else body.work_ms),
        "result": result,
    }


def _where(event: Event) -> Data:
    """Who and, where there is one, in which conversation."""
    return {
        "conversation_id": tektra_id("conv", event.conversation_id) or None,
        "agent_id": tektra_id("agent", event.agent_id) or None,
        "user_id": tektra_id("user", event.user_id),
    }


@dataclass(frozen=True, slots=True)
class _Telling:
    word: str
    tell: Callable[[Event, Store], Awaitable[Data | None]]
    """The fields, or None when this event is no occasion."""


TELLINGS: Mapping[str, tuple[_Telling, ...]] = {
    "agent_created": (_Telling("agent.created", _agent),),
    "agent_deleted": (_Telling("agent.deleted", _agent),),
    "run_finished": (
        _Telling("conversation.completed", _conversation_completed),
        _Telling("agent.execution.completed", _execution_completed),
        _Telling("agent.execution.failed", _execution_failed),
    ),
    "tool_finished": (
        _Telling("tool.executed", _tool_executed),
        _Telling("security.violation", _tool_refused),
    ),
    "security_violation": (_Telling("security.violation", _violation),),
}
"""Per type of recorded event, what it can become."""
EVENT_NAMES = tuple(dict.fromkeys(t.word for tellings in TELLINGS.values() for t in tellings))
"""Everything that a webhook can subscribe to."""


async def told(event: Event, wanted: frozenset[str], store: Store) -> dict[str, Data]:
    """What becomes of an event, among the words that somebody wants: the fields of each."""
    found: dict[str, Data] = {}
    for telling in TELLINGS.get(event.type, ()):
        if telling.word in wanted and (data := await telling.tell(event, store)) is not None:
            found[telling.word] = data
    return found
