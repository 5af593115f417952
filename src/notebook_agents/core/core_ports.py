"""What a core is built on: the adapters, and what a deployment has decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notebook_agents.core.attachments import AttachmentLimits
from notebook_agents.core.log_keeper import LogPolicy
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.redaction import Redactor

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_agents.core.analytics import Analytics
    from notebook_agents.core.archive_files import ArchiveFiles
    from notebook_agents.core.attachment_files import AttachmentFiles
    from notebook_agents.core.deliveries import WebhookSender
    from notebook_agents.core.executions import TaskRunner
    from notebook_agents.core.exports import EventExporter
    from notebook_agents.core.journal import EventRelay
    from notebook_agents.core.log_keeping import KeptApart
    from notebook_agents.core.outside_tools import ToolServerHost
    from notebook_agents.core.policy import Level
    from notebook_agents.core.ports import Engine, PasswordHasher, Sandbox, Store, ToolRunner
    from notebook_agents.core.prices import PriceList
    from notebook_agents.core.recordings import RecordedLog
    from notebook_agents.core.replays import PacingClock
    from notebook_agents.core.reports import ReportFiles
    from notebook_agents.core.schedule_plans import Timetable
    from notebook_agents.core.telemetry import Telemetry
    from notebook_agents.core.workflows import Workflow
    from notebook_agents.core.workloads import WorkloadTables
    from notebook_agents.core.workspaces import Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class CorePorts:
    """The adapters a core is built on, and the deployment's two defaults."""

    store: Store
    event_log: RecordedLog
    engine: Engine
    tools: ToolRunner
    sandbox: Sandbox
    analytics: Analytics
    clock: PacingClock
    hasher: PasswordHasher
    workspaces: Workspaces
    archive_files: ArchiveFiles
    relay: EventRelay | None = None
    """None where no other server is to see events as they happen."""
    default_model: str = BUNDLED_MODEL
    level: Level = "medium"
    """The least sandbox level of this deployment, and the one of agents that name none."""
    budget_usd_per_day: float | None = None
    """Of everybody who has not set one; None is no budget."""
    price_list: PriceList | None = None
    """None knows no prices."""
    workflows: Mapping[str, Workflow] = field(default_factory=dict)
    """By name, what runs can do in place of the agent loop."""
    workload_tables: WorkloadTables | None = None
    """None keeps no workloads."""
    personas_folder: Path | None = None
    """Where a deployment keeps personas of its own; None has those of the product only."""
    attachment_files: AttachmentFiles | None = None
    """None takes no files; a process that is a server has them."""
    attachment_limits: AttachmentLimits = field(default_factory=AttachmentLimits)
    task_runner: TaskRunner | None = None
    """None executes no tasks."""
    timetable: Timetable | None = None
    """None runs no task by itself."""
    redactor: Redactor = field(default_factory=Redactor)
    """Knows the secrets of this process."""
    is_server: bool = False
    """Whether this process takes over what others left behind."""
    tool_servers: ToolServerHost | None = None
    """None has no tools but the deployment's own."""
    tool_commands: tuple[str, ...] = ()
    """Programs that others than administrators may start as tool servers."""
    webhook_sender: WebhookSender | None = None
    """None tells nobody of anything; a process that is a server has one."""
    telemetry: Telemetry | None = None
    """None tells no collector what happens."""
    report_files: ReportFiles | None = None
    """None makes no reports."""
    log_keeping: KeptApart | None = None
    """None compacts, prunes and checks no event log."""
    log_policy: LogPolicy = field(default_factory=LogPolicy)
    exporter: EventExporter | None = None
    """None exports no events."""
