"""Whether a person's answers to the questions of a run count, and what they change.

An answer counts once, in time, from the run's own user, for the call that was asked about and under
the rules that held then. Anything else is an error; the run goes on waiting and can be told no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from notebook_agents.core.agents import Agent
from notebook_agents.core.approval_digests import digest_of, rules_of
from notebook_agents.core.conversations import Conversation
from notebook_agents.core.errors import ApprovalInvalid, Conflict, InvalidRequest, NotPermitted
from notebook_agents.core.policy import EFFECTS
from notebook_agents.core.runs import ApprovalDecision, PendingApproval, Run, RunGuard

if TYPE_CHECKING:
    from notebook_agents.core.ports import Store
    from notebook_agents.core.users import Actor

CHANGED = "the rules of the agent or the conversation changed after the question; say no, ask again"
OTHER_CALL = "the answer is to another call than the one that waits"
CHANGING = frozenset({"write", "network", "external"})
"""Effects whose refusal is meant for other ways to the same end, too."""
EXPIRED = "the question has expired; it is denied"


async def rules_in_force(run: Run, store: Store) -> str:
    """A name for what decides about a run now: its own policy, its conversation's, its agent's."""
    agent = await store.get(Agent, run.agent_id)
    conversation = await store.get(Conversation, run.conversation_id)
    kept = conversation.settings.policy if conversation else None
    return rules_of(run.policy, kept, agent.policy if agent else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hearing:
    """Who answers when, and under which rules."""

    run: Run
    actor: Actor
    now: datetime
    rules: str


async def checked(
    run: Run, given: Sequence[ApprovalDecision], actor: Actor, store: Store, now: datetime
) -> tuple[ApprovalDecision, ...]:
    """The answers to all questions of a run, bound to the calls they are about.

    A question without an answer is denied. Raises Conflict when the run waits for none,
    InvalidRequest for a call that does not wait, NotPermitted when somebody else than its user
    allows something, and ApprovalInvalid.
    """
    if run.state != "waiting_approval":
        raise Conflict(f"run {run.id!r} is {run.state} and waits for no approval", state=run.state)
    pending = {entry.call.call_id: entry for entry in run.pending}
    if unknown := {decision.call_id for decision in given} - set(pending):
        raise InvalidRequest(f"no call {sorted(unknown)[0]!r} waits for approval", field="call_id")
    rules = await rules_in_force(run, store)
    hearing = _Hearing(run=run, actor=actor, now=now, rules=rules)
    answers = {call_id: ApprovalDecision(call_id=call_id, is_approved=False) for call_id in pending}
    for decision in given:
        entry = pending[decision.call_id]
        if decision.is_approved:
            _require_valid(entry, decision, hearing)
        answers[decision.call_id] = _bound(run, entry, decision, rules)
    return tuple(answers.values())


def guard_after(run: Run, decisions: Sequence[ApprovalDecision]) -> RunGuard:
    """What a run remembers of the answers: what was refused outright is refused to all tools."""
    effects = {entry.call.call_id: entry.effect for entry in run.pending}
    refused = [
        effects[decision.call_id]
        for decision in decisions
        if not decision.is_approved and decision.via == "person" and not decision.feedback
        if effects.get(decision.call_id) in CHANGING
    ]
    known = [run.guard.refused] if run.guard.refused else []
    names: list[str] = list(EFFECTS)
    least = min((*known, *refused), key=names.index, default="")
    return replace(run.guard, refused=least)


def _require_valid(entry: PendingApproval, decision: ApprovalDecision, hearing: _Hearing) -> None:
    run, now = hearing.run, hearing.now
    if hearing.actor.user_id != run.owner_id:
        raise NotPermitted("only the user whose run it is may allow its calls")
    if now - entry.requested_at >= timedelta(seconds=run.limits.approval_timeout_s):
        raise ApprovalInvalid(EXPIRED)
    if decision.digest not in {"", entry.digest}:
        raise ApprovalInvalid(OTHER_CALL)
    if entry.digest != digest_of(entry.call, run, hearing.rules):
        raise ApprovalInvalid(CHANGED)


def _bound(
    run: Run, entry: PendingApproval, decision: ApprovalDecision, rules: str
) -> ApprovalDecision:
    """The answer as it is kept: with the digest of the call that will be made."""
    if not decision.is_approved:
        return replace(decision, digest="")
    call = entry.call
    if decision.edited is not None:
        call = replace(call, arguments=decision.edited)
    return replace(decision, digest=digest_of(call, run, rules))
