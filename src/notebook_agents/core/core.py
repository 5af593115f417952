"""``Core``: one service per noun; the only door every other room uses."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from notebook_agents.core.agents import AgentPorts, Agents
from notebook_agents.core.api_keys import ApiKeys
from notebook_agents.core.archives import ArchivePorts, Archives
from notebook_agents.core.attachment_work import AttachmentWork, AttachmentWorkPorts
from notebook_agents.core.attachments import AttachmentPorts, Attachments
from notebook_agents.core.batches import Batches, BatchPorts
from notebook_agents.core.chats import ChatPorts, Chats
from notebook_agents.core.clearing import Clearing
from notebook_agents.core.conversations import ConversationPorts, Conversations
from notebook_agents.core.core_ports import CorePorts
from notebook_agents.core.engagements import Engagements
from notebook_agents.core.execution_service import ExecutionPorts, Executions
from notebook_agents.core.external_logins import ExternalLogins
from notebook_agents.core.journal import Journal
from notebook_agents.core.logins import Logins
from notebook_agents.core.loop import LoopPorts
from notebook_agents.core.models import Models
from notebook_agents.core.overview import Overviews
from notebook_agents.core.personas import Personas
from notebook_agents.core.prices import Prices
from notebook_agents.core.recordings import Recordings
from notebook_agents.core.replays import Replays
from notebook_agents.core.reports import ReportPorts, Reports
from notebook_agents.core.run_service import RunPorts, Runs
from notebook_agents.core.run_work import WorkPorts
from notebook_agents.core.samples import Samples
from notebook_agents.core.schedule_work import ScheduleWork, SchedulingPorts
from notebook_agents.core.schedules import SchedulePorts, Schedules
from notebook_agents.core.spawn import Supervisor
from notebook_agents.core.tasks import TaskPorts, Tasks
from notebook_agents.core.templates import Templates
from notebook_agents.core.tool_servers import ToolServerPorts, ToolServers
from notebook_agents.core.tools import ToolPorts, Tools
from notebook_agents.core.toolsets import Toolsets
from notebook_agents.core.transcripts import Transcripts
from notebook_agents.core.users import Users
from notebook_agents.core.webhook_work import DeliveryPorts, WebhookWork
from notebook_agents.core.webhooks import WebhookPorts, Webhooks
from notebook_agents.core.workloads import WorkloadPorts, Workloads

if TYPE_CHECKING:
    from notebook_agents.core.journal import RelayReport

__all__ = ["Core", "CorePorts"]

RECOVER_S = 5.0
"""How often a core looks for work whose process has died."""
PURGE_S = 3600.0
"""How often it forgets what is worth nothing any more."""
_log = logging.getLogger(__name__)


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
        self.redactor = ports.redactor
        self.journal = Journal(ports.event_log, ports.clock, ports.relay, ports.redactor)
        self.models = Models(ports.engine)
        self.prices = Prices(ports.price_list, ports.clock)
        self._add_people()
        self._add_tools()
        self._add_conversations()
        self._add_what_is_kept()
        self._add_tasks()

    def _add_people(self) -> None:
        ports = self._ports
        self.users = Users(ports.store, ports.clock, ports.hasher)
        self.api_keys = ApiKeys(ports.store, ports.clock)
        self.logins = Logins(ports.store, ports.clock)
        self.external_logins = ExternalLogins(ports.store, ports.clock, self.users, self.api_keys)
        self.webhooks = Webhooks(
            WebhookPorts(store=ports.store, clock=ports.clock, sender=ports.webhook_sender)
        )
        self.webhook_work = self._webhook_work()
        self.overviews = Overviews(ports.store, ports.analytics, ports.clock)

    def _add_tools(self) -> None:
        ports = self._ports
        self.tool_servers = ToolServers(
            ToolServerPorts(
                store=ports.store,
                clock=ports.clock,
                runner=ports.tools,
                host=ports.tool_servers,
                commands=ports.tool_commands,
            )
        )
        self.tools = Tools(self._tool_ports())
        self.toolsets = Toolsets(self.tools)
        self.workloads = Workloads(
            WorkloadPorts(store=ports.store, clock=ports.clock, tables=ports.workload_tables)
        )

    def _add_conversations(self) -> None:
        ports = self._ports
        self.agents = Agents(self._agent_ports())
        self.attachment_work = self._attachment_work()
        self.conversations = Conversations(self._conversation_ports())
        self.runs = Runs(
            RunPorts(
                work=self._work_ports(),
                agents=self.agents,
                conversations=self.conversations,
                models=self.models,
            )
        )
        self.clearing = Clearing(ports.store, self.conversations, self.runs)
        self.personas = Personas(ports.personas_folder)
        self.chats = Chats(
            ChatPorts(
                agents=self.agents,
                conversations=self.conversations,
                models=self.models,
                personas=self.personas,
                runs=self.runs,
                tools=self.tools,
                toolsets=self.toolsets,
            )
        )
        self.batches = Batches(self._batch_ports())

    def _add_what_is_kept(self) -> None:
        ports = self._ports
        self.archives = Archives(self._archive_ports())
        self.templates = Templates(ports.store, ports.clock)
        self.transcripts = Transcripts(ports.store, self.conversations)
        self.attachments = Attachments(self._attachment_ports())
        self.recordings = Recordings(ports.store, ports.event_log, self.conversations)
        self.replays = Replays(self.recordings, ports.clock)
        self.samples = Samples(self.journal, ports.clock)

    def _add_tasks(self) -> None:
        ports = self._ports
        self.schedules = Schedules(
            SchedulePorts(store=ports.store, clock=ports.clock, timetable=ports.timetable)
        )
        self.tasks = Tasks(self._task_ports())
        self.executions = Executions(self._execution_ports())
        self.engagements = Engagements(ports.store, self.journal, ports.clock)
        self.reports = Reports(self._report_ports())
        self.executions.report_with(self.reports)

    def _report_ports(self) -> ReportPorts:
        ports = self._ports
        return ReportPorts(
            store=ports.store,
            log=ports.event_log,
            clock=ports.clock,
            conversations=self.conversations,
            executions=self.executions,
            files=ports.report_files,
        )

    def _task_ports(self) -> TaskPorts:
        ports = self._ports
        return TaskPorts(
            store=ports.store,
            clock=ports.clock,
            models=self.models,
            tools=self.tools,
            runner=ports.task_runner,
            schedules=self.schedules,
        )

    def _schedule_work(self) -> ScheduleWork | None:
        ports = self._ports
        if ports.timetable is None or not ports.is_server:
            return None
        return ScheduleWork(
            SchedulingPorts(
                store=ports.store,
                journal=self.journal,
                clock=ports.clock,
                supervisor=self.supervisor,
                timetable=ports.timetable,
                executions=self.executions,
                sleep=ports.clock.sleep,
            )
        )

    def _execution_ports(self) -> ExecutionPorts:
        ports = self._ports
        return ExecutionPorts(
            store=ports.store,
            journal=self.journal,
            clock=ports.clock,
            supervisor=self.supervisor,
            tasks=self.tasks,
            agents=self.agents,
            conversations=self.conversations,
            tools=self.tools,
            runner=ports.task_runner,
            is_server=ports.is_server,
        )

    def _tool_ports(self) -> ToolPorts:
        ports = self._ports
        return ToolPorts(
            store=ports.store,
            runner=ports.tools,
            sandbox=ports.sandbox,
            journal=self.journal,
            workspaces=ports.workspaces,
            level=ports.level,
            servers=self.tool_servers,
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
            archives=ports.archive_files,
            sandbox=ports.sandbox,
            journal=self.journal,
            tools=self.tools,
            level=ports.level,
            forget_files=self.attachment_work.forget,
        )

    def _archive_ports(self) -> ArchivePorts:
        ports = self._ports
        return ArchivePorts(
            store=ports.store,
            clock=ports.clock,
            conversations=self.conversations,
            runs=self.runs,
            runner=ports.tools,
            workspaces=ports.workspaces,
            files=ports.archive_files,
        )

    def _work_ports(self) -> WorkPorts:
        ports = self._ports
        return WorkPorts(
            loop=LoopPorts(
                engine=self.prices.metered(ports.engine),
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

    def _attachment_work(self) -> AttachmentWork:
        ports = self._ports
        return AttachmentWork(
            AttachmentWorkPorts(
                store=ports.store,
                clock=ports.clock,
                journal=self.journal,
                supervisor=self.supervisor,
                workspaces=ports.workspaces,
                files=ports.attachment_files,
            )
        )

    def _attachment_ports(self) -> AttachmentPorts:
        ports = self._ports
        return AttachmentPorts(
            store=ports.store,
            clock=ports.clock,
            files=ports.attachment_files,
            conversations=self.conversations,
            agents=self.agents,
            models=self.models,
            workspaces=ports.workspaces,
            journal=self.journal,
            work=self.attachment_work,
            limits=ports.attachment_limits,
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
        if (schedule_work := self._schedule_work()) is not None:
            self.spawn(schedule_work.work(), name="schedules")

    async def _recover(self) -> None:
        if n := await self.runs.recover():
            _log.warning("marked %d runs of a process that died as interrupted", n)
        if n := await self.batches.recover():
            _log.warning("ended %d executions of a process that died", n)
        if n := await self.executions.recover():
            _log.warning("took over %d executions of tasks of a process that died", n)
        if n := await self.attachment_work.recover():
            _log.warning("reading %d files again of a process that died", n)
        if n := await self._ports.workspaces.recover(self._ports.store.is_alive):
            _log.warning("removed %d folders of direct calls of a process that died", n)

    async def _recover_on(self) -> None:
        """Look again and again for what processes that died since then have left."""
        while True:
            await asyncio.sleep(RECOVER_S)
            await asyncio.wait((self.spawn(self._recover(), name="a round of recovery"),))

    async def _purge_on(self) -> None:
        """Forget again and again; a round that fails is logged and does not end the next."""
        while True:
            files = (self.attachment_work.purge, self.archives.purge)
            for purge in (self.logins.purge, self.tool_servers.renew_secrets, *files):
                await asyncio.wait((self.spawn(purge(), name="a round of purging"),))
            await asyncio.sleep(PURGE_S)

    async def relay_report(self) -> RelayReport | None:
        """How what the servers of a deployment share does; None where nothing is shared."""
        relay = self._ports.relay
        return None if relay is None else await relay.report()

    async def aclose(self) -> None:
        """End background work, then the adapters; runs that work end as interrupted."""
        await self.supervisor.aclose()
        if self._ports.relay is not None:
            await self._ports.relay.aclose()
        if self._ports.webhook_sender is not None:
            await self._ports.webhook_sender.aclose()
        if self._ports.attachment_files is not None:
            await self._ports.attachment_files.aclose()
        if self._ports.task_runner is not None:
            await self._ports.task_runner.aclose()
        if self._ports.tool_servers is not None:
            await self._ports.tool_servers.aclose()
        await self._ports.tools.aclose()
        await self._ports.sandbox.aclose()
        await self._ports.engine.aclose()
        await self._ports.analytics.aclose()
        if self._ports.workload_tables is not None:
            await self._ports.workload_tables.aclose()
        await self._ports.event_log.aclose()
        await self._ports.store.aclose()
