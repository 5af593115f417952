"""AI agents where people work with data: the notebook and its server.

In a notebook or in IPython: ``%load_ext notebook_agents``, then ``%agent help``. Importing this
package computes nothing; every name is looked up when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_LAZY = {
    "Answer": "notebook_agents.magics.answer",
    "Core": "notebook_agents.core.core",
    "NotebookAgentsError": "notebook_agents.core.errors",
    "agents": "notebook_agents.widgets.agents",
    "ask": "notebook_agents.magics.magic",
    "chat": "notebook_agents.widgets.chat_making",
    "frames": "notebook_agents.magics.frames",
    "hide": "notebook_agents.magics.context_api",
    "show": "notebook_agents.magics.context_api",
    "show_context": "notebook_agents.magics.context_api",
    "dashboard": "notebook_agents.widgets.panels",
    "run_inspector": "notebook_agents.widgets.panels",
    "tool_panel": "notebook_agents.widgets.panels",
    "task_panel": "notebook_agents.widgets.panels",
    "agent_editor": "notebook_agents.widgets.panels",
    "use_core": "notebook_agents.magics.magic",
}


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add ``%agent`` and ``%%agent`` to a shell; ``%load_ext notebook_agents`` calls this."""
    from notebook_agents.magics.magic import AgentMagics

    AgentMagics(shell).install()


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove the magics and end what they started."""
    from notebook_agents.magics.magic import installed_magics

    installed_magics(shell).uninstall()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("notebook-agents")
    if name in _LAZY:
        module = import_module(_LAZY[name])
        return module if module.__name__.endswith(f".{name}") else getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY, "__version__"])
