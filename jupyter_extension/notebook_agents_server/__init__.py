"""notebook-agents as a Jupyter server extension."""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """What Jupyter asks a module that is listed as an extension."""
    from notebook_agents_server.app import NotebookAgentsApp

    return [{"module": "notebook_agents_server", "app": NotebookAgentsApp}]
