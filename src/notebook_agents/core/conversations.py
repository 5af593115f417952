"""Conversations: chains of messages with one tip.

A message never changes and knows its parent; a conversation is a pointer to the newest message.
A fork is therefore a new pointer, not a copy.
"""

from __future__ import annotations

import builtins
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from notebook_agents.core.archive_files import Archive
from notebook_agents.core.assessments import Allowance
from notebook_agents.core.conversation_states import (
    OPEN_STATES,
    ConversationMode,
    ConversationState,
)
from notebook_agents.core.errors import (
    Conflict,
    InvalidRequest,
    NotebookAgentsError,
    NotFound,
)
from notebook_agents.core.events import CodeRan
from notebook_agents.core.forks import shared
from notebook_agents.core.ids import is_id, new_id
from notebook_agents.core.journal import Source
from notebook_agents.core.messages import Message
from notebook_agents.core.models import Sampling
from notebook_agents.core.policy import ApprovalPolicy, Level, strictest
from notebook_agents.core.ports import Delete, Insert, Page, Patch, Query
from notebook_agents.core.runs import Limits, Run
from notebook_agents.core.slugs import is_slug
from notebook_agents.core.tools import SandboxCall, SandboxOutcome

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agents
    from notebook_agents.core.archive_files import ArchiveFiles
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
class ConversationSettings:
    """What the runs of one conversation take in place of their agent's own settings.

    A run's own wish comes first, then these, then the agent's.
    """

    model: str | None = None
    tools: tuple[str, ...] | None = None
    sampling: Sampling | None = None
    limits: Limits | None = None
    policy: ApprovalPolicy | None = None
    instructions: str = ""
    """Told to the model after the agent's own."""
    persona: str = ""
    """The persona whose words are in the instructions."""
    allowances: tuple[Allowance, ...] = ()
    """What a person allowed for the rest of the conversation; forks do not take it along."""
    hidden_runs: tuple[str, ...] = ()
    """Runs whose question and answer stay, but are no longer told to the model."""
    ratings: dict[str, str] = field(default_factory=dict)
    """By run id, what a person thought of its answer: ``good`` or ``bad``."""
    options: dict[str, Any] = field(default_factory=dict)
    """The client's own words for all this, given back as they came; never interpreted."""


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
    slug: str = ""
    """Words to remember it by, taken once; empty for most."""
    dialect: str = ""
    """The API that it was started through; empty for those of older versions."""
    mode: ConversationMode = "interactive"
    state: ConversationState = "created"
    settings: ConversationSettings = field(default_factory=ConversationSettings)
    archived_at: datetime | None = None

    def require_open(self) -> None:
        """Refuse when nothing may be said in it any more."""
        if self.state not in OPEN_STATES:
            raise Conflict(f"the conversation is {self.state}; start or fork one", state=self.state)

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
    slug: str = ""
    mode: ConversationMode = "interactive"
    settings: ConversationSettings = field(default_factory=ConversationSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationChanges:
    """A partial update: only the fields that are not None change."""

    title: str | None = None
    context: dict[str, Any] | None = None
    settings: ConversationSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConversations:
    """Which conversations to list; newest first."""

    state: ConversationState | None = None
    mode: ConversationMode | None = None
    dialect: str = ""
    """The API that they were started through; empty means any."""
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkConversation:
    """The wish for another conversation with the same beginning."""

    at: str = ""
    """The last message that both have; empty takes all, unless ``n_messages`` says how many."""
    n_messages: int | None = None
    title: str | None = None
    """None takes the original's."""
    with_files: bool = False
    """Whether the files come along, as copies."""
    in_place: bool = False
    """Whether it works in the same folder, where that is one of its owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationPorts:
    """What the conversations service works with."""

    store: Store
    clock: Clock
    agents: Agents
    runner: ToolRunner
    workspaces: Workspaces
    archives: ArchiveFiles
    sandbox: Sandbox
    journal: Journal
    tools: Tools
    level: Level
    forget_files: Callable[[Conversation], Awaitable[None]]
    """Removes what was given to a conversation."""


class Conversations:
    """Start, read, fork and remove conversations."""

    def __init__(self, ports: ConversationPorts) -> None:
        self._ports = ports

    async def start(self, actor: Actor, wish: StartConversation) -> Conversation:
        """Begin an empty conversation with one of the actor's agents."""
        return await self.begin(await self.draft(actor, wish))

    async def begin(self, conversation: Conversation) -> Conversation:
        """Keep a draft, with a folder."""
        workspaces = self._ports.workspaces
        is_ours = conversation.workspace == workspaces.path(conversation.id)
        await (workspaces.create if is_ours else workspaces.check)(conversation.workspace)
        try:
            await self._ports.store.commit(Insert(record=conversation))
        except Conflict:  # somebody has the slug
            await workspaces.remove(conversation.workspace)
            raise
        return conversation

    async def draft(self, actor: Actor, wish: StartConversation) -> Conversation:
        """A conversation that is not kept yet."""
        agent = await self._ports.agents.get(actor, wish.agent_id)
        now, id = self._ports.clock.now(), new_id()
        return Conversation(
            id=id,
            owner_id=actor.user_id,
            agent_id=agent.id,
            title=wish.title,
            workspace=wish.workspace or self._ports.workspaces.path(id),
            context=wish.context,
            slug=wish.slug,
            dialect=actor.dialect,
            mode=wish.mode,
            settings=wish.settings,
            created_at=now,
            updated_at=now,
        )

    async def get(self, actor: Actor, id: str) -> Conversation:
        """One of the actor's conversations; NotFound when it is somebody else's."""
        found = await self._ports.store.get(Conversation, id)
        is_seen = found is not None and (found.owner_id == actor.user_id or actor.is_admin)
        if found is None or found.deleted_at is not None or not is_seen:
            raise NotFound("conversation", id)
        return found

    async def resolve(self, actor: Actor, name: str) -> Conversation:
        """One of the actor's conversations by its slug, or by its id in any written form."""
        if is_id(name):
            return await self.get(actor, str(uuid.UUID(name)))
        query = Query(where={"slug": name, "deleted_at": None}, limit=1)
        found = (await self._ports.store.find(Conversation, query)).items if is_slug(name) else ()
        if not found or not (found[0].owner_id == actor.user_id or actor.is_admin):
            raise NotFound("conversation", name)
        return found[0]

    async def list(self, actor: Actor, *, limit: int = 50, offset: int = 0) -> Page[Conversation]:
        """The actor's conversations, newest first."""
        return await self.select(actor, ListConversations(limit=limit, offset=offset))

    async def select(self, actor: Actor, wish: ListConversations) -> Page[Conversation]:
        """Those of the actor's conversations that are wished for, newest first."""
        where: dict[str, Any] = {"owner_id": actor.user_id, "deleted_at": None}
        for name in ("state", "mode", "dialect"):
            if value := getattr(wish, name):
                where[name] = value
        query = Query(where=where, limit=wish.limit, offset=wish.offset)
        return await self._ports.store.find(Conversation, query)

    async def update(self, actor: Actor, id: str, changes: ConversationChanges) -> Conversation:
        """Change what is given."""
        conversation = await self.get(actor, id)
        given = {name: getattr(changes, name) for name in ("title", "context", "settings")}
        fields: dict[str, Any] = {name: v for name, v in given.items() if v is not None}
        fields["updated_at"] = self._ports.clock.now()
        await self._ports.store.commit(Patch(kind=Conversation, id=conversation.id, fields=fields))
        return replace(conversation, **fields)

    async def messages(self, actor: Actor, id: str) -> builtins.list[MessageNode]:
        """The whole chain, oldest first."""
        conversation = await self.get(actor, id)
        return await self._ports.store.chain(conversation.tip_id)

    async def fork(
        self, actor: Actor, id: str, wish: ForkConversation | None = None
    ) -> Conversation:
        """A new conversation with the same messages, all of them or those up to one.

        Only the pointer is new; its folder is its own, empty or with copies of the files, unless it
        is to work where the original does.
        """
        wish, original = wish or ForkConversation(), await self.get(actor, id)
        tips = ["", *(node.id for node in await self.messages(actor, id))]
        n_messages = shared(wish, tips)
        workspaces = self._ports.workspaces
        stays = wish.in_place and not workspaces.owns(original.workspace)
        start = StartConversation(
            agent_id=original.agent_id,
            title=original.title if wish.title is None else wish.title,
            workspace=original.workspace if stays else "",
            context=original.context,
            mode="forked",
            settings=replace(original.settings, allowances=()),
        )
        fork = replace(
            await self.draft(actor, start),
            tip_id=tips[n_messages],
            message_count=n_messages,
            forked_from=original.id,
        )
        await (workspaces.check if stays else workspaces.create)(fork.workspace)
        try:
            if wish.with_files and not stays:
                await workspaces.copy(original.workspace, fork.workspace)
            await self._ports.store.commit(Insert(record=fork))
        except NotebookAgentsError:
            await workspaces.remove(fork.workspace)
            raise
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
        """Hide it and its runs from everybody for good; remove its folder, files and archive.

        Messages that forks share stay, and events, which the figures are counted from.
        """
        conversation = await self.get(actor, id)
        store, now = self._ports.store, self._ports.clock.now()
        everything = Query(where={"conversation_id": conversation.id}, limit=MAX_RUNS)
        runs = (await store.find(Run, everything)).items
        if conversation.active_run_id or any(not run.is_final for run in runs):
            raise Conflict("the conversation has a run that is not finished; cancel it first")
        packed = Query(where={"conversation_id": conversation.id}, limit=MAX_RUNS)
        archives = (await store.find(Archive, packed)).items
        hidden = {"deleted_at": now}
        await store.commit(
            Patch(
                kind=Conversation,
                id=conversation.id,
                fields=hidden,
                expected={"active_run_id": ""},
            ),
            *(Patch(kind=Run, id=run.id, fields=hidden) for run in runs),
            *(Delete(kind=Archive, id=archive.id) for archive in archives),
        )
        await self._ports.runner.release(conversation.id)
        await self._ports.workspaces.remove(conversation.workspace)
        await self._ports.forget_files(conversation)
        for archive in archives:
            await self._ports.archives.remove(archive.id)
        return conversation
