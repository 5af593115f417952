"""``Core``: one service per noun; the only door every other room uses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notebook_agents.core.agents import AgentPorts, Agents
from notebook_agents.core.api_keys import ApiKeys
from notebook_agents.core.batches import Batches, BatchPorts
from notebook_agents.core.conversations import ConversationPorts, Conversations
from notebook_agents.core.external_logins import ExternalLogins
from notebook_agents.core.journal import Journal
from notebook_agents.core.logins import Logins
from notebook_agents.core.loop import LoopPorts
from notebook_agents.core.models import BUNDLED_MODEL, Models
from notebook_agents.core.run_service import RunPorts, Runs
from notebook_agents.core.run_work import WorkPorts
from notebook_agents.core.samples import Samples
from notebook_agents.core.spawn import Supervisor
from notebook_agents.core.tools import ToolPorts, Tools
from notebook_agents.core.users import Users
from notebook_agents.core.webhook_work import DeliveryPorts, WebhookWork
from notebook_agents.core.webhooks import WebhookPorts, Webhooks
from notebook_agents.core.workloads import WorkloadPorts, Workloads

if TYPE_CHECKING:
    from notebook_agents.core.deliveries import WebhookSender
    from notebook_agents.core.journal import EventRelay
    from notebook_agents.core.policy import Level
    from notebook_agents.core.ports import (
        Analytics,
        Clock,
        Engine,
        EventLog,
        PasswordHasher,
        Sandbox,
        Store,
        ToolRunner,
        WorkloadTables,
    )
    from notebook_agents.core.workflows import Workflow
    from notebook_agents.core.workspaces import Workspaces

RECOVER_S = 5.0
"""How often a core looks for work whose process has died."""
PURGE_S = 3600.0
"""How often it forgets what is worth nothing any more."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorePorts:
    """The adapters a core is built on, and the deployment's two defaults."""

    store: Store
    event_log: EventLog
    engine: Engine
    tools: ToolRunner
    sandbox: Sandbox
    analytics: Analytics
    clock: Clock
    hasher: PasswordHasher
    workspaces: Workspaces
    relay: EventRelay | None = None
    """None where no other server is to see events as they happen."""
    default_model: str = BUNDLED_MODEL
    level: Level = "medium"
    """The least sandbox level of this deployment, and the one of agents that name none."""
    workflows: Mapping[str, Workflow] = field(default_factory=dict)
    """By name, what runs can do in place of the agent loop."""
    workload_tables: WorkloadTables | None = None
    """None keeps no workloads."""
    webhook_sender: WebhookSender | None = None
    """None tells nobody of anything; a process that is a server has one."""


