"""How much there is of everything, for administrators and for whoever watches the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_agents.core.analytics import RunTotals
from notebook_agents.core.conversation_states import STEPS
from notebook_agents.core.conversations import Conversation
from notebook_agents.core.ports import Query
from notebook_agents.core.users import User

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Analytics
    from notebook_agents.core.conversation_states import ConversationState
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.users import Actor

AT_WORK: tuple[ConversationState, ...] = ("connecting", "active", "waiting", "processing")
"""States of conversations in which something has been said and more may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The counts of one moment."""

    n_users: int
    n_active_users: int
    """Accounts that are not blocked."""
    conversations: Mapping[str, int]
    """By state, of everybody; deleted ones left out."""
    today: RunTotals
    """Of the runs since midnight in UTC."""

    @property
    def n_conversations(self) -> int:
        """In any state."""
        return sum(self.conversations.values())

    @property
    def n_at_work(self) -> int:
        """Those that are going on."""
        return sum(self.conversations.get(state, 0) for state in AT_WORK)


class Overviews:
    """Counts what there is."""

    def __init__(self, store: Store, analytics: Analytics, clock: Clock) -> None:
        self._store = store
        self._analytics = analytics
        self._clock = clock

    async def read(self, actor: Actor) -> Overview:
        """The counts of this moment; for administrators."""
        actor.require_admin()
        midnight = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return Overview(
            n_users=(await self._store.find(User, Query(limit=1))).total,
            n_active_users=(
                await self._store.find(User, Query(where={"is_active": True}, limit=1))
            ).total,
            conversations=await self.conversations(),
            today=await self._analytics.totals(since=midnight),
        )

    async def conversations(self) -> Mapping[str, int]:
        """How many conversations are in each state."""
        counts = await self._store.count(Conversation, Query(where={"deleted_at": None}), "state")
        return {state: counts.get(state, 0) for state in STEPS}
