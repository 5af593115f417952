"""From Python: what a prompt would send, and which variables no model is told of."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from notebook_agents.magics.magic import installed_magics
from notebook_agents.magics.options import Options, Prompt

if TYPE_CHECKING:
    from notebook_agents.magics.previews import Preview


def show_context(
    text: str,
    *,
    model: str | None = None,
    tools: Sequence[str] | None = None,
    shell: Any = None,
) -> Awaitable[Preview]:
    """What ``%agent text`` would send: ``await notebook_agents.show_context(text)`` in a cell.

    The value shows itself and has ``.system .messages .tools .n_tokens``. Nothing is sent.
    """
    options = Options(model=model, tools=None if tools is None else tuple(tools))
    return installed_magics(_shell(shell)).preview(Prompt(text=text, options=options))


def hide(*names: str, shell: Any = None) -> None:
    """Tell no model of these variables: names, and patterns such as ``patient_*``."""
    magics = installed_magics(_shell(shell))
    magics.hidden = [*dict.fromkeys([*magics.hidden, *names])]
    magics.shown = [name for name in magics.shown if name not in names]


def show(*names: str, shell: Any = None) -> None:
    """Tell models of these variables again, also where their names look like those of secrets."""
    magics = installed_magics(_shell(shell))
    magics.hidden = [name for name in magics.hidden if name not in names]
    magics.shown = [*dict.fromkeys([*magics.shown, *names])]


def _shell(shell: Any) -> Any:
    from IPython.core.getipython import get_ipython

    return shell or get_ipython()
