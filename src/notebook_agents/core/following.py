"""Following a run: its events from any number on, kept ones first, then live ones, each once.

Who works on a run shows its events live. Of a run that another process works on, some may not come:
what follows a gap, or a silence, is looked for where events are kept, in the log of this home and
in what other servers share. The store knows when a run has ended, so no stream waits in vain.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_agents.core.errors import Conflict
from notebook_agents.core.events import Event, RunFinished
from notebook_agents.core.ids import new_id
from notebook_agents.core.run_ends import finished_event

if TYPE_CHECKING:
    from notebook_agents.core.journal import Gathered, Journal, Subscription
    from notebook_agents.core.runs import Run

FOLLOW_POLL_S = 0.25
"""How often a run of another process of this home is looked at when nothing comes."""
SHARED_POLL_S = 1.0
"""The same for a run of another server."""
LATE_S = 5.0
"""How much later than the store another server's events may come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How to follow one run."""

    run_id: str
    journal: Journal
    look: Callable[[], Awaitable[Run]]
    """The run as it is stored now; raises when it may not be seen any more."""
    is_worked_on: Callable[[], bool]
    """Whether this process works on it."""

    async def events(self, after: int) -> AsyncGenerator[Event, None]:
        """The run's events numbered above ``after``; ends after ``run_finished``.

        Raises Conflict when events that must come next are kept elsewhere, or no longer.
        """
        first, was_here = after, False
        now = asyncio.get_running_loop().time
        with self.journal.subscribe(lambda event: event.run_id == self.run_id) as live:
            came_at = now()
            while True:
                # Looked at before its events: of a run that has ended no more will be kept here.
                run = await self.look()
                if run.is_final:  # perhaps ended by another process, which appended its end
                    self.journal.let_go(run.id)
                kept = await self.journal.gather(run.conversation_id, run_id=run.id, after=after)
                was_here = was_here or kept.is_here
                poll_s = FOLLOW_POLL_S if was_here or not self.journal.is_shared else SHARED_POLL_S
                async for event in self._next(live, kept, after, poll_s):
                    yield event
                    after, came_at = event.run_seq, now()
                    if isinstance(event.body, RunFinished):
                        return
                is_late = now() - came_at >= LATE_S
                if run.is_final and (after >= run.last_seq or (kept.is_certain and is_late)):
                    if after > first:
                        yield _end(run, after)
                    elif after < run.last_seq:
                        raise self._elsewhere(run)
                    return
                is_unreachable = is_late and not self.journal.is_shared and not self.is_worked_on()
                if is_unreachable and after == 0:
                    raise self._elsewhere(run)

    async def _next(
        self, live: Subscription, kept: Gathered, after: int, poll_s: float
    ) -> AsyncGenerator[Event, None]:
        """What is kept, then what comes, until it must be looked for again."""
        for event in kept.events:
            yield event
            after = event.run_seq
        if kept.beyond and kept.is_certain:
            raise Conflict(
                f"event {after + 1} of run {self.run_id!r} is no longer kept here; "
                f"resume after {kept.beyond - 1}",
                resume_after=kept.beyond - 1,
            )
        while await self._comes(live, after, poll_s):
            event = await live.next()
            if event.run_seq == after + 1:
                yield event
                after = event.run_seq
            elif event.run_seq > after:
                return  # what is between did not come

    async def _comes(self, live: Subscription, after: int, poll_s: float) -> bool:
        while not await live.wait(poll_s):
            if self.is_worked_on():
                continue
            # A person may take hours to answer: ask the store, do not read the log for it.
            run = await self.look()
            if run.state != "waiting_approval" or after < run.last_seq:
                return False
        return True

    def _elsewhere(self, run: Run) -> Conflict:
        remedy = "ask the server that worked on it"
        if not self.journal.is_shared:
            remedy += ", or give all servers the same redis_url to share them while they are new"
        return Conflict(
            f"the events of run {run.id!r} are kept by another server; {remedy}", run_id=run.id
        )


def _end(run: Run, after: int) -> Event:
    """What the store knows of the end of a run whose last events were lost with its server."""
    assert run.ended_at is not None, "a final run has ended"
    return Event(
        id=new_id(),
        run_id=run.id,
        run_seq=after + 1,
        ts=run.ended_at,
        conversation_id=run.conversation_id,
        agent_id=run.agent_id,
        user_id=run.owner_id,
        dialect=run.dialect,
        body=finished_event(run),
    )
