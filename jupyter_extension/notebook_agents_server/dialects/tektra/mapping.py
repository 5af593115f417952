"""Between Tektra's wire and the core: names, ids, units and status words, and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from notebook_agents.core.agents import (
    Agent,
    AgentChanges,
    AgentStatistics,
    CreateAgent,
    ListAgents,
    is_idle,
)
from notebook_agents.core.messages import AttachmentPart, Message, user_message
from notebook_agents.core.policy import HEADLESS_POLICY
from notebook_agents.core.ports import Page
from notebook_agents.core.runs import StartRun
from notebook_agents_server.dialects.tektra import wire

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation, MessageNode
    from notebook_agents.core.errors import NotebookAgentsError
    from notebook_agents.core.models import EngineHealth, ModelInfo, Usage
    from notebook_agents.core.runs import Run
    from notebook_agents.core.tools import ToolSpec

MIB = 1024 * 1024
ERROR_CODES: Mapping[str, str] = {
    "invalid_request": "INVALID_REQUEST",
    "unsupported": "INVALID_REQUEST",
    "conflict": "INVALID_REQUEST",
    "webhook_inactive": "WEBHOOK_INACTIVE",
    "not_authenticated": "INVALID_API_KEY",
    "not_permitted": "SECURITY_VIOLATION",
    "limit_exceeded": "RATE_LIMIT_EXCEEDED",
    "tool_failed": "TOOL_EXECUTION_FAILED",
    "sandbox_unavailable": "SANDBOX_UNAVAILABLE",
    "engine_unavailable": "MODEL_UNAVAILABLE",
}
"""Error Handling / Common Error Codes."""
MAX_LIMIT = 200
"""Agents / List Agents: larger limits are cut, not refused."""
RESOURCE_LIMITS = frozenset({"memory", "cpu", "gpu_memory"})


# -- ids ---------------------------------------------------------------------------------------


def printed(prefix: str, id: str) -> str:
    """An id as Tektra writes it: ``agent_`` and 32 hex digits."""
    try:
        return f"{prefix}_{uuid.UUID(id).hex}"
    except ValueError:
        return f"{prefix}_{id}"


# -- errors ------------------------------------------------------------------------------------


def error_body(error: NotebookAgentsError, request_id: str, at: datetime) -> dict[str, Any]:
    """Error Handling / Error Response Format."""
    detail = {
        "code": error_code(error),
        "message": error.message,
        "details": dict(error.details),
        "request_id": request_id,
        "timestamp": timestamp(at),
    }
    return {"error": detail}


def error_code(error: NotebookAgentsError) -> str:
    """The code of an error; what is not found is named."""
    if error.code == "not_found":
        kind = str(error.details.get("kind", "")).upper().replace(" ", "_")
        return f"{kind}_NOT_FOUND"
    if RESOURCE_LIMITS & {error.details.get("limit"), error.details.get("reason")}:
        return "INSUFFICIENT_RESOURCES"
    if error.details.get("limit") == "body_bytes":
        return "INVALID_REQUEST"  # coming again later does not make it smaller
    return ERROR_CODES.get(error.code, "INTERNAL_ERROR")


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC, as the document writes it."""
    return at.isoformat().replace("+00:00", "Z")


# -- agents ------------------------------------------------------------------------------------


def create_agent_from_wire(body: wire.CreateAgentRequest) -> CreateAgent:
    """The wish for an agent."""
    return CreateAgent(
        name=body.name,
        description=body.description,
        model=body.model,
        instructions=body.system_prompt,
        tools=None if body.tools is None else tuple(body.tools),
        security_level=body.security_level,
        max_memory_mb=body.max_memory_mb,
        timeout_s=body.timeout_seconds,
        metadata=body.metadata,
    )


def agent_changes_from_wire(body: wire.UpdateAgentRequest) -> AgentChanges:
    """The changes of a partial update."""
    return AgentChanges(
        name=body.name,
        description=body.description,
        model=body.model,
        instructions=body.system_prompt,
        tools=None if body.tools is None else tuple(body.tools),
        security_level=body.security_level,
        max_memory_mb=body.max_memory_mb,
        timeout_s=body.timeout_seconds,
        metadata=body.metadata,
        status=body.status,
    )


