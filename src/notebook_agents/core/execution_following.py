"""Following an execution: its events from any number on, kept ones first, then live ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_agents.core.events import Event
from notebook_agents.core.execution_events import ExecutionFinished
from notebook_agents.core.execution_work import finished_event
from notebook_agents.core.ids import new_id

if TYPE_CHECKING:
    from notebook_agents.core.executions import Execution
    from notebook_agents.core.journal import Journal, Subscription

LOOK_S = 0.5
"""How often the events of an execution of another process are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFollowing:
    """How to follow one execution."""

    execution_id: str
    journal: Journal
    look: Callable[[], Awaitable[Execution]]
    """The execution as it is stored now; raises when it may not be seen any more."""
    is_worked_on: Callable[[], bool]
    """Whether this process works on it, and so shows its events."""

    heartbeat_s: float = 15.0

    async def events(self, after: int) -> AsyncGenerator[Event | None, None]:
        """Its events numbered above ``after``; ends after the last one. None is a sign of life.

        Of an execution that another server holds, events are seen as far as this home has them;
        the end always is, because the store knows it.
        """
        with self.journal.subscribe(self._is_mine) as live:
            while True:
                # Looked at before its events: of one that has ended no more will be kept here.
                execution = await self.look()
                for event in await self.journal.read(execution.conversation_id):
                    if self._is_mine(event) and seq_of(event) > after:
                        after = seq_of(event)
                        yield event
                        if isinstance(event.body, ExecutionFinished):
                            return
                if execution.is_final:
                    yield _end(execution)
                    return
                async for news in self._live(live, after):
                    after = seq_of(news) if news else after
                    yield news
                    if news and isinstance(news.body, ExecutionFinished):
                        return

    async def _live(self, live: Subscription, after: int) -> AsyncGenerator[Event | None, None]:
        """What comes next, one after another; ends when it is better to look again."""
        silent_s = 0.0
        while True:
            if not await live.wait(LOOK_S):
                silent_s += LOOK_S
                if silent_s >= self.heartbeat_s:
                    silent_s = 0.0
                    yield None
                if not self.is_worked_on():
                    return
                continue
            silent_s, event = 0.0, await live.next()
            if seq_of(event) > after + 1:
                return
            if seq_of(event) == after + 1:
                after += 1
                yield event

    def _is_mine(self, event: Event) -> bool:
        # Runs of its notebook name it too, and are streams of their own.
        return not event.run_id and getattr(event.body, "execution_id", "") == self.execution_id


def seq_of(event: Event) -> int:
    """The number of an event within its execution."""
    return int(getattr(event.body, "seq", 0))


def _end(execution: Execution) -> Event:
    """What the store knows of the end of an execution whose last events are not here."""
    assert execution.ended_at is not None, "a final execution has ended"
    return Event(
        id=new_id(),
        ts=execution.ended_at,
        conversation_id=execution.conversation_id,
        agent_id=execution.agent_id,
        user_id=execution.owner_id,
        dialect=execution.dialect,
        body=finished_event(execution),
    )
