"""Recordings: conversations read back, as the event log has them.

A recording has no record of its own: it is the stream of a conversation's events. What a person
said is in no event, so it is told beside the event that answers it.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from notebook_agents.core.conversations import MAX_RUNS, Conversation
from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.events import Event, RunQueued, ToolStarted
from notebook_agents.core.executions import OPEN_EXECUTIONS, Execution
from notebook_agents.core.ports import EventLog, Page, Query, StreamEnd
from notebook_agents.core.runs import Run

if TYPE_CHECKING:
    from notebook_agents.core.conversations import Conversations
    from notebook_agents.core.ports import Store
    from notebook_agents.core.users import Actor

MAX_EVENTS = 10_000
"""Events that one look gives at most."""
MAX_LISTED = 100_000
"""More conversations than one person has."""
MAX_NAMES = 1000
"""Different tools or models that a recording tells of."""

REMOVED = "its events were removed; its messages are still there"
"""Of a conversation that was pruned, or whose recording somebody deleted."""

RecordingOrder: TypeAlias = Literal["start_time", "end_time", "duration", "n_events", "n_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSummary:
    """What a stream of the event log holds."""

    stream: str
    first_at: datetime
    last_at: datetime
    types: Mapping[str, int] = field(default_factory=dict)
    """How many events of each type."""


class RecordedLog(EventLog, Protocol):
    """An event log whose streams can be counted, named and removed."""

    async def summaries(self, streams: Collection[str]) -> Sequence[StreamSummary]:
        """What these streams hold; those without events are left out. Cheap for many."""
        ...

    async def files(self, stream: str) -> Sequence[str]:
        """The names of the files that a stream is kept in."""
        ...

    async def remove(self, stream: str) -> None:
        """Remove a stream for good; a later event begins it anew."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A conversation as it was recorded."""

    conversation: Conversation
    types: Mapping[str, int]
    """How many events of each type."""
    started_at: datetime
    ended_at: datetime
    n_files: int = 1

    @property
    def n_events(self) -> int:
        """Events of all types."""
        return sum(self.types.values())

    @property
    def duration(self) -> timedelta:
        """From the first event to the last."""
        return self.ended_at - self.started_at


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingDetails:
    """A recording with what only its events tell."""

    recording: Recording
    files: tuple[str, ...]
    models: tuple[str, ...] = ()
    """That were asked, in the order of their first use."""
    tools: tuple[str, ...] = ()
    """That were used, in the order of their first use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRecordings:
    """Which recordings to list."""

    order: RecordingOrder = "start_time"
    is_descending: bool = True
    limit: int = 50
    offset: int = 0
    counted: frozenset[str] | None = None
    """The types of events that count; None counts all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEvents:
    """Which events of a recording to read, oldest first."""

    types: frozenset[str]
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event, and what a person said where it is the beginning of an answer."""

    event: Event
    said: str = ""


class Recordings:
    """Read conversations back from the log, and remove what is recorded of them."""

    def __init__(self, store: Store, log: RecordedLog, conversations: Conversations) -> None:
        self._store = store
        self._log = log
        self._conversations = conversations

    async def list(self, actor: Actor, wish: ListRecordings) -> Page[Recording]:
        """The actor's conversations that have events that count."""
        query = Query(where={"owner_id": actor.user_id, "deleted_at": None}, limit=MAX_LISTED)
        mine = {c.id: c for c in (await self._store.find(Conversation, query)).items}
        all_found = [
            _recording(mine[summary.stream], summary, wish.counted)
            for summary in await self._log.summaries(tuple(mine))
        ]
        found = [recording for recording in all_found if recording.n_events]
        key = _ORDERS[wish.order]
        found.sort(key=lambda r: (key(r), r.conversation.id), reverse=wish.is_descending)
        page = found[wish.offset : wish.offset + wish.limit]
        return Page(items=tuple(page), total=len(found), limit=wish.limit, offset=wish.offset)

    async def get(
        self, actor: Actor, id: str, *, counted: frozenset[str] | None = None
    ) -> RecordingDetails:
        """One of them with its details; NotFound when nothing is recorded."""
        conversation = await self._conversations.get(actor, id)
        summaries = await self._log.summaries((conversation.id,))
        if not summaries or not _recording(conversation, summaries[0], counted).n_events:
            raise await self.missing("conversation", conversation.id)
        models: dict[str, None] = {}
        tools: dict[str, None] = {}
        async with aclosing(self._chunks(conversation.id, ("run_queued", "tool_started"))) as all:
            async for events in all:
                for event in events:
                    if isinstance(event.body, RunQueued) and len(models) < MAX_NAMES:
                        models[event.body.model] = None
                    elif isinstance(event.body, ToolStarted) and len(tools) < MAX_NAMES:
                        tools[event.body.name] = None
        files = await self._log.files(conversation.id)
        recording = _recording(conversation, summaries[0], counted)
        return RecordingDetails(
            recording=recording, files=tuple(files), models=tuple(models), tools=tuple(tools)
        )

    async def files(self, actor: Actor, id: str) -> tuple[str, ...]:
        """The names of the files it is kept in; NotFound when there are none."""
        conversation = await self._conversations.get(actor, id)
        files = tuple(await self._log.files(conversation.id))
        if not files:
            raise await self.missing("conversation", conversation.id)
        return files

    async def delete(self, actor: Actor, id: str) -> Conversation:
        """Remove what is recorded of one of the actor's own conversations, for good.

        The conversation stays, with its messages and files, and so do forks, which are recorded by
        themselves. Conflict while a run of it goes on, whose events would otherwise have a gap.
        """
        conversation = await self._conversations.get(actor, id)
        files = await self._log.files(conversation.id)
        if conversation.owner_id != actor.user_id or not files:
            raise NotFound("conversation", id)
        runs = Query(where={"conversation_id": conversation.id}, limit=MAX_RUNS)
        is_open = any(not run.is_final for run in (await self._store.find(Run, runs)).items)
        if conversation.active_run_id or is_open:
            raise Conflict("the conversation has a run that is not finished; cancel it first")
        where = {"conversation_id": conversation.id, "state": tuple(OPEN_EXECUTIONS)}
        if (await self._store.find(Execution, Query(where=where, limit=1))).total:
            raise Conflict("a task works in the conversation; wait for it or cancel it first")
        await self._log.remove(conversation.id)
        return conversation

    async def events(self, actor: Actor, id: str, wish: ReadEvents) -> builtins.list[RecordedEvent]:
        """The events that are wished for; NotFound when there are none."""
        conversation = await self._conversations.get(actor, id)
        found: builtins.list[Event] = []
        limit = min(wish.limit, MAX_EVENTS)
        async with aclosing(self._chunks(conversation.id, wish.types)) as all:
            async for events in all:
                found += [event for event in events if _is_between(event, wish)]
                if len(found) >= limit:
                    break
        if not found:
            raise await self.missing("events", conversation.id)
        return await self.told(found[:limit])

    async def missing(self, kind: str, id: str) -> NotFound:
        """The error for what is not recorded; it says so where it once was."""
        if await self._log.ends((id,)):
            return NotFound(kind, id)
        runs = await self._store.find(Run, Query(where={"conversation_id": id}, limit=1))
        return NotFound(kind, id, why=REMOVED if runs.total else "")

    async def end(self, actor: Actor, id: str) -> StreamEnd | None:
        """How far the recording goes now; None when nothing is recorded."""
        conversation = await self._conversations.get(actor, id)
        ends = await self._log.ends((conversation.id,))
        return ends[0] if ends else None

    async def read_on(
        self, end: StreamEnd, position: int, types: Collection[str]
    ) -> tuple[tuple[Event, ...], int]:
        """A part of a recording, and where to read on; the end's position at the end."""
        chunk = await self._log.read_on(end, position, types)
        is_stuck = chunk.position == position  # the rest of a line is still to come
        return chunk.events, end.position if is_stuck else chunk.position

    async def told(self, events: Sequence[Event]) -> builtins.list[RecordedEvent]:
        """The events with what people said."""
        begun = tuple({e.run_id for e in events if isinstance(e.body, RunQueued)})
        said: dict[str, str] = {}
        for first in range(0, len(begun), 500):
            query = Query(where={"id": begun[first : first + 500]}, limit=500)
            runs = (await self._store.find(Run, query)).items
            said |= {run.id: run.input.text for run in runs}
        return [
            RecordedEvent(event=e, said=said.get(e.run_id, "") if e.type == "run_queued" else "")
            for e in events
        ]

    async def _chunks(
        self, stream: str, types: Collection[str]
    ) -> AsyncGenerator[tuple[Event, ...], None]:
        for end in await self._log.ends((stream,)):
            position = 0
            while position < end.position:
                events, position = await self.read_on(end, position, types)
                yield events


_ORDERS: Mapping[RecordingOrder, Callable[[Recording], Any]] = {
    "start_time": lambda recording: recording.started_at,
    "end_time": lambda recording: recording.ended_at,
    "duration": lambda recording: recording.duration,
    "n_events": lambda recording: recording.n_events,
    "n_files": lambda recording: recording.n_files,
}


def _recording(
    conversation: Conversation, summary: StreamSummary, counted: frozenset[str] | None
) -> Recording:
    types = {t: n for t, n in summary.types.items() if counted is None or t in counted}
    return Recording(
        conversation=conversation,
        types=types,
        started_at=summary.first_at,
        ended_at=summary.last_at,
    )


def _is_between(event: Event, wish: ReadEvents) -> bool:
    is_late = wish.since is None or event.ts >= wish.since
    return is_late and (wish.until is None or event.ts <= wish.until)
