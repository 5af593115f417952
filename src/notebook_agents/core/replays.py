"""Replays: reading a recording at a chosen pace, for somebody who watches.

A replay walks over what was recorded when it began. Only times are held in memory; events are read
a part at a time, so that a long recording can be played and sought in like a short one. With the
original timing, an event is due once as much time has passed as did then, by the speed factor. A
seek moves both the next event and the time that has passed.
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from notebook_agents.core.errors import InvalidRequest, LimitExceeded, NotFound
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Clock

if TYPE_CHECKING:
    from notebook_agents.core.ports import StreamEnd
    from notebook_agents.core.recordings import RecordedEvent, Recordings
    from notebook_agents.core.users import Actor

MAX_OPEN = 20
"""Replays that one person watches at once."""
MAX_KEPT = 50
"""Ended replays of one person that are still told of."""
KEPT_S = 600.0
"""Seconds for which they are."""
UNWATCHED_S = 60.0
"""A replay that nobody begins to watch in this time has ended."""
MAX_SPEED = 1000.0
SLICE_S = 0.1
"""Longest wait after which a replay looks whether it was paused, moved or ended."""

ReplayAction: TypeAlias = Literal["play", "pause", "stop", "seek"]
ReplayState: TypeAlias = Literal["playing", "paused", "stopped", "completed"]


class PacingClock(Clock, Protocol):
    """Time that can be waited for."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass while others work."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReplay:
    """The wish to watch a recording."""

    conversation_id: str
    types: frozenset[str]
    """Of the events that are shown."""
    is_real_time: bool = False
    """Whether events come with the time between them that there was."""
    speed: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReplay:
    """What is asked of a replay."""

    conversation_id: str
    action: ReplayAction
    position: datetime | None = None
    """Where to go on, for ``seek``."""
    replay_id: str = ""
    """Empty is the newest that is watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayStatus:
    """Where a replay is."""

    id: str
    conversation_id: str
    state: ReplayState
    next_index: int
    """How many of the events lie before the place that was reached."""
    n_events: int
    is_real_time: bool
    speed: float
    position: datetime
    """The place that was reached, as time in the recording."""


@dataclass(frozen=True, slots=True)
class _Index:
    """When the events of a recording were, and where parts of them are."""

    end: StreamEnd
    types: frozenset[str]
    times: array[float]
    """Epoch seconds, never falling."""
    firsts: list[int]
    """The number of the first event of each part."""
    positions: list[int]


class Replay:
    """One viewer's walk over a recording; touched on the event loop only."""

    def __init__(self, wish: StartReplay, owner_id: str, index: _Index, clock: PacingClock) -> None:
        self.id = new_id()
        self.owner_id = owner_id
        self.wish = wish
        self.state: ReplayState = "playing"
        self.has_begun = False
        self.made_at = clock.monotonic()
        self.ended_at: float | None = None
        self._index = index
        self._clock = clock
        self._cursor = 0
        self._is_moved = asyncio.Event()
        self._anchor = (self.made_at, index.times[0])
        """A moment on the clock, and the time in the recording that it was."""

    @property
    def is_open(self) -> bool:
        """Whether it is or may be watched."""
        return self.ended_at is None

    @property
    def status(self) -> ReplayStatus:
        """Where it is."""
        position = datetime.fromtimestamp(self._position(), UTC)
        return ReplayStatus(
            id=self.id,
            conversation_id=self.wish.conversation_id,
            state=self.state,
            next_index=self._cursor,
            n_events=len(self._index.times),
            is_real_time=self.wish.is_real_time,
            speed=self.wish.speed,
            position=position,
        )

    def control(self, action: ReplayAction, position: datetime | None) -> None:
        """Do what is asked; InvalidRequest when a place to seek is missing."""
        if action == "seek":
            if position is None:
                raise InvalidRequest("say where to seek: a timestamp", field="position")
            self._move(position.timestamp())
        elif action == "pause":
            self._anchor = (self._clock.monotonic(), self._position())
            self.state = "paused"
        elif action == "play":
            self._anchor = (self._clock.monotonic(), self._position())
            self.state = "playing"
        else:
            self.end("stopped")
        self._is_moved.set()

    def end(self, state: ReplayState) -> None:
        """Show nothing more; the first reason counts."""
        if self.ended_at is None:
            reached = self._position()
            self.state, self.ended_at = state, self._clock.monotonic()
            self._anchor = (self.ended_at, reached)
            self._is_moved.set()

    async def events(
        self, recordings: Recordings, *, heartbeat_s: float = 15.0
    ) -> AsyncGenerator[RecordedEvent | None, None]:
        """The events as they are due; None as a sign of life when none was for a while."""
        self.has_begun = True
        shown_at = self._clock.monotonic()
        part: tuple[int, list[RecordedEvent]] = (0, [])
        try:
            while self.is_open:
                if self.state == "paused":
                    if not await self._is_called(heartbeat_s):
                        yield None
                elif self._cursor >= len(self._index.times):
                    self.end("completed")
                elif (wait_s := self._seconds_left()) > 0:
                    if self._clock.monotonic() - shown_at >= heartbeat_s:
                        shown_at = self._clock.monotonic()
                        yield None
                    await self._clock.sleep(min(wait_s, SLICE_S))
                else:
                    cursor = self._cursor
                    if not part[0] <= cursor < part[0] + len(part[1]):
                        part = await self._read_part(recordings, cursor)
                    if cursor == self._cursor and self.state == "playing":
                        self._cursor += 1
                        shown_at = self._clock.monotonic()
                        yield part[1][cursor - part[0]]
        finally:
            self.end("stopped")

    def _move(self, to: float) -> None:
        times = self._index.times
        self._cursor = bisect_left(times, to)
        self._anchor = (self._clock.monotonic(), min(max(to, times[0]), times[-1]))

    def _position(self) -> float:
        at, recorded = self._anchor
        times = self._index.times
        if not self.wish.is_real_time:
            # Without pace the place is that of the event shown last.
            return (
                max(recorded, times[min(self._cursor, len(times)) - 1])
                if self._cursor
                else recorded
            )
        if self.state != "playing":
            return recorded
        return min(recorded + (self._clock.monotonic() - at) * self.wish.speed, times[-1])

    def _seconds_left(self) -> float:
        if not self.wish.is_real_time:
            return 0.0
        at, recorded = self._anchor
        due = at + (self._index.times[self._cursor] - recorded) / self.wish.speed
        return due - self._clock.monotonic()

    async def _is_called(self, timeout_s: float) -> bool:
        self._is_moved.clear()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._is_moved.wait()
        except TimeoutError:
            return False

    async def _read_part(
        self, recordings: Recordings, cursor: int
    ) -> tuple[int, list[RecordedEvent]]:
        index = self._index
        number = bisect_right(index.firsts, cursor) - 1
        found, _ = await recordings.read_on(index.end, index.positions[number], index.types)
        first = index.firsts[number]
        if len(found) <= cursor - first:
            raise NotFound("conversation", self.wish.conversation_id)  # removed meanwhile
        return first, await recordings.told(found)


