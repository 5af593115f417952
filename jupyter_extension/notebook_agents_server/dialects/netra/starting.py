"""How a run of Netra begins, asked for over HTTP or over the socket."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_agents_server.dialects.netra.mapping import AGENT

if TYPE_CHECKING:
    from notebook_agents.core.core import Core
    from notebook_agents.core.runs import Run, StartRun
    from notebook_agents.core.users import Actor


async def start(core: Core, actor: Actor, wish: StartRun) -> Run:
    """Start a run of the agent that the document does not name."""
    agent = await core.agents.ensure(actor, AGENT)
    return await core.runs.start(actor, replace(wish, agent_id=agent.id))
