"""What a prompt needs of a session in order to look ahead at what its calls would do."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import notebook_agents
from notebook_agents.testing import MemoryAnalytics, MemoryEventLog, fake_core

if TYPE_CHECKING:
    from tests.magics.conftest import AgentShell


class Terminal(io.StringIO):
    """Where somebody sits."""

    def isatty(self) -> bool:
        return True


class BusyAnalytics(MemoryAnalytics):
    """Remembers that somebody waited for it."""

    n_rests = 0

    async def at_rest(self) -> None:
        self.n_rests += 1


def test_a_dry_run_begins_once_the_log_is_read(
    agent_shell: AgentShell, ipython_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analytics, rests_when_asked = BusyAnalytics(MemoryEventLog()), list[int]()
    core = fake_core(
        engine=agent_shell.engine, analytics=analytics, home=ipython_home / "workspaces"
    )
    notebook_agents.use_core(core, shell=agent_shell.shell)

    def answer(_question: str) -> str:
        rests_when_asked.append(analytics.n_rests)
        return "n"

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("builtins.input", answer)
    agent_shell.run('%agent --live /python_executor code="kept = 1"')
    assert rests_when_asked == [1]