class Replays:
    """Begin, find and control replays; those of one process."""

    def __init__(self, recordings: Recordings, clock: PacingClock) -> None:
        self._recordings = recordings
        self._clock = clock
        self._replays: dict[str, Replay] = {}
        """By id, oldest first."""

    async def start(self, actor: Actor, wish: StartReplay) -> Replay:
        """Begin to watch; NotFound without such events, LimitExceeded with too many viewers."""
        if not 0 < wish.speed <= MAX_SPEED:
            raise InvalidRequest(
                f"the speed factor must be above 0 and at most {MAX_SPEED:.0f}",
                field="speed_factor",
            )
        self._forget()
        self._require_room(actor)
        end = await self._recordings.end(actor, wish.conversation_id)
        index = await self._index(end, wish.types) if end else None
        if index is None or not index.times:
            raise await self._recordings.missing("conversation", wish.conversation_id)
        self._require_room(actor)  # others may have begun meanwhile
        replay = Replay(wish, actor.user_id, index, self._clock)
        self._replays[replay.id] = replay
        return replay

    def watch(
        self, replay: Replay, *, heartbeat_s: float = 15.0
    ) -> AsyncGenerator[RecordedEvent | None, None]:
        """The events of a replay as they are due; closing it ends the replay."""
        return replay.events(self._recordings, heartbeat_s=heartbeat_s)

    def status(self, actor: Actor, conversation_id: str, replay_id: str = "") -> ReplayStatus:
        """The newest replay, or one of them; NotFound when there was none lately."""
        self._forget()
        found = self._find(actor, conversation_id, replay_id, lambda _: True)
        if found is None:
            raise NotFound("replay", replay_id or conversation_id)
        return found.status

    def control(self, actor: Actor, wish: ControlReplay) -> ReplayStatus:
        """Steer a replay; InvalidRequest when none is watched."""
        self._forget()
        found = self._find(actor, wish.conversation_id, wish.replay_id, lambda r: r.is_open)
        if found is None:
            raise InvalidRequest("there is no active replay of this; stream its events first")
        found.control(wish.action, wish.position)
        return found.status

    def _require_room(self, actor: Actor) -> None:
        if sum(replay.is_open for replay in self._of(actor.user_id)) >= MAX_OPEN:
            raise LimitExceeded(
                f"{MAX_OPEN} replays are watched already; end one first", limit="replays"
            )

    def _of(self, owner_id: str) -> list[Replay]:
        return [replay for replay in self._replays.values() if replay.owner_id == owner_id]

    def _find(
        self, actor: Actor, conversation_id: str, id: str, accepts: Callable[[Replay], bool]
    ) -> Replay | None:
        found = [
            replay
            for replay in self._of(actor.user_id)
            if replay.wish.conversation_id == conversation_id and accepts(replay)
        ]
        if id:
            found = [replay for replay in found if replay.id == id]
        return found[-1] if found else None

    def _forget(self) -> None:
        """Let go of replays that nobody watches or asks for any more."""
        now = self._clock.monotonic()
        n_kept: dict[str, int] = {}
        for replay in reversed(tuple(self._replays.values())):
            if not replay.has_begun and now - replay.made_at > UNWATCHED_S:
                replay.end("stopped")
            if replay.ended_at is None:
                continue
            n_kept[replay.owner_id] = n_kept.get(replay.owner_id, 0) + 1
            if now - replay.ended_at > KEPT_S or n_kept[replay.owner_id] > MAX_KEPT:
                del self._replays[replay.id]

    async def _index(self, end: StreamEnd, types: frozenset[str]) -> _Index:
        index = _Index(end=end, types=types, times=array("d"), firsts=[], positions=[])
        position, latest = 0, float("-inf")
        while position < end.position:
            events, after = await self._recordings.read_on(end, position, types)
            if events:
                index.firsts.append(len(index.times))
                index.positions.append(position)
            for event in events:
                latest = max(latest, event.ts.timestamp())
                index.times.append(latest)
            position = after
        return index
