"""``from notebook_agents import agents``: agents and conversations as Python objects.

agents.list()                        every agent of yours
agents.create("analyst", instructions="Answer in one sentence.", model="other/model")
agents.get("analyst").chat()         a chat panel with it
agents.conversations("revenue")      what was said before, wherever it was said
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

from notebook_agents.core.agents import AgentChanges, CreateAgent, ListAgents
from notebook_agents.core.conversations import ListConversations
from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.magics.errors import agent_error
from notebook_agents.magics.magic import installed_magics
from notebook_agents.magics.markdown import plain
from notebook_agents.magics.waiting import block_on, until
from notebook_agents.widgets.chat_making import chat
from notebook_agents.widgets.chat_session import MAX_AGENTS, find_agent
from notebook_agents.widgets.conversation import Conversation, Conversations, read

if TYPE_CHECKING:
    from notebook_agents.core import agents as core_agents
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor
    from notebook_agents.widgets.chat import ChatPanel

__all__ = [
    "Agent",
    "Conversation",
    "chat",
    "conversation",
    "conversations",
    "create",
    "get",
    "list",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """The notebook's core, asked from plain code."""

    actor: Actor = field(repr=False)

    def do(self, work: Callable[[Core], Coroutine[Any, Any, T]]) -> T:
        """The result; one line says what failed."""
        try:
            result: T = block_on(until(_session().host.submit(work)))
            return result
        except NotebookAgentsError as error:
            raise agent_error(error) from error

    def conversation(self, id: str) -> Conversation:
        """One conversation, as it is now."""
        found = self.do(lambda core: core.conversations.resolve(self.actor, id))
        history = self.do(lambda core: read(core, self.actor, found.id))
        return Conversation(found.id, self, history)


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent of yours: a name, a model, instructions and tools."""

    id: str
    name: str
    model: str
    instructions: str = field(repr=False)
    tools: tuple[str, ...] | None = field(repr=False)
    """None is all of them."""
    description: str = field(default="", repr=False)

    def chat(self, **settings: Any) -> ChatPanel:
        """A chat panel with it."""
        return chat(self.id, **settings)

    def update(self, **changes: Any) -> Agent:
        """Change ``name``, ``model``, ``instructions``, ``tools`` or ``description``."""
        kept, wish = _kept(), AgentChanges(**changes)
        return _agent(kept.do(lambda core: core.agents.update(kept.actor, self.id, wish)))

    def delete(self) -> None:
        """Remove it; its conversations stay."""
        kept = _kept()
        kept.do(lambda core: core.agents.delete(kept.actor, self.id))

    def __repr__(self) -> str:
        told = "all tools" if self.tools is None else f"tools: {', '.join(self.tools) or 'none'}"
        return f"<Agent {self.name!r}, {self.model}, {told}>"


class AgentList(builtins.list[Agent]):
    """Agents by name."""

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) or "no agents yet"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(plain(each.name))}</td><td>{escape(plain(each.model))}</td>"
            f"<td>{escape(plain(each.description))}</td></tr>"
            for each in self
        )
        return f"<table><tr><th>Agent</th><th>Model</th><th>About</th></tr>{rows}</table>"


def list() -> AgentList:
    """Every agent of yours."""
    kept, wish = _kept(), ListAgents(with_shared=True, limit=MAX_AGENTS)
    page = kept.do(lambda core: core.agents.list(kept.actor, wish))
    return AgentList(sorted(map(_agent, page.items), key=lambda agent: agent.name))


def get(name: str) -> Agent:
    """One of them, by name or id."""
    kept = _kept()
    return _agent(kept.do(lambda core: find_agent(core, kept.actor, name)))


def create(
    name: str,
    *,
    instructions: str = "",
    model: str | None = None,
    tools: Sequence[str] | None = None,
    description: str = "",
) -> Agent:
    """A new agent; without ``tools`` it has all of them."""
    kept = _kept()
    wish = CreateAgent(
        name=name,
        instructions=instructions,
        model=model,
        tools=None if tools is None else tuple(tools),
        description=description,
    )
    return _agent(kept.do(lambda core: core.agents.create(kept.actor, wish)))


def conversations(search: str = "", *, limit: int = 20) -> Conversations:
    """What was said before, newest first; ``search`` are words of the title."""
    kept, words = _kept(), search.lower().split()
    wish = ListConversations(limit=2000)
    page = kept.do(lambda core: core.conversations.select(kept.actor, wish))
    found = [c for c in page.items if all(word in c.title.lower() for word in words)]
    return Conversations(kept.conversation(each.id) for each in found[:limit])


def conversation(id: str) -> Conversation:
    """One conversation by its id or slug."""
    return _kept().conversation(id)


def _kept() -> Kept:
    return Kept(block_on(_session().identify()).actor)


def _session() -> Any:
    from IPython.core.getipython import get_ipython

    return installed_magics(get_ipython()).session


def _agent(agent: core_agents.Agent) -> Agent:
    return Agent(
        id=agent.id,
        name=agent.name,
        model=agent.model,
        instructions=agent.instructions,
        tools=None if agent.has_all_tools else agent.tools,
        description=agent.description,
    )
