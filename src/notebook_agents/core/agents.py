"""Agents: saved configurations. Never a running thing."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from notebook_agents.core.errors import Conflict, InvalidRequest, NotFound, NotPermitted
from notebook_agents.core.events import AgentCreated, AgentDeleted, AgentUpdated
from notebook_agents.core.ids import new_id
from notebook_agents.core.journal import Source
from notebook_agents.core.models import BUNDLED_MODEL, Models, Sampling
from notebook_agents.core.policy import DEFAULT_POLICY, LEVELS, ApprovalPolicy, Level
from notebook_agents.core.ports import Delete, Insert, Page, Patch, Query

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Analytics
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.tools import Tools
    from notebook_agents.core.users import Actor

DEFAULT_MEMORY_MB = 2048
_ENSURED = uuid.UUID("6f1b1c52-5a0e-4c8e-9c65-6d9f0a7a41d3")
"""The name space of ids of agents that are made on first need."""
MIN_MEMORY_MB = 128
"""Less does not even start a Python kernel with its data stack."""
DEFAULT_TIMEOUT_S = 300.0
IDLE_AFTER = timedelta(minutes=5)
"""An agent without a run for this long is idle."""

AgentStatus: TypeAlias = Literal["created", "active", "inactive", "error"]
"""``idle`` is not stored: see `is_idle`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A saved configuration: model, instructions, tools, limits."""

    id: str
    owner_id: str
    name: str
    role: str = ""
    """What it is for, in a few words."""
    description: str = ""
    is_shared: bool = False
    """Whether everybody may see and run it; only its owner and administrators change it."""
    model: str = BUNDLED_MODEL
    instructions: str = ""
    tools: tuple[str, ...] = ()
    has_all_tools: bool = False
    """Made without a list of tools: those of the deployment, also later ones, and of its owner's
    tool servers. Then ``tools`` is what this process offers now; stored are none."""
    security_level: Level = "medium"
    max_memory_mb: int = DEFAULT_MEMORY_MB
    """Memory limit of the agent's tool kernels, MiB."""
    timeout_s: float = DEFAULT_TIMEOUT_S
    """Wall clock of one run."""
    sampling: Sampling = Sampling()
    policy: ApprovalPolicy = DEFAULT_POLICY
    metadata: dict[str, Any] = field(default_factory=dict)
    status: AgentStatus = "created"
    created_at: datetime
    updated_at: datetime
    last_used: datetime | None = None


def is_idle(agent: Agent, now: datetime) -> bool:
    """Whether an agent had no run lately."""
    return agent.last_used is None or now - agent.last_used > IDLE_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAgent:
    """The wish for a new agent; None takes the deployment's default."""

    name: str
    role: str = ""
    description: str = ""
    is_shared: bool = False
    model: str | None = None
    instructions: str = ""
    tools: tuple[str, ...] | None = None
    """None gives every tool of the deployment."""
    security_level: Level | None = None
    max_memory_mb: int | None = None
    timeout_s: float | None = None
    sampling: Sampling = Sampling()
    policy: ApprovalPolicy = DEFAULT_POLICY
    metadata: dict[str, Any] = field(default_factory=dict)


