"""Conversations: chains of messages with one tip.

A message never changes and knows its parent; a conversation is a pointer to the newest message.
A fork is therefore a new pointer, not a copy.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound
from notebook_agents.core.events import CodeRan
from notebook_agents.core.ids import new_id
from notebook_agents.core.journal import Source
from notebook_agents.core.messages import Message
from notebook_agents.core.policy import Level, strictest
from notebook_agents.core.ports import Insert, Page, Patch, Query, Replace
from notebook_agents.core.runs import Run
from notebook_agents.core.tools import SandboxCall, SandboxOutcome

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agents
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Clock, Sandbox, Store, ToolRunner
    from notebook_agents.core.tools import Tools
    from notebook_agents.core.users import Actor
    from notebook_agents.core.workspaces import Workspaces


MAX_RUNS = 100_000
"""More runs than a conversation has."""
CODE_TOOL = "python_executor"
"""The tool whose kernel holds the variables of a conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A pointer to the tip of a chain of messages, with its folder for files."""

    id: str
    owner_id: str
    agent_id: str
    title: str = ""
    tip_id: str = ""
    """The newest message's id; empty before the first message."""
    message_count: int = 0
    workspace: str = ""
    """Absolute folder of the conversation's files."""
    context: dict[str, Any] = field(default_factory=dict)
    """What the client said about itself when it started the conversation; never interpreted."""
    forked_from: str = ""
    active_run_id: str = ""
    """The run that may append now; claimed and released atomically."""
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    """When its owner deleted it; nobody sees it from then on."""

    def require_room(self, max_messages: int | None) -> None:
        """Refuse when there are so many messages already."""
        if max_messages is not None and self.message_count >= max_messages:
            raise InvalidRequest(
                f"the conversation has {self.message_count} messages, the most it may have is"
                f" {max_messages}; start a new one"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageNode:
    """A message at its place in a chain."""

    id: str
    parent_id: str
    """Empty for the first message."""
    conversation_id: str
    """The conversation it was written in; forks share it."""
    run_id: str
    created_at: datetime
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class StartConversation:
    """The wish for a new conversation with an agent."""

    agent_id: str
    title: str = ""
    workspace: str = ""
    """Empty gives the conversation a folder of its own."""
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationChanges:
    """A partial update: only the fields that are not None change."""

    title: str | None = None
    context: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationPorts:
    """What the conversations service works with."""

    store: Store
    clock: Clock
    agents: Agents
    runner: ToolRunner
    workspaces: Workspaces
    sandbox: Sandbox
    journal: Journal
    tools: Tools
    level: Level


class Conversations:
    """Start, read, fork and remove conversations."""

    def __init__(self, ports: ConversationPorts) -> None:
        self._ports = ports

    async def start(self, actor: Actor, wish: StartConversation) -> Conversation:
        """Begin an empty conversation with one of the actor's agents."""
        agent = await self._ports.agents.get(actor, wish.agent_id)
        now, id = self._ports.clock.now(), new_id()
        conversation = Conversation(
            id=id,
            owner_id=actor.user_id,
            agent_id=agent.id,
            title=wish.title,
            workspace=wish.workspace or self._ports.workspaces.path(id),
            context=wish.context,
            created_at=now,
            updated_at=now,
        )
        if wish.workspace:
            await self._ports.workspaces.check(wish.workspace)
        else:
            await self._ports.workspaces.create(conversation.workspace)
        await self._ports.store.commit(Insert(record=conversation))
        return conversation

    async def get(self, actor: Actor, id: str) -> Conversation:
        """One of the actor's conversations; NotFound when it is somebody else's."""
        found = await self._ports.store.get(Conversation, id)
        is_seen = found is not None and (found.owner_id == actor.user_id or actor.is_admin)
        if found is None or found.deleted_at is not None or not is_seen:
            raise NotFound("conversation", id)
        return found

    async def list(self, actor: Actor, *, limit: int = 50, offset: int = 0) -> Page[Conversation]:
        """The actor's conversations, newest first."""
        where = {"owner_id": actor.user_id, "deleted_at": None}
        query = Query(where=where, limit=limit, offset=offset)
        return await self._ports.store.find(Conversation, query)

    async def update(self, actor: Actor, id: str, changes: ConversationChanges) -> Conversation:
        """Change what is given."""
        conversation = await self.get(actor, id)
        given = {"title": changes.title, "context": changes.context}
        fields: dict[str, Any] = {name: v for name, v in given.items() if v is not None}
        fields["updated_at"] = self._ports.clock.now()
        await self._ports.store.commit(Patch(kind=Conversation, id=conversation.id, fields=fields))
        return replace(conversation, **fields)

    async def messages(self, actor: Actor, id: str) -> builtins.list[MessageNode]:
        """The whole chain, oldest first."""
        conversation = await self.get(actor, id)
        return await self._ports.store.chain(conversation.tip_id)

    async def fork(self, actor: Actor, id: str, *, at: str = "") -> Conversation:
        """A new conversation with the same messages up to ``at`` (default: all of them).

        Only the pointer is new; files are not shared, the fork has a folder of its own.
        """
        nodes = await self.messages(actor, id)
        original = await self.get(actor, id)
        positions = {node.id: index for index, node in enumerate(nodes)}
        tip = at or original.tip_id
        if tip and tip not in positions:
            raise InvalidRequest(f"there is no message {at!r} in this conversation", field="at")
        fork = await self.start(
            actor,
            StartConversation(
                agent_id=original.agent_id, title=original.title, context=original.context
            ),
        )
        fork = replace(
            fork,
            tip_id=tip,
            message_count=positions[tip] + 1 if tip else 0,
            forked_from=original.id,
        )
        await self._ports.store.commit(Replace(record=fork))
        return fork

    async def run_code(
        self, actor: Actor, id: str, code: str, *, timeout_s: float = 30.0
    ) -> SandboxOutcome:
        """Run code of the product itself in the conversation's tool kernel, as a run's tool would.

        Raises SandboxUnavailable when the level cannot be enforced. The code is not recorded, as it
        may carry data; that it ran is.
        """
        ports, conversation = self._ports, await self.get(actor, id)
        agent = await ports.agents.get(actor, conversation.agent_id)
        own = [spec.security_level for spec in ports.tools.specs() if spec.name == CODE_TOOL]
        call = SandboxCall(
            key=conversation.id,
            owner_id=conversation.owner_id,
            workspace=conversation.workspace,
            level=await ports.sandbox.resolve(strictest(agent.security_level, ports.level, *own)),
            timeout_s=timeout_s,
            memory_bytes=agent.max_memory_mb << 20,
            code=code,
        )
        outcome = await ports.sandbox.execute(call)
        source = Source(
            user_id=conversation.owner_id,
            dialect=actor.dialect,
            agent_id=agent.id,
            conversation_id=conversation.id,
        )
        ran = CodeRan(
            n_chars=len(code),
            duration_ms=outcome.duration_ms,
            error_type=outcome.error_name or outcome.reason,
            enforced_level=outcome.enforced_level,
        )
        ports.journal.record(ran, source)
        return outcome

    async def delete(self, actor: Actor, id: str) -> Conversation:
        """Hide it and its runs from everybody for good, and remove its folder.

        Messages that forks share stay, and events, which the figures are counted from.
        """
        conversation = await self.get(actor, id)
        store, now = self._ports.store, self._ports.clock.now()
        everything = Query(where={"conversation_id": conversation.id}, limit=MAX_RUNS)
        runs = (await store.find(Run, everything)).items
        if conversation.active_run_id or any(not run.is_final for run in runs):
            raise Conflict("the conversation has a run that is not finished; cancel it first")
        hidden = {"deleted_at": now}
        await store.commit(
            Patch(
                kind=Conversation,
                id=conversation.id,
                fields=hidden,
                expected={"active_run_id": ""},
            ),
            *(Patch(kind=Run, id=run.id, fields=hidden) for run in runs),
        )
        await self._ports.runner.release(conversation.id)
        await self._ports.workspaces.remove(conversation.workspace)
        return conversation
