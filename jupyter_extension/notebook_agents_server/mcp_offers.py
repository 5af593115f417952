"""What this server offers to clients of the Model Context Protocol, as plain functions of the core.

Each offer acts as whoever asks, with the rules, limits and policies of every other door: a tool
that would ask a person does so, and the run waits until somebody answers elsewhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from notebook_agents.core.agents import ASSISTANT, ListAgents
from notebook_agents.core.conversations import Conversation
from notebook_agents.core.events import ToolStarted
from notebook_agents.core.messages import user_message
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.core.tools import ExecuteTool

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.events import Event
    from notebook_agents.core.users import Actor

MAX_TEXT_CHARS = 100_000
MAX_ROWS = 1_000
CONVERSATIONS_URI = "notebook-agents://conversations/"
Tell = Callable[[float, str], Awaitable[None]]
"""Progress so far, which only grows, and what happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who uses an offer, and how to tell them how far it is."""

    core: Core
    actor: Actor
    tell: Tell


class Arguments(BaseModel):
    """What an offer takes."""

    model_config = ConfigDict(extra="forbid")


class Nothing(Arguments):
    """No arguments."""


class AskAgent(Arguments):
    """A message, and whom it is for."""

    message: str = Field(min_length=1, max_length=MAX_TEXT_CHARS, description="What to ask.")
    agent_id: str = Field("", description="Id of an agent; empty asks your own assistant.")
    conversation_id: str = Field("", description="A conversation to go on with; empty begins one.")
    model: str = Field("", description="A model for this answer; empty is the agent's.")


class Window(Arguments):
    """A part of a list."""

    limit: int = Field(20, ge=1, le=100)
    offset: int = Field(0, ge=0, le=2**31 - 1)


class ReadConversation(Arguments):
    """Which conversation."""

    conversation_id: str = Field(description="Id of one of your conversations.")


class Execute(Arguments):
    """A tool and what to give it."""

    name: str = Field(description="Name of a tool, as list_tools has it.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="By the tool's schema.")


class AskAnalytics(Arguments):
    """A query."""

    sql: str = Field(
        max_length=20_000,
        description="One SELECT over the table events and the views that SHOW TABLES lists, such as"
        " v_runs, v_tools and v_run_timeline; it sees your own events only.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A tool of this server."""

    name: str
    title: str
    description: str
    takes: type[Arguments]
    scope: str
    """What the credential must be good for."""
    work: Callable[[Visit, Any], Awaitable[Any]]
    is_read_only: bool = True


async def list_agents(visit: Visit, window: Window) -> dict[str, Any]:
    """One's own agents and those that are shared."""
    wish = ListAgents(with_shared=True, limit=window.limit, offset=window.offset)
    page = await visit.core.agents.list(visit.actor, wish)
    agents = [
        {
            "id": agent.id,
            "name": agent.name,
            "description": agent.description,
            "model": agent.model,
            "tools": list(agent.tools),
        }
        for agent in page.items
    ]
    return {"agents": agents, "total": page.total}


async def ask_agent(visit: Visit, asked: AskAgent) -> dict[str, Any]:
    """Start a run and wait for its answer, telling its steps."""
    core, actor = visit.core, visit.actor
    agent_id = asked.agent_id
    if not agent_id and not asked.conversation_id:
        agent_id = (await core.agents.ensure(actor, ASSISTANT)).id
    wish = StartRun(
        agent_id=agent_id,
        message=user_message(asked.message),
        conversation_id=asked.conversation_id,
        model=asked.model or None,
    )
    run = await core.runs.start(actor, wish)
    async with aclosing(core.runs.events(actor, run.id)) as events:
        n_steps = 0
        async for event in events:
            if words := _progress_of(event):
                n_steps += 1
                await visit.tell(n_steps, words)
            if event.type in {"run_finished", "approval_requested"}:
                break
    return _run_to_wire(await core.runs.wait(actor, run.id))


def _progress_of(event: Event) -> str:
    if isinstance(event.body, ToolStarted):
        return f"uses {event.body.name}"
    return {"run_started": "started", "model_started": "thinks"}.get(event.type, "")