ASSISTANT = CreateAgent(
    name="Assistant", description="Answers in conversations that were started with no agent named"
)
"""Whom `Agents.ensure` makes for APIs that know conversations but no agents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChanges:
    """A partial update: only the fields that are not None change."""

    name: str | None = None
    role: str | None = None
    description: str | None = None
    is_shared: bool | None = None
    model: str | None = None
    instructions: str | None = None
    tools: tuple[str, ...] | None = None
    security_level: Level | None = None
    max_memory_mb: int | None = None
    timeout_s: float | None = None
    policy: ApprovalPolicy | None = None
    metadata: dict[str, Any] | None = None
    status: AgentStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAgents:
    """Which agents to list; newest first."""

    status: AgentStatus | tuple[AgentStatus, ...] | None = None
    """Of several one must fit."""
    model: str | None = None
    security_level: Level | None = None
    with_shared: bool = False
    """Whether those that others share come along."""
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatistics:
    """Figures over an agent's finished runs, computed by the analytics views."""

    n_runs: int = 0
    n_succeeded: int = 0
    mean_duration_ms: float = 0.0
    """From when a run was accepted to its end."""
    mean_work_ms: float = 0.0
    """The same without the time in which it waited for its turn."""
    n_tokens: int = 0
    """Input and output together."""
    last_started: datetime | None = None
    """When the newest run began, whether it has ended or not."""

    @property
    def success_rate(self) -> float:
        """Share of finished runs that succeeded, 0 to 1; 0 without runs."""
        return self.n_succeeded / self.n_runs if self.n_runs else 0.0

    @property
    def error_rate(self) -> float:
        """Share of finished runs that did not succeed, 0 to 1."""
        return (self.n_runs - self.n_succeeded) / self.n_runs if self.n_runs else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPorts:
    """What the agents service works with."""

    store: Store
    journal: Journal
    clock: Clock
    analytics: Analytics
    models: Models
    tools: Tools
    default_model: str = BUNDLED_MODEL
    default_level: Level = "medium"


