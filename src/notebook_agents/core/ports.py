"""The Protocols the core needs from the outside world.

Every adapter room answers one of these; ``build.py`` plugs them together, ``testing.py`` ships
doubles of them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from notebook_agents.core.assessments import Assessment
    from notebook_agents.core.conversations import MessageNode
    from notebook_agents.core.events import Event
    from notebook_agents.core.models import (
        EngineHealth,
        GenerateChunk,
        GenerateRequest,
        ModelInfo,
    )
    from notebook_agents.core.policy import Level
    from notebook_agents.core.tools import (
        LevelReport,
        SandboxCall,
        SandboxOutcome,
        ToolInvocation,
        ToolResult,
        ToolSpec,
    )

T = TypeVar("T")


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds, never going back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A part of a longer list."""

    items: tuple[T, ...]
    total: int
    limit: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which records to find, newest first; ``where`` is equality (a tuple means any of)."""

    where: Mapping[str, Any] = field(default_factory=dict)
    but: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Values that fields must not have."""
    any_of: tuple[Mapping[str, Any], ...] = ()
    """Several such equalities of which one must hold; empty asks for nothing."""
    at_most: Mapping[str, Any] = field(default_factory=dict)
    """Values that fields must not be above; a field without a value is left out."""
    limit: int = 50
    offset: int = 0
    oldest_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """Add a record; Conflict when its id or a unique field is taken."""

    record: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Overwrite a record; Conflict when a stored field differs from ``expected``."""

    record: Any
    expected: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Change single fields of a record; Conflict when a stored field differs from ``expected``.

    NotFound when the record is not there.
    """

    kind: type[Any]
    id: str
    fields: Mapping[str, Any]
    expected: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove a record if it is there."""

    kind: type[Any]
    id: str


Change = Insert | Replace | Patch | Delete


class Store(Protocol):
    """The system of record: Users, ApiKeys, Agents, Conversations, MessageNodes and Runs.

    A record is one of the core's frozen dataclasses and is addressed by its class and ``id``.
    """

    @property
    def database(self) -> str:
        """What keeps the records, such as ``sqlite`` or ``postgresql``."""
        ...

    async def get(self, kind: type[T], id: str) -> T | None:
        """The record, or None."""
        ...

    async def find(self, kind: type[T], query: Query) -> Page[T]:
        """The records that match, with the total count before limit and offset."""
        ...

    async def count(self, kind: type[Any], query: Query, by: str) -> Mapping[Any, int]:
        """How many records match, for each value of the field ``by`` that some have."""
        ...

    async def chain(self, tip_id: str) -> list[MessageNode]:
        """The messages from the first to ``tip_id``."""
        ...

    async def commit(self, *changes: Change) -> None:
        """Make all changes or none."""
        ...

    async def claim(self, kind: type[T], query: Query, fields: Mapping[str, Any]) -> list[T]:
        """Give records that match these fields and return them so, the oldest first.

        Of claims made at once, in whichever process, each gets records of its own, provided that
        the fields make a record match no more.
        """
        ...

    def holder(self) -> str:
        """The identity of this process, for as long as it lives."""
        ...

    async def is_alive(self, holder: str) -> bool:
        """Whether the process behind a holder still lives; never False of one that does."""
        ...

    async def aclose(self) -> None:
        """Release everything."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnd:
    """How far a stream of an event log goes."""

    stream: str
    position: int
    """Grows with every event; only the log knows what it counts."""
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamChunk:
    """A part of a stream, in order."""

    events: tuple[Event, ...]
    position: int
    """Where to read on; the old position when no whole event follows yet."""


