"""A shell whose magics work with doubles, and a real record of what happens there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import notebook_agents
from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.clock import SystemClock
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.magics.magic import installed_magics
from notebook_agents.tasks.timetable import CronTimetable
from notebook_agents.testing import ScriptedEngine, ScriptedTools, fake_core
from notebook_agents.testing.tasks import ScriptedRunner

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_agents.magics.session import Session

QUIET = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})


@dataclass
class PanelShell:
    """What tests of panels work with."""

    shell: Any
    engine: ScriptedEngine
    core: Any
    tools: ScriptedTools

    @property
    def session(self) -> Session:
        """The notebook's."""
        return installed_magics(self.shell).session

    def run(self, code: str) -> Any:
        """The value of a cell; what it raises is raised."""
        result = self.shell.run_cell(code, store_history=True)
        if (error := result.error_before_exec or result.error_in_exec) is not None:
            raise error
        return result.result

    def submit(self, work: Any) -> Any:
        """Something of the core's."""
        return self.session.host.submit(work).result(10)


def make_shell(folder: Path, **ports: Any) -> PanelShell:
    """The process's shell; end it with `end`."""
    make: Any = InteractiveShell
    shell = make.instance(config=QUIET)
    engine = ScriptedEngine()
    tools = ScriptedTools(
        {"python_executor": _python_executor, "file_writer": lambda path: f"wrote {path}"},
        effects={"file_writer": "write"},
    )
    core = fake_core(
        engine=engine,
        tools=tools,
        home=folder / "workspaces",
        clock=SystemClock(),
        event_log=JsonlEventLog(folder),
        analytics=EventAnalytics(EventFiles(folder)),
        timetable=CronTimetable(),
        task_runner=ports.pop("task_runner", None) or ScriptedRunner(),
        **ports,
    )
    notebook_agents.load_ipython_extension(shell)
    notebook_agents.use_core(core, shell=shell)
    return PanelShell(shell, engine, core, tools)


def _python_executor(code: str, timeout: int = 30) -> str:
    if "boom" in code:
        raise ValueError("boom")
    return f"ran: {code}"


def end(made: PanelShell) -> None:
    """Forget the shell."""
    notebook_agents.unload_ipython_extension(made.shell)
    shell: Any = InteractiveShell
    shell.clear_instance()
