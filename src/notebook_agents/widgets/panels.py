"""The panels of a notebook, by the names they have in ``notebook_agents``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_agents.magics.magic import installed_magics

if TYPE_CHECKING:
    from notebook_agents.magics.session import Session
    from notebook_agents.widgets.dashboard import Dashboard
    from notebook_agents.widgets.run_inspector import RunInspector


def dashboard(
    days: float | None = 7, *, model: str | None = None, source: str | None = None
) -> Dashboard:
    """Figures over your runs of the last days; None is everything that was recorded.

    ``source`` is where runs come from: notebook, schedule, Python, MCP, or the name of an API.
    """
    from notebook_agents.widgets.dashboard import Dashboard, filters_of

    return Dashboard(_session(), filters_of(days=days, model=model, source=source))


def run_inspector(run: Any = "") -> RunInspector:
    """One run (its id, an answer, or a run) event by event; without one, the newest."""
    from notebook_agents.widgets.run_inspector import RunInspector

    id = run if isinstance(run, str) else getattr(run, "run_id", None) or run.id
    return RunInspector(_session(), id)


def _session() -> Session:
    from IPython.core.getipython import get_ipython

    return installed_magics(get_ipython()).session
