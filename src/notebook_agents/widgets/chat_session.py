"""The memory of one chat panel: a conversation of its own in the notebook that all panels share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_agents.core.agents import ListAgents
from notebook_agents.core.errors import NotFound
from notebook_agents.magics.session import Identity, Session
from notebook_agents.magics.waiting import Waits, until

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agent
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor

MAX_AGENTS = 1000
SHARED = ("desk", "functions", "errors", "checkpoints", "cells")
"""What belongs to the notebook rather than to one conversation of it."""


class ChatSession(Session):
    """Serves the prompts of a panel as the magic's session serves those of cells."""

    def __init__(self, notebook: Session, agent: str = "") -> None:
        super().__init__(notebook.shell, notebook.host, notebook.preferences)
        for name in SHARED:
            setattr(self, name, getattr(notebook, name))
        self.agent = agent
        """Name or id of the one that answers; empty is the notebook's."""
        self.chosen_model = notebook.chosen_model
        self.own_mode = notebook.mode

    @property
    def actor(self) -> Actor | None:
        """The owner, once they are known."""
        return self._identity.actor if self._identity is not None else None

    def identify(self, *, anew: bool = False) -> Waits[Identity]:
        """The owner and the panel's agent."""
        if self._identity is not None and not anew:
            return self._identity
        identity = yield from super().identify(anew=True)
        if self.agent and identity.engaged is None:
            actor, name = identity.actor, self.agent
            agent = yield from until(self.host.submit(lambda core: find_agent(core, actor, name)))
            identity = replace(identity, agent_id=agent.id, model=agent.model)
            self._identity, self.default_model = identity, agent.model
        return identity

    def enter(self, conversation: Conversation | None) -> None:
        """Go on in a conversation; None begins a new one with the next prompt."""
        self.reset()
        self._identity = None
        if conversation is not None:
            self.conversation_id = conversation.id
            self.agent = conversation.agent_id
            self.chosen_model = conversation.settings.model or ""
        self.stay()

    def stay(self) -> None:
        """Go on in the conversation although the notebook has moved to another folder."""
        self.folder = str(Path.cwd())


async def find_agent(core: Core, actor: Actor, name: str) -> Agent:
    """One of the actor's agents, or a shared one, by its name or id; NotFound else."""
    page = await core.agents.list(actor, ListAgents(with_shared=True, limit=MAX_AGENTS))
    for agent in page.items:
        if name in (agent.name, agent.id):
            return agent
    raise NotFound("agent", name)
