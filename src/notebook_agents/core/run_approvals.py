"""What the store knows of approvals: standing answers of a conversation, and questions overdue."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from notebook_agents.core.approvals import allowances_of
from notebook_agents.core.conversations import Conversation
from notebook_agents.core.ports import Change, Patch, Query
from notebook_agents.core.runs import ApprovalDecision, Run

if TYPE_CHECKING:
    from notebook_agents.core.ports import Store

TOO_LATE = "nobody answered in time"
MAX_WAITING = 10_000


async def kept_allowances(run: Run, by: str, store: Store) -> tuple[Change, ...]:
    """What the answers to a run change in what its conversation allows."""
    conversation = await store.get(Conversation, run.conversation_id)
    if conversation is None:
        return ()
    settings = conversation.settings
    allowances = allowances_of(settings.allowances, run, run.decisions, by)
    if allowances == settings.allowances:
        return ()
    fields = {"settings": replace(settings, allowances=allowances)}
    return (Patch(kind=Conversation, id=conversation.id, fields=fields),)


async def overdue(store: Store, now: datetime) -> list[Run]:
    """Runs that waited too long for a person, with the answer that silence is: no.

    A run of another process that is alive is left to that one.
    """
    found = []
    query = Query(where={"state": ("waiting_approval",)}, limit=MAX_WAITING)
    for run in (await store.find(Run, query)).items:
        patience = timedelta(seconds=run.limits.approval_timeout_s)
        if not run.pending or now - min(e.requested_at for e in run.pending) < patience:
            continue
        if run.holder == store.holder() or not await store.is_alive(run.holder):
            found.append(
                replace(run, decisions=tuple(_silence(e.call.call_id) for e in run.pending))
            )
    return found


def _silence(call_id: str) -> ApprovalDecision:
    return ApprovalDecision(call_id=call_id, is_approved=False, feedback=TOO_LATE, via="timeout")