class Core:
    """Everything the product can do."""

    def __init__(self, ports: CorePorts) -> None:
        self._ports = ports
        self.engine = ports.engine
        self.sandbox = ports.sandbox
        self.analytics = ports.analytics
        self.database = ports.store.database
        self.supervisor = Supervisor()
        self.spawn = self.supervisor.spawn
        self.journal = Journal(ports.event_log, ports.clock, ports.relay)
        self.models = Models(ports.engine)
        self.users = Users(ports.store, ports.clock, ports.hasher)
        self.api_keys = ApiKeys(ports.store, ports.clock)
        self.logins = Logins(ports.store, ports.clock)
        self.external_logins = ExternalLogins(ports.store, ports.clock, self.users, self.api_keys)
        self.webhooks = Webhooks(
            WebhookPorts(store=ports.store, clock=ports.clock, sender=ports.webhook_sender)
        )
        self.webhook_work = self._webhook_work()
        self.tools = Tools(self._tool_ports())
        self.workloads = Workloads(
            WorkloadPorts(store=ports.store, clock=ports.clock, tables=ports.workload_tables)
        )
        self.agents = Agents(self._agent_ports())
        self.conversations = Conversations(self._conversation_ports())
        self.runs = Runs(
            RunPorts(
                work=self._work_ports(),
                agents=self.agents,
                conversations=self.conversations,
                models=self.models,
            )
        )
        self.samples = Samples(self.journal, ports.clock)
        self.batches = Batches(self._batch_ports())

    def _tool_ports(self) -> ToolPorts:
        ports = self._ports
        return ToolPorts(
            runner=ports.tools,
            sandbox=ports.sandbox,
            journal=self.journal,
            workspaces=ports.workspaces,
            level=ports.level,
        )

    def _batch_ports(self) -> BatchPorts:
        ports = self._ports
        return BatchPorts(
            store=ports.store,
            journal=self.journal,
            clock=ports.clock,
            agents=self.agents,
            runs=self.runs,
            models=self.models,
            supervisor=self.supervisor,
        )

    def _agent_ports(self) -> AgentPorts:
        ports = self._ports
        return AgentPorts(
            store=ports.store,
            journal=self.journal,
            clock=ports.clock,
            analytics=ports.analytics,
            models=self.models,
            tools=self.tools,
            default_model=ports.default_model,
            default_level=ports.level,
        )

    def _conversation_ports(self) -> ConversationPorts:
        ports = self._ports
        return ConversationPorts(
            store=ports.store,
            clock=ports.clock,
            agents=self.agents,
            runner=ports.tools,
            workspaces=ports.workspaces,
            sandbox=ports.sandbox,
            journal=self.journal,
            tools=self.tools,
            level=ports.level,
        )

    def _work_ports(self) -> WorkPorts:
        ports = self._ports
        return WorkPorts(
            loop=LoopPorts(
                engine=ports.engine,
                tools=ports.tools,
                sandbox=ports.sandbox,
                clock=ports.clock,
                supervisor=self.supervisor,
            ),
            store=ports.store,
            journal=self.journal,
            tools=self.tools,
            workspaces=ports.workspaces,
            level=ports.level,
            workflows=ports.workflows,
        )

    def _webhook_work(self) -> WebhookWork | None:
        ports = self._ports
        if ports.webhook_sender is None:
            return None
        return WebhookWork(
            DeliveryPorts(
                store=ports.store,
                event_log=ports.event_log,
                journal=self.journal,
                clock=ports.clock,
                supervisor=self.supervisor,
                sender=ports.webhook_sender,
            )
        )

    async def start(self) -> None:
        """Bring order into what a process before this one left behind."""
        await self._recover()
        self.spawn(self._recover_on(), name="recovery")
        self.spawn(self._purge_on(), name="purging")
        if self.webhook_work is not None:
            self.spawn(self.webhook_work.work(), name="webhooks")

    async def _recover(self) -> None:
        if n := await self.runs.recover():
            _log.warning("marked %d runs of a process that died as interrupted", n)
        if n := await self.batches.recover():
            _log.warning("ended %d executions of a process that died", n)

    async def _recover_on(self) -> None:
        """Look again and again for what processes that died since then have left."""
        while True:
            await asyncio.sleep(RECOVER_S)
            await asyncio.wait((self.spawn(self._recover(), name="a round of recovery"),))

    async def _purge_on(self) -> None:
        """Forget again and again; a round that fails is logged and does not end the next."""
        while True:
            await asyncio.wait((self.spawn(self.logins.purge(), name="a round of purging"),))
            await asyncio.sleep(PURGE_S)

    async def aclose(self) -> None:
        """End background work, then the adapters; runs that work end as interrupted."""
        await self.supervisor.aclose()
        if self._ports.relay is not None:
            await self._ports.relay.aclose()
        if self._ports.webhook_sender is not None:
            await self._ports.webhook_sender.aclose()
        await self._ports.tools.aclose()
        await self._ports.sandbox.aclose()
        await self._ports.engine.aclose()
        await self._ports.analytics.aclose()
        if self._ports.workload_tables is not None:
            await self._ports.workload_tables.aclose()
        await self._ports.event_log.aclose()
        await self._ports.store.aclose()
