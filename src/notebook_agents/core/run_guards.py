"""What a run remembers and is told so that the rules before any policy can be kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_agents.core.attachments import Attachment
from notebook_agents.core.budgets import lately, size_of
from notebook_agents.core.events import ApprovalRequested, ToolStarted
from notebook_agents.core.ports import Query
from notebook_agents.core.provenance import LEAVING, ORIGINS, taints

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversation
    from notebook_agents.core.events import EventBody
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.runs import Run


async def taints_of(conversation: Conversation, store: Store) -> tuple[str, ...]:
    """What of strangers is in a conversation, whether or not its model is still told of it.

    An uploaded file counts from the moment it is there, because code can read it unseen; and so do
    the messages of a conversation that was loaded from a file, which name no run.
    """
    chain = await store.chain(conversation.tip_id)
    found = taints(node.message for node in chain)
    uploads = Query(where={"conversation_id": conversation.id}, limit=1)
    if (await store.find(Attachment, uploads)).items:
        found = (*found, ORIGINS["upload"])
    if any(not node.run_id for node in chain):
        found = (*found, ORIGINS["imported"])
    return found


def left_with(body: ToolStarted) -> int:
    """The bytes by which data could leave with a call that is made."""
    leaves = body.allowed_by and body.effect in LEAVING
    return size_of(body.arguments) if leaves else 0


def remembering(run: Run, body: EventBody, clock: Clock) -> Run:
    """The run after an event, with what it must remember of it."""
    guard = run.guard
    if isinstance(body, ToolStarted):
        guard = replace(guard, bytes_out=guard.bytes_out + left_with(body))
    elif isinstance(body, ApprovalRequested):
        now = clock.now()
        guard = replace(guard, asked_at=(*lately(guard.asked_at, now), now))
    return run if guard == run.guard else replace(run, guard=guard)