def agent_created_to_wire(
    agent: Agent, model: ModelInfo, health: EngineHealth, specs: Iterable[ToolSpec]
) -> wire.AgentCreatedAnswer:
    """The answer to a creation."""
    return wire.AgentCreatedAnswer(
        agent_id=printed("agent", agent.id),
        name=agent.name,
        status=agent.status,
        created_at=agent.created_at,
        model=agent.model,
        capabilities=_capabilities(agent, model, specs),
        resource_usage=resource_usage_to_wire(agent, model, health),
    )


def agent_to_wire(
    agent: Agent, statistics: AgentStatistics, usage: wire.ResourceUsage
) -> wire.AgentAnswer:
    """All about an agent."""
    return wire.AgentAnswer.model_validate(
        {
            "agent_id": printed("agent", agent.id),
            "name": agent.name,
            "description": agent.description,
            "status": agent.status,
            "model": agent.model,
            "system_prompt": agent.instructions,
            "tools": list(agent.tools),
            "security_level": agent.security_level,
            "max_memory_mb": agent.max_memory_mb,
            "timeout_seconds": agent.timeout_s,
            "metadata": agent.metadata,
            "created_at": agent.created_at,
            "updated_at": agent.updated_at,
            "last_used": agent.last_used,
            "statistics": _statistics(statistics),
            "resource_usage": usage,
        }
    )


def agents_to_wire(page: Page[Agent]) -> wire.AgentsAnswer:
    """A page of agents."""
    rows = [
        wire.AgentSummary(
            agent_id=printed("agent", agent.id),
            name=agent.name,
            status=agent.status,
            model=agent.model,
            created_at=agent.created_at,
            last_used=agent.last_used,
        )
        for agent in page.items
    ]
    return wire.AgentsAnswer(agents=rows, total=page.total, limit=page.limit, offset=page.offset)


def list_from_wire(query: wire.ListAgentsQuery) -> ListAgents:
    """Which agents to list; too large a limit is cut. An idle agent is an active one at first."""
    return ListAgents(
        status="active" if query.status == "idle" else query.status,
        model=query.model,
        security_level=query.security_level,
        limit=min(query.limit, MAX_LIMIT),
        offset=query.offset,
    )


def idle_page(agents: Iterable[Agent], wish: ListAgents, now: datetime) -> Page[Agent]:
    """The page of those agents that are idle."""
    idle = tuple(agent for agent in agents if is_idle(agent, now))
    items = idle[wish.offset : wish.offset + wish.limit]
    return Page(items=items, total=len(idle), limit=wish.limit, offset=wish.offset)


def resource_usage_to_wire(
    agent: Agent, model: ModelInfo | None, health: EngineHealth
) -> wire.ResourceUsage:
    """The memory that the agent's model takes while it is loaded; weights are shared."""
    is_loaded = agent.model in health.loaded_models
    size_mb = round((model.memory_bytes or 0) / MIB, 1) if model and is_loaded else 0.0
    is_gpu = health.device.startswith("cuda")
    return wire.ResourceUsage(
        memory_mb=0.0 if is_gpu else size_mb,
        cpu_percent=0.0,
        gpu_memory_mb=size_mb if is_gpu else 0.0,
    )


def _capabilities(agent: Agent, model: ModelInfo, specs: Iterable[ToolSpec]) -> wire.Capabilities:
    computing = {spec.name for spec in specs if spec.effect == "compute"}
    can_call = "tools" in model.capabilities
    return wire.Capabilities(
        text_generation="text" in model.capabilities,
        code_execution=can_call and bool(computing & set(agent.tools)),
        vision="vision" in model.capabilities,
        tool_use=can_call and bool(agent.tools),
    )


