"""``notebook_agents.chat()``: the panel of a cell, new or the one that it had."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from notebook_agents.magics.chat import NO_PANEL
from notebook_agents.magics.errors import AgentError
from notebook_agents.magics.magic import installed_magics
from notebook_agents.magics.waiting import Waits, block_on, until
from notebook_agents.widgets.chat_changes import choose_model
from notebook_agents.widgets.chat_header import MODES
from notebook_agents.widgets.chat_places import Place, place_of, recall
from notebook_agents.widgets.chat_session import ChatSession

if TYPE_CHECKING:
    from notebook_agents.core.agents import Agent
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.magics.session import Session
    from notebook_agents.widgets.chat import ChatPanel


@dataclass(slots=True)
class _Panels:
    """The panels of one notebook, by the cell that shows them."""

    by_place: dict[Place, ChatPanel] = field(default_factory=dict)
    execution: tuple[str, int] = ("", -1)
    n_made: int = 0
    """By the execution that runs now."""


_panels: WeakKeyDictionary[Any, _Panels] = WeakKeyDictionary()


def chat(
    agent: str | Agent | None = None,
    *,
    model: str | None = None,
    conversation: str | Conversation | None = None,
    mode: str | None = None,
) -> ChatPanel:
    """A chat panel with an agent (its name, or what ``agents.get`` returns), shown by the cell.

    Run again, also in a new kernel, the cell goes on with its conversation. ``conversation`` is the
    id of another one; empty begins a new one. A new panel has the notebook's mode.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if not hasattr(shell, "kernel"):
        raise AgentError(NO_PANEL)
    notebook = installed_magics(shell).session
    name = agent if isinstance(agent, str) else getattr(agent, "id", "")
    id = conversation if isinstance(conversation, str | None) else conversation.id
    making = panel(notebook, agent=name or "", model=model, conversation_id=id, mode=mode)
    return block_on(making)


def panel(
    notebook: Session,
    *,
    agent: str = "",
    model: str | None = None,
    conversation_id: str | None = None,
    mode: str | None = None,
) -> Waits[ChatPanel]:
    """The panel of the running cell."""
    from notebook_agents.widgets.chat import ChatPanel

    if mode is not None and mode not in MODES:
        raise AgentError(f"there is no mode {mode!r}; known: {', '.join(MODES)}")
    place = _this_place(notebook)
    panels = _panels.setdefault(notebook.shell, _Panels())
    found = panels.by_place.get(place) if place is not None else None
    if found is None or found.chat.session.host is not notebook.host:
        yield from notebook.identify()  # whose events undo and checkpoints record
        session = ChatSession(notebook, agent)
        yield from session.identify()
        found = ChatPanel(session, place)
        yield from found.chat.open((yield from _first(session, place, conversation_id)))
    elif conversation_id is not None and conversation_id != found.conversation_id:
        yield from found.chat.open(conversation_id)
    if place is not None:
        panels.by_place[place] = found
    if model is not None and model != found.chat.session.model:
        yield from choose_model(found.chat, model)
    if mode is not None and mode != found.chat.session.mode:
        found.chat.choose_mode(mode)
    return found


def _first(session: ChatSession, place: Place | None, conversation_id: str | None) -> Waits[str]:
    """The conversation that a new panel begins with."""
    if conversation_id is not None or place is None:
        return conversation_id or ""
    actor = (yield from session.identify()).actor
    known = yield from until(session.host.submit(lambda core: recall(core, actor, place)))
    return known.id if known is not None else ""


def _this_place(notebook: Session) -> Place | None:
    place = place_of(notebook.shell)
    if place is None:
        return None
    panels = _panels.setdefault(notebook.shell, _Panels())
    execution = (place.cell, notebook.shell.execution_count)
    panels.n_made = panels.n_made + 1 if execution == panels.execution else 0
    panels.execution = execution
    return Place(notebook=place.notebook, cell=place.cell, number=panels.n_made)
