"""Which state of its configuration an agent is in, so that what two of them did can be compared."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agent

DIGITS = 12


def agent_version(agent: Agent, model: str) -> str:
    """A digest of all that decides how an agent answers, with the model that it runs on.

    Its name, its description and whom it is shared with do not count: a run is the same with
    another.
    """
    parts = (
        agent.role,
        agent.instructions,
        model,
        "all" if agent.has_all_tools else sorted(agent.tools),
        agent.security_level,
        agent.max_memory_mb,
        agent.timeout_s,
        agent.sampling,
        agent.policy,
    )
    return hashlib.sha256(_PARTS.dump_json(parts)).hexdigest()[:DIGITS]


_PARTS = TypeAdapter[object](object)
