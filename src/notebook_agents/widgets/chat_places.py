"""Which cell of which notebook shows a panel, so that it finds its conversation again.

A front end says with a cell which one it is, and a server tells a kernel its notebook. The
conversation keeps both with the time; so running the cell again, also in a new kernel, goes on
where it was left.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from notebook_agents.core.conversations import ConversationChanges, ListConversations

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor

PANEL = "panel"
"""Where a conversation keeps the cell, among what its client says about itself."""
MAX_SEARCHED = 500
"""Conversations among which the one of a cell is looked for, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A panel's cell."""

    notebook: str
    cell: str
    number: int = 0
    """Of the panel among those that one execution of the cell makes."""


def place_of(shell: Any, number: int = 0) -> Place | None:
    """The cell that runs now; None where the front end does not say."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    parent = kernel.get_parent() or {}
    metadata = parent.get("metadata") or {}
    cell = metadata.get("cellId") or metadata.get("cell_id") or ""
    if not isinstance(cell, str) or not cell:
        return None
    return Place(notebook=os.environ.get("JPY_SESSION_NAME", ""), cell=cell, number=number)


async def remember(core: Core, actor: Actor, conversation: Conversation, place: Place) -> None:
    """Note in a conversation that the place shows it now."""
    known = conversation.context.get(PANEL)
    mark = asdict(place) | {"at": datetime.now(UTC).isoformat()}
    if isinstance(known, dict) and {**known, "at": ""} == {**mark, "at": ""}:
        latest = await recall(core, actor, place)
        if latest is not None and latest.id == conversation.id:
            return
    context = {**conversation.context, PANEL: mark}
    await core.conversations.update(actor, conversation.id, ConversationChanges(context=context))


async def recall(core: Core, actor: Actor, place: Place) -> Conversation | None:
    """The conversation that the place has shown last, unless it was deleted."""
    page = await core.conversations.select(actor, ListConversations(limit=MAX_SEARCHED))
    found: list[tuple[str, Conversation]] = []
    for conversation in page.items:
        mark = conversation.context.get(PANEL)
        if isinstance(mark, dict) and {**mark, "at": ""} == asdict(place) | {"at": ""}:
            found.append((str(mark.get("at")), conversation))
    return max(found, key=lambda entry: entry[0])[1] if found else None
