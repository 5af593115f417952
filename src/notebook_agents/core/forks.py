"""How much a fork shares with the conversation that it is made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from notebook_agents.core.errors import InvalidRequest

if TYPE_CHECKING:
    from notebook_agents.core.conversations import ForkConversation


def shared(wish: ForkConversation, tips: Sequence[str]) -> int:
    """How many messages a fork shares; ``tips`` are their ids, after that of none."""
    if wish.n_messages is not None:
        if not 0 <= wish.n_messages < len(tips):
            raise InvalidRequest(
                f"the conversation has {len(tips) - 1} messages, not {wish.n_messages}"
            )
        return wish.n_messages
    if wish.at and wish.at not in tips:
        raise InvalidRequest(f"there is no message {wish.at!r} in this conversation", field="at")
    return tips.index(wish.at) if wish.at else len(tips) - 1
