"""Engagements: what the kernel of an execution may do for it, and what is known already.

The notebook of an execution asks agents as every notebook does, but not as its owner in front of
it: in the execution's conversation, as the task's owner, and within what is left of its budget.
An execution that goes on with another is told the answers which that one got, as long as it asks
the same, so that nothing is paid or done twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notebook_agents.core.conversations import Conversation
from notebook_agents.core.errors import Conflict, LimitExceeded, NotFound, NotPermitted
from notebook_agents.core.execution_usage import runs_of
from notebook_agents.core.executions import Execution
from notebook_agents.core.models import Usage
from notebook_agents.core.runs import Limits, Run
from notebook_agents.core.users import Actor, User

if TYPE_CHECKING:
    from notebook_agents.core.journal import Journal
    from notebook_agents.core.ports import Clock, Store

MAX_RESUMED = 50
"""Executions that one may go on with, one after another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """An execution as its kernel sees it."""

    execution: Execution
    actor: Actor
    conversation: Conversation
    answered: tuple[Run, ...] = ()
    """What the executions before it were answered, in order."""

    def recorded(self, index: int, text: str) -> Run | None:
        """The answer to the question of that index, if it was asked in these words."""
        run = self.answered[index] if index < len(self.answered) else None
        return run if run is not None and run.input.text == text else None


class Engagements:
    """For kernels of executions."""

    def __init__(self, store: Store, journal: Journal, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock

    async def get(self, execution_id: str) -> Engagement:
        """The engagement of the kernel of an execution; Conflict once that has ended."""
        execution = await self._execution(execution_id)
        user = await self._store.get(User, execution.owner_id)
        if user is None or not user.is_active:
            raise NotPermitted("the account that the task belongs to is blocked")
        conversation = await self._store.get(Conversation, execution.conversation_id)
        if conversation is None or conversation.deleted_at is not None:
            raise NotFound("conversation", execution.conversation_id)
        actor = Actor(
            user_id=user.id,
            username=user.username,
            dialect=execution.dialect,
            credential="task",
        )
        return Engagement(
            execution=execution,
            actor=actor,
            conversation=conversation,
            answered=await self._answered(execution),
        )

    async def limits(self, engagement: Engagement) -> Limits:
        """What the next run may use; LimitExceeded when nothing is left."""
        execution = await self._execution(engagement.execution.id)
        settings = execution.settings
        runs = await runs_of(execution, self._store)
        usage = sum((run.usage for run in runs), start=Usage())
        limits = engagement.conversation.settings.limits or Limits()
        started = execution.started_at or execution.created_at
        passed_s = (self._clock.now() - started).total_seconds()
        left_s = max(1.0, settings.timeout_s - passed_s)
        limits = replace(limits, timeout_s=min(limits.timeout_s, left_s))
        if settings.max_tokens is not None:
            left = settings.max_tokens - usage.output_tokens
            if left <= 0:
                raise _spent(f"{settings.max_tokens:,} output tokens", "tokens")
            limits = replace(limits, max_tokens=min(left, limits.max_tokens or left))
        if settings.max_cost_usd is not None:
            left_usd = settings.max_cost_usd - (usage.cost_usd or 0.0)
            if left_usd <= 0:
                raise _spent(f"${settings.max_cost_usd:g}", "cost")
            limits = replace(limits, max_cost_usd=min(left_usd, limits.max_cost_usd or left_usd))
        return limits

    async def _execution(self, id: str) -> Execution:
        execution = await self._store.get(Execution, id)
        if execution is None:
            raise NotFound("execution", id)
        if execution.state != "running":
            raise Conflict(f"the execution is {execution.state}; its kernel has nothing to do")
        return execution

    async def _answered(self, execution: Execution) -> tuple[Run, ...]:
        chain: list[Sequence[Run]] = []
        before = execution.resumes
        while before and len(chain) < MAX_RESUMED:
            was = await self._store.get(Execution, before)
            if was is None or was.owner_id != execution.owner_id:
                break
            runs = await runs_of(was, self._store)
            chain.append([run for run in runs if run.state == "succeeded"])
            before = was.resumes
        return tuple(run for runs in reversed(chain) for run in runs)


def _spent(what: str, limit: str) -> LimitExceeded:
    return LimitExceeded(f"the execution has used its budget of {what}", limit=limit)
