"""Between Agent C's sessions and the core's chats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from notebook_agents.core.chats import StartChat
from notebook_agents.core.model_rules import ModelWish
from notebook_agents.core.personas import DEFAULT_PERSONA
from notebook_agents_server.dialects.agent_c import session_wire as wire

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agent
    from notebook_agents.core.chats import Chat, ChatUpdate
    from notebook_agents.core.conversations import MessageNode
    from notebook_agents.core.ports import Page
    from notebook_agents.core.runs import Run

SHOWN_CHARS = 10
"""How much of a value is shown when it changed."""
DEBUG_MESSAGES = 100
DEBUG_CHARS = 1000
LOOP = "AgentLoop"
"""What works on a chat."""


def start_from_wire(body: wire.InitializeRequest) -> StartChat:
    """The wish for a chat."""
    return StartChat(
        model=ModelWish(
            model=body.model_name,
            backend=body.backend,
            temperature=body.temperature,
            reasoning_effort=body.reasoning_effort,
            budget_tokens=body.budget_tokens,
            max_tokens=body.max_tokens,
        ),
        persona=body.persona_name or DEFAULT_PERSONA,
        custom_prompt=body.custom_prompt or "",
        continues=body.ui_session_id or "",
    )


def started_to_wire(chat: Chat) -> wire.InitializeAnswer:
    """The answer with the one id of a session under both of its names."""
    return wire.InitializeAnswer(
        ui_session_id=chat.name,
        agent_c_session_id=chat.name,
        not_applied=list(chat.model.not_applied),
    )


def changes_from_wire(body: wire.UpdateSettingsRequest) -> tuple[dict[str, Any], list[str]]:
    """What is to be changed, and the fields that were sent as null."""
    given = body.model_dump(exclude_unset=True, exclude={"ui_session_id"})
    changes = {name: value for name, value in given.items() if value is not None}
    return changes, [name for name, value in given.items() if value is None]


def update_to_wire(update: ChatUpdate, skipped: list[str]) -> wire.UpdateSettingsAnswer:
    """What became of changes."""
    changes = {
        name: wire.SettingChange.model_validate({"from": _shown(before), "to": _shown(after)})
        for name, (before, after) in update.changes.items()
    }
    return wire.UpdateSettingsAnswer(
        message=f"Settings updated successfully for Agent {update.chat.name}",
        changes_made=changes,
        skipped_null_values=skipped,
        failed_updates=list(update.failed),
    )


def config_to_wire(chat: Chat, toolsets: Sequence[str]) -> wire.AgentConfigAnswer:
    """How a session is set up."""
    config = wire.AgentConfig(
        user_id=chat.conversation.owner_id,
        custom_prompt=chat.custom_prompt,
        ui_session_id=chat.name,
        agent_c_session_id=chat.name,
        backend=chat.model.backend,
        model_info=wire.ModelState(name=chat.model.model, **_parameters(chat)),
        initialized_tools=list(toolsets),
        persona_name=chat.conversation.settings.persona,
    )
    return wire.AgentConfigAnswer(config=config)


def tools_to_wire(chat: Chat, toolsets: Sequence[str]) -> wire.UpdateToolsAnswer:
    """The toolsets of a session after a change."""
    return wire.UpdateToolsAnswer(
        active_tools=list(toolsets), ui_session_id=chat.name, agent_c_session_id=chat.name
    )


def state_to_wire(chat: Chat) -> wire.AgentStateAnswer:
    """What was asked for, and what the next run of the session takes."""
    asked = _parameters(chat)
    settings = chat.conversation.settings
    sampling = settings.sampling
    internal = wire.InternalParameters(
        type=LOOP,
        temperature=sampling.temperature if sampling else None,
        max_tokens=sampling.max_tokens if sampling else None,
        reasoning_effort=chat.model.reasoning_effort,
        budget_tokens=chat.model.budget_tokens,
        model=chat.model.model,
        tools=list(chat.tools),
        instructions_chars=len(settings.instructions),
    )
    return wire.AgentStateAnswer(
        agent_bridge_params=wire.Parameters(**asked), internal_agent_params=internal
    )


def debug_to_wire(
    chat: Chat,
    toolsets: Sequence[str],
    agent: Agent,
    runs: Page[Run],
    nodes: Sequence[MessageNode],
) -> wire.ChatSessionAnswer:
    """All that helps to understand a session."""
    policy = chat.conversation.settings.policy or agent.policy
    return wire.ChatSessionAnswer(
        ui_session_id=chat.name,
        agent_c_session_id=chat.name,
        agent=wire.DebugAgent(
            id=agent.id,
            name=agent.name,
            model=chat.model.model,
            persona_name=chat.conversation.settings.persona,
            policy=policy.name,
            toolsets=list(toolsets),
            tools=list(chat.tools),
        ),
        session_manager=_session_to_wire(chat, runs),
        message_history=wire.DebugHistory(
            message_count=len(nodes), messages=[_debug_message(n) for n in nodes[-DEBUG_MESSAGES:]]
        ),
    )


def _session_to_wire(chat: Chat, runs: Page[Run]) -> wire.DebugSession:
    conversation = chat.conversation
    return wire.DebugSession(
        state=conversation.state,
        mode=conversation.mode,
        title=conversation.title,
        started_through=conversation.dialect,
        created_at=conversation.created_at,
        updated_at=conversation.updated_at,
        active_run_id=conversation.active_run_id,
        n_runs=runs.total,
        last_run_state=runs.items[0].state if runs.items else "",
    )


def _debug_message(node: MessageNode) -> wire.DebugMessage:
    message = node.message
    content = message.text or "\n".join(result.content for result in message.tool_results)
    return wire.DebugMessage(
        role=message.role,
        content=content[:DEBUG_CHARS],
        n_chars=len(content),
        tool_calls=[call.name for call in message.tool_calls],
        created_at=node.created_at,
    )


def _parameters(chat: Chat) -> dict[str, Any]:
    model = chat.model
    return {
        "temperature": model.temperature,
        "reasoning_effort": model.reasoning_effort,
        "extended_thinking": model.thinks,
        "budget_tokens": model.budget_tokens,
        "max_tokens": model.max_tokens,
    }


def _shown(value: object) -> str:
    return str(value)[:SHOWN_CHARS]