def _run_to_wire(run: Run) -> dict[str, Any]:
    return {
        "conversation_id": run.conversation_id,
        "run_id": run.id,
        "state": run.state,
        "answer": run.text,
        "error": run.error_message or None,
        "tool_calls": [
            {"name": call.name, "status": call.status, "arguments": call.arguments}
            for call in run.tool_calls
        ],
        "waits_for_approval": [
            {"name": pending.call.name, "arguments": pending.call.arguments}
            for pending in run.pending
        ],
    }


async def list_tools(visit: Visit, _nothing: Nothing) -> dict[str, Any]:
    """The tools of the deployment and of one's own tool servers."""
    specs = await visit.core.tools.specs_for(visit.actor)
    tools = [
        {
            "name": spec.name,
            "description": spec.description,
            "parameters": spec.parameters,
            "effect": spec.effect,
        }
        for spec in specs
    ]
    return {"tools": tools}


async def execute_tool(visit: Visit, asked: Execute) -> dict[str, Any]:
    """Use a tool in a kernel of its own."""
    wish = ExecuteTool(name=asked.name, arguments=asked.arguments)
    execution_id, result = await visit.core.tools.execute(visit.actor, wish)
    return {
        "execution_id": execution_id,
        "status": result.status,
        "content": result.content,
        "value": result.value,
        "error_type": result.error_type or None,
        "duration_ms": round(result.duration_ms, 3),
    }


async def list_conversations(visit: Visit, window: Window) -> dict[str, Any]:
    """One's own conversations, those used last first."""
    core = visit.core
    page = await core.conversations.list(visit.actor, limit=window.limit, offset=window.offset)
    return {"conversations": [_head(found) for found in page.items], "total": page.total}


def _head(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "n_messages": conversation.message_count,
        "updated_at": conversation.updated_at.isoformat(),
    }


async def read_conversation(visit: Visit, asked: ReadConversation) -> dict[str, Any]:
    """A conversation with its messages."""
    conversation = await visit.core.conversations.get(visit.actor, asked.conversation_id)
    nodes = await visit.core.conversations.messages(visit.actor, conversation.id)
    messages = [
        {
            "role": node.message.role,
            "text": node.message.text,
            "tool_calls": [
                {"name": call.name, "arguments": call.arguments} for call in node.message.tool_calls
            ],
            "tool_results": [
                {"name": result.name, "content": result.content, "is_error": result.is_error}
                for result in node.message.tool_results
            ],
            "created_at": node.created_at.isoformat(),
        }
        for node in nodes
    ]
    return {**_head(conversation), "messages": messages}


async def query_analytics(visit: Visit, asked: AskAnalytics) -> dict[str, Any]:
    """SQL over one's own events."""
    table = await visit.core.analytics.query_apart(asked.sql, owner_id=visit.actor.user_id)
    rows = [[_cell(value) for value in row] for row in table.rows[:MAX_ROWS]]
    return {
        "columns": list(table.columns),
        "rows": rows,
        "n_rows_left_out": max(0, len(table.rows) - MAX_ROWS),
    }


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _offer(name: str, takes: type[Arguments], work: Any, **said: Any) -> Offer:
    description = f"{(work.__doc__ or '').strip()}{said.pop('note', '')}"
    title = name.replace("_", " ").capitalize()
    return Offer(name=name, title=title, description=description, takes=takes, work=work, **said)


OFFERS: Mapping[str, Offer] = {
    offer.name: offer
    for offer in (
        _offer(
            "ask_agent",
            AskAgent,
            ask_agent,
            scope="run",
            is_read_only=False,
            note=" A call that needs a person's approval waits for it in the notebook or over the"
            " server's own API.",
        ),
        _offer("list_agents", Window, list_agents, scope="read"),
        _offer("list_tools", Nothing, list_tools, scope="read"),
        _offer("execute_tool", Execute, execute_tool, scope="run", is_read_only=False),
        _offer("list_conversations", Window, list_conversations, scope="read"),
        _offer("read_conversation", ReadConversation, read_conversation, scope="read"),
        _offer("query_analytics", AskAnalytics, query_analytics, scope="read"),
    )
}
