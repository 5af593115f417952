"""``%agent chat``: the chat panel of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_agents.magics.errors import AgentError

if TYPE_CHECKING:
    from notebook_agents.magics.options import Options
    from notebook_agents.magics.session import Session
    from notebook_agents.magics.waiting import Waits

NO_PANEL = (
    "a chat panel needs a notebook; here, ask with: %agent TEXT (earlier conversations:"
    " notebook_agents.agents.conversations())"
)


def open_chat(session: Session, argument: str, _options: Options) -> Waits[Any]:
    """``%agent chat [AGENT]``: the panel of this cell, where it was left."""
    if not session.is_kernel:
        raise AgentError(NO_PANEL)
    from notebook_agents.widgets.chat_making import panel

    return (yield from panel(session, agent=argument))