def _statistics(statistics: AgentStatistics) -> wire.Statistics:
    return wire.Statistics(
        total_requests=statistics.n_runs,
        successful_requests=statistics.n_succeeded,
        error_rate=round(statistics.error_rate, 6),
        average_response_time_ms=round(statistics.mean_duration_ms, 3),
        total_tokens_processed=statistics.n_tokens,
    )


# -- conversations -----------------------------------------------------------------------------


def start_from_wire(agent_id: str, body: wire.StartConversationRequest) -> StartRun:
    """The first run of a new conversation."""
    context = body.context.model_dump(exclude_none=True) if body.context else None
    return StartRun(
        agent_id=agent_id,
        message=message_from_wire(body.message, body.attachments),
        context=context,
        metadata=body.context.metadata if body.context else {},
        policy=HEADLESS_POLICY,
    )


def continue_from_wire(conversation_id: str, message: Message) -> StartRun:
    """Another run of a conversation; nobody can be asked for approval, so nothing waits for it."""
    return StartRun(
        agent_id="", conversation_id=conversation_id, message=message, policy=HEADLESS_POLICY
    )


def message_from_wire(text: str, attachments: Sequence[wire.Attachment]) -> Message:
    """A user's message."""
    parts = [
        AttachmentPart(kind=a.type, content=a.content, name=a.name, media_type=a.media_type)
        for a in attachments
    ]
    return user_message(text, parts)


def run_to_wire(run: Run) -> wire.ConversationAnswer:
    """A finished run as the answer to its message."""
    is_completed = run.state == "succeeded"
    return wire.ConversationAnswer(
        conversation_id=printed("conv", run.conversation_id),
        agent_id=printed("agent", run.agent_id),
        message=run.text if is_completed else run.text or run.error_message,
        status="completed" if is_completed else "failed",
        created_at=run.created_at,
        processing_time_ms=round(run.duration_ms, 3),
        token_usage=usage_to_wire(run.usage),
        tools_used=[
            wire.ToolUse(
                tool=call.name,
                execution_time_ms=round(call.duration_ms, 3),
                result=call.content,
            )
            for call in run.tool_calls
        ],
    )


def usage_to_wire(usage: Usage) -> wire.TokenUsage:
    """Tokens of a run."""
    return wire.TokenUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
    )


def history_to_wire(conversation: Conversation, nodes: Sequence[MessageNode]) -> wire.HistoryAnswer:
    """A conversation; all steps of one answer are one message with the names of its tools."""
    messages: list[wire.HistoryMessage] = []
    answering = ""
    for node in nodes:
        if node.message.role == "user":
            messages.append(_user_to_wire(node))
            answering = ""
        elif node.message.role == "assistant":
            if answering == node.run_id and answering:
                messages[-1] = _merged(messages[-1], node)
            else:
                messages.append(_answer_to_wire(node))
            answering = node.run_id
    return wire.HistoryAnswer(
        conversation_id=printed("conv", conversation.id),
        agent_id=printed("agent", conversation.agent_id),
        created_at=conversation.created_at,
        updated_at=conversation.updated_at,
        message_count=len(messages),
        messages=messages,
    )


def _user_to_wire(node: MessageNode) -> wire.HistoryMessage:
    attached = [
        {"type": part.kind, "name": part.name}
        for part in node.message.parts
        if isinstance(part, AttachmentPart)
    ]
    return wire.HistoryMessage(
        id=printed("msg", node.id),
        role="user",
        content=node.message.text,
        timestamp=node.created_at,
        attachments=attached or None,
    )


def _answer_to_wire(node: MessageNode) -> wire.HistoryMessage:
    return wire.HistoryMessage(
        id=printed("msg", node.id),
        role="assistant",
        content=node.message.text,
        timestamp=node.created_at,
        tools_used=[call.name for call in node.message.tool_calls] or None,
    )


def _merged(before: wire.HistoryMessage, node: MessageNode) -> wire.HistoryMessage:
    step = _answer_to_wire(node)
    tools = [*(before.tools_used or []), *(step.tools_used or [])]
    texts = [text for text in (before.content, step.content) if text]
    return step.model_copy(update={"content": "\n".join(texts), "tools_used": tools or None})
