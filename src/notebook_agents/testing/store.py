"""A store and an event log in memory, with the promises of the real ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from notebook_agents.core.activity import Activity, RequestKind
from notebook_agents.core.agents import Agent, AgentStatistics
from notebook_agents.core.analytics import RunTotals, Table, ViewInfo
from notebook_agents.core.api_keys import ApiKey
from notebook_agents.core.conversations import Conversation, MessageNode
from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.events import Event, RequestsServed, RunFinished, RunQueued
from notebook_agents.core.ids import new_id
from notebook_agents.core.models import Usage
from notebook_agents.core.ports import (
    Change,
    Delete,
    Insert,
    Page,
    Patch,
    Query,
    Replace,
    StreamChunk,
    StreamEnd,
)
from notebook_agents.core.recordings import StreamSummary
from notebook_agents.core.users import User

T = TypeVar("T")


class MemoryStore:
    """A store in a dictionary."""

    _UNIQUE: Mapping[type[Any], tuple[str, ...]] = {
        User: ("username", "username_key", "email", "number"),
        ApiKey: ("digest",),
        Conversation: ("slug",),
    }
    """Fields whose values are taken once, but for empty ones."""

    def __init__(self) -> None:
        self._records: dict[type[Any], dict[str, Any]] = {}

    database = "memory"

    async def get(self, kind: type[T], id: str) -> T | None:
        """The record, or None."""
        return self._records.get(kind, {}).get(id)

    async def find(self, kind: type[T], query: Query) -> Page[T]:
        """Matching records, newest first."""
        records = [r for r in self._records.get(kind, {}).values() if _is_wanted(r, query)]
        records.sort(key=lambda r: getattr(r, "created_at", r.id), reverse=not query.oldest_first)
        page = records[query.offset : query.offset + query.limit]
        return Page(items=tuple(page), total=len(records), limit=query.limit, offset=query.offset)

    async def count(self, kind: type[Any], query: Query, by: str) -> Mapping[Any, int]:
        """How many records match, for each value of a field."""
        records = self._records.get(kind, {}).values()
        return Counter(getattr(record, by) for record in records if _is_wanted(record, query))

    async def chain(self, tip_id: str) -> list[MessageNode]:
        """The messages up to the tip."""
        nodes: list[MessageNode] = []
        while tip_id:
            node = self._records[MessageNode][tip_id]
            nodes.append(node)
            tip_id = node.parent_id
        return nodes[::-1]

    async def commit(self, *changes: Change) -> None:
        """All or nothing: checks everything before it writes anything."""
        for change in changes:
            self._check(change)
        for change in changes:
            self._apply(change)

    def _check(self, change: Change) -> None:
        match change:
            case Insert(record=record):
                table = self._records.get(type(record), {})
                unique = self._UNIQUE.get(type(record), ())
                taken = [
                    f
                    for f in unique
                    if getattr(record, f) != ""
                    and any(getattr(r, f) == getattr(record, f) for r in table.values())
                ]
                if isinstance(record, Agent) and record.is_shared:
                    shared = (agent for agent in table.values() if agent.is_shared)
                    taken += ["name"] if any(r.name == record.name for r in shared) else []
                if record.id in table or taken:
                    raise Conflict(
                        f"this {(taken or ['id'])[0]} is taken", field=(taken or ["id"])[0]
                    )
            case Replace(record=record, expected=expected):
                self._expect(type(record), record.id, expected)
            case Patch(kind=kind, id=id, expected=expected):
                self._expect(kind, id, expected)

    def _expect(self, kind: type[Any], id: str, expected: Mapping[str, Any]) -> None:
        stored = self._records.get(kind, {}).get(id)
        if stored is None:
            raise NotFound(kind.__name__.lower(), id)
        if not _matches(stored, expected):
            raise Conflict(f"{kind.__name__.lower()} {id!r} has changed")

    def _apply(self, change: Change) -> None:
        match change:
            case Insert(record=record) | Replace(record=record):
                self._records.setdefault(type(record), {})[record.id] = record
            case Patch(kind=kind, id=id, fields=values):
                self._records[kind][id] = replace(self._records[kind][id], **values)
            case Delete(kind=kind, id=id):
                self._records.get(kind, {}).pop(id, None)

    async def claim(self, kind: type[T], query: Query, fields: Mapping[str, Any]) -> list[T]:
        """Nobody else claims here."""
        found = (await self.find(kind, replace(query, oldest_first=True))).items
        changed = [replace(record, **fields) for record in found]  # type: ignore[type-var]
        for record in changed:
            self._apply(Replace(record=record))
        return changed

    def holder(self) -> str:
        """This process."""
        return "memory"

    async def is_alive(self, holder: str) -> bool:
        """Only this process lives."""
        return holder == "memory"

    async def aclose(self) -> None:
        """Nothing to release."""


def _is_wanted(record: Any, query: Query) -> bool:
    return (
        _matches(record, query.where)
        and (not query.any_of or any(_matches(record, where) for where in query.any_of))
        and not any(getattr(record, name) in values for name, values in query.but.items())
        and all(
            (value := getattr(record, name)) is not None and value <= bound
            for name, bound in query.at_most.items()
        )
    )


def _matches(record: Any, where: Mapping[str, Any]) -> bool:
    return all(
        getattr(record, name) in value
        if isinstance(value, tuple)
        else getattr(record, name) == value
        for name, value in where.items()
    )


class MemoryEventLog:
    """Streams of events in lists."""

    def __init__(self) -> None:
        self.id = new_id()
        self.events: list[Event] = []
        self.n_syncs = 0

    def append(self, event: Event) -> int:
        """Keep the event, which is told to take nothing."""
        self.events.append(event)
        return 0

    async def sync(self, stream: str) -> None:
        """Count."""
        self.n_syncs += 1

    async def read(self, stream: str, *, run_id: str = "", after: int = 0) -> list[Event]:
        """The events of a stream."""
        return [
            e
            for e in self.events
            if e.stream == stream and (not run_id or (e.run_id == run_id and e.run_seq > after))
        ]

    async def ends(self, streams: Collection[str] | None = None) -> list[StreamEnd]:
        """How many events each stream has."""
        last = {e.stream: e.ts for e in self.events if streams is None or e.stream in streams}
        counts = Counter(e.stream for e in self.events)
        return [
            StreamEnd(stream=name, position=counts[name], changed_at=ts)
            for name, ts in last.items()
        ]

    async def read_on(self, end: StreamEnd, position: int, types: Collection[str]) -> StreamChunk:
        """The events from a position on."""
        events = (await self.read(end.stream))[position : end.position]
        wanted = tuple(event for event in events if event.type in types)
        return StreamChunk(events=wanted, position=end.position)

    async def summaries(self, streams: Collection[str]) -> list[StreamSummary]:
        """What streams hold."""
        found = {name: await self.read(name) for name in streams}
        return [
            StreamSummary(
                stream=name,
                first_at=events[0].ts,
                last_at=events[-1].ts,
                types=Counter(event.type for event in events),
            )
            for name, events in found.items()
            if events
        ]

    async def files(self, stream: str) -> list[str]:
        """A name for a stream that is there."""
        return [f"{stream}.jsonl"] if await self.read(stream) else []

    async def remove(self, stream: str) -> None:
        """Forget a stream."""
        self.events = [event for event in self.events if event.stream != stream]

    async def aclose(self) -> None:
        """Nothing to close."""


class MemoryAnalytics:
    """Figures counted over a MemoryEventLog; SQL is not offered."""

    def __init__(self, log: MemoryEventLog) -> None:
        self._log = log

    async def query(
        self,
        sql: str,
        *,
        owner_id: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Table:
        """An empty table with the query as its only column name."""
        return Table(columns=(sql,), rows=())

    async def query_apart(
        self, sql: str, *, owner_id: str, parameters: Mapping[str, Any] | None = None
    ) -> Table:
        """The same."""
        return await self.query(sql, owner_id=owner_id, parameters=parameters)

    def open_ahead(self, owner_id: str | None) -> None:
        """Nothing: all is in memory."""

    def catalogue(self) -> tuple[ViewInfo, ...]:
        """Nothing to read from."""
        return ()

    async def agent_statistics(self, agent_id: str) -> AgentStatistics:
        """Count the finished runs of an agent."""
        ends = [
            b
            for e in self._log.events
            if e.agent_id == agent_id and isinstance(b := e.body, RunFinished)
        ]
        totals = _totals(ends)
        return AgentStatistics(
            n_runs=totals.n_runs,
            n_succeeded=totals.n_succeeded,
            mean_duration_ms=totals.mean_duration_ms,
            mean_work_ms=totals.mean_duration_ms,
            n_tokens=totals.n_tokens,
            last_started=_last_started(e for e in self._log.events if e.agent_id == agent_id),
        )

    async def agents_statistics(self, agent_ids: Sequence[str]) -> Mapping[str, AgentStatistics]:
        """Count for each agent."""
        each = {id: await self.agent_statistics(id) for id in agent_ids}
        return {id: known for id, known in each.items() if known.last_started is not None}

    async def totals(
        self, *, since: datetime | None = None, owner_id: str | None = None
    ) -> RunTotals:
        """Count finished runs."""
        events = [
            e
            for e in self._log.events
            if (since is None or e.ts >= since) and owner_id in {None, e.user_id}
        ]
        totals = _totals([b for e in events if isinstance(b := e.body, RunFinished)])
        return replace(totals, last_started=_last_started(events))

    async def version(self) -> str:
        """How many events there are."""
        return str(len(self._log.events))

    async def parquet(self, table: Table) -> bytes:
        """The rows as text."""
        return repr(table).encode()

    async def activity(self) -> Activity:
        """Count requests and runs."""
        requests: Counter[RequestKind] = Counter()
        runs: Counter[str] = Counter()
        for event in self._log.events:
            if isinstance(body := event.body, RequestsServed):
                kind = RequestKind(
                    dialect=event.dialect,
                    method=body.method,
                    route=body.route,
                    status=body.status,
                )
                requests[kind] += body.n
            elif isinstance(body, RunFinished):
                runs[body.state] += 1
        return Activity(requests=requests, n_requests_today=requests.total(), runs=runs)

    async def at_rest(self) -> None:
        """It always is."""

    async def aclose(self) -> None:
        """Nothing to close."""


def _last_started(events: Iterable[Event]) -> datetime | None:
    return max((e.ts for e in events if isinstance(e.body, RunQueued)), default=None)


def _totals(ends: Sequence[RunFinished]) -> RunTotals:
    durations = sorted(end.duration_ms for end in ends)
    return RunTotals(
        n_runs=len(ends),
        n_succeeded=sum(end.state == "succeeded" for end in ends),
        mean_duration_ms=sum(durations) / len(durations) if durations else 0.0,
        p95_duration_ms=durations[-1] if durations else 0.0,
        p99_duration_ms=durations[-1] if durations else 0.0,
        n_tokens=sum(end.usage.input_tokens + end.usage.output_tokens for end in ends),
        cost_usd=sum((end.usage for end in ends), Usage()).cost_usd,
    )
