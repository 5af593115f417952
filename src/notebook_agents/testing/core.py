"""A whole Core of doubles."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from notebook_agents.core.archive_files import ArchiveFiles
from notebook_agents.core.core import Core, CorePorts
from notebook_agents.core.ports import Engine, ToolRunner
from notebook_agents.core.workspaces import Workspaces
from notebook_agents.testing.engine import ScriptedEngine, Step
from notebook_agents.testing.files import MemoryFiles
from notebook_agents.testing.store import MemoryAnalytics, MemoryEventLog, MemoryStore
from notebook_agents.testing.tasks import ScriptedRunner
from notebook_agents.testing.tool_servers import FakeToolServers
from notebook_agents.testing.tools import FakeSandbox, ScriptedTools


class FakeClock:
    """A clock that only moves when told to, or by ``tick_s`` at each look."""

    def __init__(self, *, tick_s: float = 0.001) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._seconds = 0.0
        self._tick_s = tick_s

    def now(self) -> datetime:
        """The fake moment."""
        self.advance(self._tick_s)
        return self._now

    def monotonic(self) -> float:
        """The fake seconds."""
        self.advance(self._tick_s)
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        """Let time pass, and others work."""
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        self._seconds += seconds


class PlainHasher:
    """Stores passwords reversibly. For tests only, where a slow hash only costs time."""

    async def hash(self, password: str) -> str:
        """Mark the text."""
        return f"plain:{password}"

    async def verify(self, password: str, stored: str) -> bool:
        """Compare."""
        return stored == f"plain:{password}"


def python_executor(code: str, timeout: int = 30) -> str:
    """Answer with the code itself; the double of the real tool."""
    return f"ran: {code}"


def fake_core(
    *script: Step,
    home: Path | None = None,
    engine: Engine | None = None,
    tools: ToolRunner | None = None,
    **ports: Any,
) -> Core:
    """A Core of doubles: ``fake_core("Hello", call("python_executor", code="1"), "Done")``.

    ``home`` is where workspaces are made; keyword arguments replace single ports of CorePorts.
    """
    log = ports.pop("event_log", None) or MemoryEventLog()
    defaults: dict[str, Any] = {
        "store": MemoryStore(),
        "event_log": log,
        "engine": engine or ScriptedEngine(*script),
        "tools": tools or ScriptedTools({"python_executor": python_executor}),
        "sandbox": FakeSandbox(),
        "analytics": MemoryAnalytics(log if isinstance(log, MemoryEventLog) else MemoryEventLog()),
        "clock": FakeClock(),
        "tool_servers": FakeToolServers(),
        "hasher": PlainHasher(),
        "task_runner": ScriptedRunner(),
        "workspaces": Workspaces(home or Path("workspaces")),
        "attachment_files": MemoryFiles(),
        "archive_files": ArchiveFiles((home or Path("workspaces")).with_name("archives")),
    }
    known = {f.name for f in fields(CorePorts)}
    assert not (unknown := set(ports) - known), f"no such port: {unknown}"
    return Core(CorePorts(**(defaults | ports)))
