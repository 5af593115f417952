"""The adapters of the event log plugged together for `build`: who writes, reads and keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from notebook_agents.analytics.export import DuckExporter
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.analytics import Analytics
from notebook_agents.core.exports import EventExporter, Redaction
from notebook_agents.core.log_keeper import LogPolicy
from notebook_agents.core.log_keeping import KeptApart
from notebook_agents.core.recordings import RecordedLog
from notebook_agents.deployment import BuildConfig
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping_apart import KeepingApart
from notebook_agents.eventlog.writer import JsonlEventLog


@dataclass(frozen=True, slots=True, kw_only=True)
class LogParts:
    """What a core needs of its event log."""

    event_log: RecordedLog
    analytics: Analytics
    exporter: EventExporter
    keeping: KeptApart
    policy: LogPolicy


def log_parts(config: BuildConfig) -> LogParts:
    """Plug them together; nothing is read yet."""
    files = EventFiles(config.home, config.events_archive)
    return LogParts(
        event_log=JsonlEventLog(config.home, config.events_archive),
        analytics=EventAnalytics(files, config.home / "events" / "spill", config.events_memory_mb),
        exporter=DuckExporter(
            files,
            config.home / "events" / "pseudonyms.key",
            Redaction.read(config.events_redaction),
        ),
        keeping=KeepingApart(config.home, config.events_archive),
        policy=LogPolicy(compact_s=config.events_compact_s, keep_days=config.events_keep_days),
    )
