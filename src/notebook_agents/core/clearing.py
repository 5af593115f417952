"""Deletes many conversations at once, whatever happens in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from notebook_agents.core.conversations import Conversation
from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.ports import Query

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversations
    from notebook_agents.core.ports import Store
    from notebook_agents.core.run_service import Runs
    from notebook_agents.core.users import Actor

AT_ONCE = 100
N_TRIES = 3
"""How often a run may begin between the last cancelled one and the deletion."""


class Clearing:
    """Deletes the conversations that were started through one API."""

    def __init__(self, store: Store, conversations: Conversations, runs: Runs) -> None:
        self._store = store
        self._conversations = conversations
        self._runs = runs

    async def clear(self, actor: Actor, dialect: str, *, everybody: bool = False) -> int:
        """Delete the actor's conversations of an API, or those of everybody; how many there were.

        Their runs are cancelled first. One whose run does not end is left alone. Everybody's are
        for administrators.
        """
        where: dict[str, Any] = {"dialect": dialect, "deleted_at": None}
        if everybody:
            actor.require_admin()
        else:
            where["owner_id"] = actor.user_id
        n_deleted = n_left = 0
        tried: set[str] = set()
        while True:
            # What was left stands before what is newer, so it is passed over.
            query = Query(where=where, limit=AT_ONCE, offset=n_left, oldest_first=True)
            found = (await self._store.find(Conversation, query)).items
            if not found:
                return n_deleted
            for conversation in found:
                # None is tried twice, so this ends whatever becomes of it.
                is_gone = conversation.id not in tried and await self._delete(actor, conversation)
                tried.add(conversation.id)
                n_deleted += is_gone
                n_left += not is_gone

    async def _delete(self, actor: Actor, conversation: Conversation) -> bool:
        owner = replace(actor, user_id=conversation.owner_id)
        for _ in range(N_TRIES):
            try:
                await self._runs.cancel_all(owner, conversation.id)
                await self._conversations.delete(owner, conversation.id)
            except NotFound:
                return True
            except Conflict:  # a run began meanwhile, or its process does not answer
                continue
            return True
        return False
