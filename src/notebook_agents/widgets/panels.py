"""The panels of a notebook, by the names they have in ``notebook_agents``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_agents.magics.magic import installed_magics

if TYPE_CHECKING:
    from notebook_agents.magics.session import Session
    from notebook_agents.widgets.agent_editor import AgentEditor
    from notebook_agents.widgets.dashboard import Dashboard
    from notebook_agents.widgets.run_inspector import RunInspector
    from notebook_agents.widgets.task_panel import TaskPanel
    from notebook_agents.widgets.tool_panel import ToolPanel


def dashboard(
    days: float | None = 7, *, everybody: bool = False, live: bool = False, **filters: str | None
) -> Dashboard:
    """Figures over your runs of the last days; None is everything that was recorded.

    Filters are ``model``, ``source`` (notebook, schedule, Python, MCP, or the name of an API),
    ``notebook`` (the name of its file) and ``agent`` (its id). ``everybody`` shows the runs of all
    users, and ``user`` those of one: for administrators. ``live`` looks again every five seconds
    while the dashboard is in sight. AgentError for a filter that there is not.
    """
    from notebook_agents.widgets.dashboard import Dashboard, filters_of

    return Dashboard(_session(), filters_of(days=days, **filters), everybody=everybody, live=live)


def run_inspector(run: Any = "") -> RunInspector:
    """One run (its id, an answer, or a run) event by event; without one, the newest."""
    from notebook_agents.widgets.run_inspector import RunInspector

    id = run if isinstance(run, str) else getattr(run, "run_id", None) or run.id
    return RunInspector(_session(), id)


def tool_panel(name: str | None = None) -> ToolPanel:
    """Call any tool from a form; ``name`` is the one to begin with."""
    from notebook_agents.widgets.tool_panel import ToolPanel

    return ToolPanel(_session(), name)


def task_panel(name: str | None = None) -> TaskPanel:
    """Your tasks: their times, what they are doing, what they made; ``name`` is the first shown."""
    from notebook_agents.widgets.task_panel import TaskPanel

    return TaskPanel(_session(), name)


def agent_editor(name: str | None = None) -> AgentEditor:
    """Make and change agents; ``name`` (or an id) is the one to begin with, else a new one."""
    from notebook_agents.widgets.agent_editor import AgentEditor

    return AgentEditor(_session(), name)


def _session() -> Session:
    from IPython.core.getipython import get_ipython

    return installed_magics(get_ipython()).session