class EventLog(Protocol):
    """Append-only streams of events, one per conversation."""

    @property
    def id(self) -> str:
        """Which log this is, the same in every process that opens it."""
        ...

    def append(self, event: Event) -> int:
        """Keep the event: once this returns, a kill of the process cannot lose it.

        Returns how many bytes it takes.
        """
        ...

    async def sync(self, stream: str) -> None:
        """Force the stream to the disk, so that a power cut cannot lose it either."""
        ...

    async def read(self, stream: str, *, run_id: str = "", after: int = 0) -> list[Event]:
        """The events of a stream in order; with ``run_id`` those numbered above ``after``."""
        ...

    async def ends(self, streams: Collection[str] | None = None) -> list[StreamEnd]:
        """How far the streams go, all or those of these that are there."""
        ...

    async def read_on(self, end: StreamEnd, position: int, types: Collection[str]) -> StreamChunk:
        """The events of these types from a position on, not further than ``end``."""
        ...

    async def aclose(self) -> None:
        """Close the files."""
        ...


class Engine(Protocol):
    """Where models live."""

    async def models(self) -> Sequence[ModelInfo]:
        """Every model that could be asked for, loaded or not."""
        ...

    async def load(self, model: str) -> ModelInfo:
        """Bring a model into memory; EngineUnavailable says why it cannot be."""
        ...

    async def unload(self, model: str) -> None:
        """Give its memory back; nothing happens when it is not loaded."""
        ...

    def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        """Stream chunks, ending with one GenerateFinished; closing the generator cancels.

        Raises EngineUnavailable when the worker is not there or dies, InvalidRequest when the
        prompt does not fit the model.
        """
        ...

    async def health(self) -> EngineHealth:
        """Whether it can answer now; never raises, never starts anything."""
        ...

    async def aclose(self) -> None:
        """Stop what this process started."""
        ...


class Sandbox(Protocol):
    """Tool kernels: one per conversation, started on first use."""

    @property
    def reaches_network(self) -> bool:
        """Whether code at a level above ``low`` can reach any host."""
        ...

    async def levels(self) -> Sequence[LevelReport]:
        """What this machine can enforce, probed by really doing it once."""
        ...

    async def resolve(self, level: Level) -> Level:
        """The level that will be enforced; SandboxUnavailable when it cannot be."""
        ...

    async def execute(self, call: SandboxCall) -> SandboxOutcome:
        """Run code or a function; cancelling the awaiting task interrupts, then kills."""
        ...

    async def close(self, key: str) -> None:
        """End the kernel of a conversation and clean up after it."""
        ...

    async def aclose(self) -> None:
        """End all kernels."""
        ...


class TableHeaders(Protocol):
    """Reads what the columns of a table in a file are called; called on threads."""

    def columns(self, folder: str, path: str) -> Sequence[str]:
        """The columns of a file of the folder, empty when they cannot be told; never raises.

        Of many columns at least one more comes back than a model is told of.
        """
        ...


class ToolRunner(Protocol):
    """The tools of the deployment."""

    def specs(self) -> Sequence[ToolSpec]:
        """Every tool, by name."""
        ...

    def validate(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with defaults filled in; InvalidRequest names the wrong one."""
        ...

    async def assess(self, name: str, arguments: Mapping[str, Any]) -> Assessment | None:
        """What the call would do, where that depends on its arguments; runs nothing.

        None is the tool's own effect.
        """
        ...

    async def run(self, invocation: ToolInvocation) -> ToolResult:
        """Use the tool; failures are results. Cancelling the awaiting task stops it."""
        ...

    def why_absent(self, name: str) -> str:
        """Why there is no tool of that name, where that is known; else empty."""
        ...

    async def release(self, conversation_id: str) -> None:
        """End the conversation's tool kernel."""
        ...

    async def aclose(self) -> None:
        """End everything."""
        ...


class PasswordHasher(Protocol):
    """Turns passwords into hashes that are slow to guess from."""

    async def hash(self, password: str) -> str:
        """The hash to store, with its salt and parameters."""
        ...

    async def verify(self, password: str, stored: str) -> bool:
        """Whether the password fits; takes as long for an empty ``stored`` as for a wrong one."""
        ...
