"""What a core is made of: one service per noun, each with the adapters it works with."""

from __future__ import annotations

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
from notebook_agents.core.engagements import Engagements
from notebook_agents.core.execution_service import ExecutionPorts, Executions
from notebook_agents.core.exports import Exports
from notebook_agents.core.external_logins import ExternalLogins
from notebook_agents.core.forecasts import Forecasts
from notebook_agents.core.journal import Journal
from notebook_agents.core.log_keeper import KeeperPorts, LogKeeper
from notebook_agents.core.logins import Logins
from notebook_agents.core.loop import LoopPorts
from notebook_agents.core.models import Models
from notebook_agents.core.observations import Observations
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
from notebook_agents.core.scores import Scores
from notebook_agents.core.spawn import Supervisor
from notebook_agents.core.spending import Spending, SpendingPorts
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
    from notebook_agents.core.core_ports import CorePorts


class Parts:
    """The services of a core; `Core` gives them their life."""

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
        self.observations = Observations(self.journal)
        self.spending = Spending(
            SpendingPorts(
                journal=self.journal,
                analytics=ports.analytics,
                clock=ports.clock,
                supervisor=self.supervisor,
                usd_per_day=ports.budget_usd_per_day,
                is_server=ports.is_server,
            )
        )
        self.models = Models(ports.engine)
        self.prices = Prices(ports.price_list, ports.clock)
        self.forecasts = Forecasts(ports.analytics, ports.clock, self.supervisor, ports.redactor)
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
        self.scores = Scores(self.runs, self.journal)
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
        self.exports = Exports(ports.exporter)
        self.log_keeper = LogKeeper(
            KeeperPorts(
                store=ports.store,
                clock=ports.clock,
                users=self.users,
                supervisor=self.supervisor,
                keeping=ports.log_keeping,
                policy=ports.log_policy,
            )
        )

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
                forecasts=self.forecasts,
            ),
            store=ports.store,
            journal=self.journal,
            tools=self.tools,
            workspaces=ports.workspaces,
            level=ports.level,
            workflows=ports.workflows,
            spending=self.spending,
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
                observations=self.observations,
            )
        )
