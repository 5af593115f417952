"""A core whose events can be asked with SQL."""

from __future__ import annotations

from pathlib import Path

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import ScriptedEngine, fake_core


def recorded_core(folder: Path) -> Core:
    """Its model says hello nine times."""
    home = folder / "home"
    return fake_core(
        engine=ScriptedEngine(*["Hello"] * 9),
        home=folder / "workspaces",
        event_log=JsonlEventLog(home),
        analytics=EventAnalytics(EventFiles(home)),
        clock=SystemClock(),
    )
