"""What a run is made of: its own wish first, then its conversation's settings, then its agent's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notebook_agents.core.ids import new_id
from notebook_agents.core.outside_tools import ANY_OUTSIDE, is_outside
from notebook_agents.core.runs import Limits, Run, StartRun

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agent
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.run_work import WorkPorts
    from notebook_agents.core.tools import Tools
    from notebook_agents.core.users import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Who asks whom, and in which conversation."""

    actor: Actor
    conversation: Conversation
    agent: Agent


def new_run(wish: StartRun, place: Place, ports: WorkPorts) -> Run:
    """The run that a wish becomes, queued."""
    agent, settings = place.agent, place.conversation.settings
    return Run(
        id=new_id(),
        owner_id=place.conversation.owner_id,
        agent_id=agent.id,
        conversation_id=place.conversation.id,
        model=wish.model or settings.model or agent.model,
        dialect=place.actor.dialect,
        input=wish.message,
        holder=ports.store.holder(),
        tools=_tools(wish, place, ports.tools),
        sampling=wish.sampling or settings.sampling or agent.sampling,
        limits=_limits(wish, place),
        policy=wish.policy or settings.policy or agent.policy,
        system="\n".join(filter(None, (settings.instructions, wish.system))),
        metadata=wish.metadata,
        workflow=wish.workflow,
        parameters=wish.parameters,
        batch_id=wish.batch_id,
        created_at=ports.loop.clock.now(),
    )


def _limits(wish: StartRun, place: Place) -> Limits:
    default = Limits(timeout_s=place.agent.timeout_s)
    limits = wish.limits or place.conversation.settings.limits or default
    return limits if wish.history is None else replace(limits, max_history=wish.history)


def _tools(wish: StartRun, place: Place, tools: Tools) -> tuple[str, ...]:
    if wish.tools is not None:
        return wish.tools
    return () if wish.workflow else kept_tools(place.conversation, place.agent, tools)


def kept_tools(conversation: Conversation, agent: Agent, tools: Tools) -> tuple[str, ...]:
    """The tools of a conversation's runs: names, and patterns for those of tool servers."""
    known, saved = tools.names(), conversation.settings.tools
    names = agent.tools if saved is None else saved
    # What was saved may name a tool whose package is gone; the conversation goes on without it.
    kept = tuple(name for name in names if name in known or is_outside(name))
    if saved is not None or not agent.has_all_tools:
        return kept
    lent = tuple(name for name in tools.lent_names() if name not in kept)
    return (*kept, *lent, *((ANY_OUTSIDE,) if tools.has_outside else ()))