class Agents:
    """Create, read, change and remove agents."""

    def __init__(self, ports: AgentPorts) -> None:
        self._ports = ports

    async def create(self, actor: Actor, wish: CreateAgent) -> Agent:
        """Save a new agent.

        Raises InvalidRequest naming the field when the model or a tool is unknown, and
        SandboxUnavailable when the level it asks for cannot be enforced here.
        """
        if wish.security_level in LEVELS:
            await self._ports.tools.resolve(wish.security_level)
        return await self._create(actor, wish, new_id())

    async def ensure(self, actor: Actor, wish: CreateAgent) -> Agent:
        """The actor's agent of that name, created when there is none; once, whoever asks.

        One that is there stays as somebody wants it.
        """
        query = Query(where={"owner_id": actor.user_id, "name": wish.name}, limit=1)
        if found := (await self._ports.store.find(Agent, query)).items:
            return self._equipped(found[0])
        # The same id in every process: of two that create at once, one meets a conflict.
        id = str(uuid.uuid5(_ENSURED, f"{actor.user_id}/{wish.name}"))
        try:
            return await self._create(actor, wish, id)
        except Conflict:
            return await self.get(actor, id)

    async def _create(self, actor: Actor, wish: CreateAgent, id: str) -> Agent:
        ports = self._ports
        now = ports.clock.now()
        agent = Agent(
            id=id,
            owner_id=actor.user_id,
            name=wish.name,
            role=wish.role,
            description=wish.description,
            is_shared=wish.is_shared,
            model=wish.model or ports.default_model,
            instructions=wish.instructions,
            tools=wish.tools or (),
            has_all_tools=wish.tools is None,
            security_level=wish.security_level or ports.default_level,
            max_memory_mb=DEFAULT_MEMORY_MB if wish.max_memory_mb is None else wish.max_memory_mb,
            timeout_s=DEFAULT_TIMEOUT_S if wish.timeout_s is None else wish.timeout_s,
            sampling=wish.sampling,
            policy=wish.policy,
            metadata=wish.metadata,
            created_at=now,
            updated_at=now,
        )
        await self._check(agent)
        await ports.store.commit(Insert(record=agent))
        self._record(actor, agent, AgentCreated(name=agent.name, is_shared=agent.is_shared))
        return self._equipped(agent)

    async def get(self, actor: Actor, id: str) -> Agent:
        """An agent of the actor's or a shared one; NotFound for what is not or is not theirs."""
        agent = await self._ports.store.get(Agent, id)
        if agent is None or not (agent.is_shared or _may_change(actor, agent)):
            raise NotFound("agent", id)
        return self._equipped(agent)

    async def _get_to_change(self, actor: Actor, id: str) -> Agent:
        agent = await self.get(actor, id)
        if not _may_change(actor, agent):
            raise NotPermitted("only its owner and administrators change a shared agent")
        return agent

    async def list(self, actor: Actor, wish: ListAgents) -> Page[Agent]:
        """The actor's agents, newest first."""
        where: dict[str, Any] = {}
        for name in ("status", "model", "security_level"):
            if (value := getattr(wish, name)) is not None:
                where[name] = value
        own: dict[str, Any] = {"owner_id": actor.user_id}
        any_of = (own, {"is_shared": True}) if wish.with_shared else (own,)
        query = Query(where=where, any_of=any_of, limit=wish.limit, offset=wish.offset)
        page = await self._ports.store.find(Agent, query)
        return replace(page, items=tuple(self._equipped(agent) for agent in page.items))

    async def count(self, *, status: AgentStatus | None = None) -> int:
        """How many agents there are, of everybody."""
        where = {} if status is None else {"status": status}
        return (await self._ports.store.find(Agent, Query(where=where, limit=1))).total

    async def update(self, actor: Actor, id: str, changes: AgentChanges) -> Agent:
        """Change the given fields and keep the rest."""
        agent = await self._get_to_change(actor, id)
        given = {
            f.name: value
            for f in fields(changes)
            if (value := getattr(changes, f.name)) is not None
        }
        fields_changed = given | {"updated_at": self._ports.clock.now()}
        if changes.tools is not None:
            fields_changed["has_all_tools"] = False
        updated = replace(agent, **fields_changed)
        await self._check(updated)
        if changes.security_level is not None:
            await self._ports.tools.resolve(changes.security_level)
        # Only these fields: a run may note that it used the agent at the same moment.
        await self._ports.store.commit(Patch(kind=Agent, id=agent.id, fields=fields_changed))
        self._record(actor, updated, _updated(updated, *sorted(given)))
        return updated

    async def delete(self, actor: Actor, id: str) -> Agent:
        """Remove an agent; its conversations and events stay."""
        agent = await self._get_to_change(actor, id)
        await self._ports.store.commit(Delete(kind=Agent, id=agent.id))
        self._record(actor, agent, AgentDeleted(name=agent.name, is_shared=agent.is_shared))
        return agent

    async def statistics(self, actor: Actor, id: str) -> AgentStatistics:
        """Figures over the agent's runs."""
        agent = await self.get(actor, id)
        return await self._ports.analytics.agent_statistics(agent.id)

    async def statistics_of(self, agents: Sequence[Agent]) -> dict[str, AgentStatistics]:
        """Figures over the runs of several agents, by id."""
        known = await self._ports.analytics.agents_statistics([agent.id for agent in agents])
        return {agent.id: known.get(agent.id, AgentStatistics()) for agent in agents}

    def _equipped(self, agent: Agent) -> Agent:
        return replace(agent, tools=self._ports.tools.names()) if agent.has_all_tools else agent

    async def _check(self, agent: Agent) -> None:
        if not agent.name.strip():
            raise InvalidRequest("the name must not be empty", field="name")
        if agent.security_level not in LEVELS:
            levels = ", ".join(LEVELS)
            raise InvalidRequest(f"security_level must be one of {levels}", field="security_level")
        if agent.timeout_s <= 0:
            raise InvalidRequest("the timeout must be above 0 seconds", field="timeout_seconds")
        if agent.max_memory_mb < MIN_MEMORY_MB:
            raise InvalidRequest(
                f"a tool kernel needs at least {MIN_MEMORY_MB} MiB", field="max_memory_mb"
            )
        await self._ports.models.check(agent.model)
        self._ports.tools.check(agent.tools)

    def _record(
        self, actor: Actor, agent: Agent, body: AgentCreated | AgentUpdated | AgentDeleted
    ) -> None:
        # The owner's, whoever did it: their webhooks and figures hear of it.
        source = Source(user_id=agent.owner_id, dialect=actor.dialect, agent_id=agent.id)
        self._ports.journal.record(replace(body, by=actor.user_id), source)


def _updated(agent: Agent, *names: str) -> AgentUpdated:
    return AgentUpdated(fields=names, name=agent.name, is_shared=agent.is_shared)


def _may_change(actor: Actor, agent: Agent) -> bool:
    return agent.owner_id == actor.user_id or actor.is_admin
