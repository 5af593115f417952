"""Replays: pace, pauses and exact seeks, all on a clock that only tests move."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from tests.core.conftest import ANN

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.conversations import StartConversation
from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest, LimitExceeded, NotFound
from notebook_agents.core.events import TextDelta
from notebook_agents.core.journal import Source
from notebook_agents.core.recordings import RecordedEvent
from notebook_agents.core.replays import KEPT_S, MAX_OPEN, ControlReplay, Replay, StartReplay
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import FakeClock

BOB = Actor(user_id="bob", username="bob")
TEXTS = frozenset({"text_delta"})
MakeCore = Callable[..., Core]


class Watching:
    """A recorded conversation of ``n`` texts, one every second, and somebody who watches."""

    def __init__(self, core: Core, clock: FakeClock, id: str) -> None:
        self.core, self.clock, self.id = core, clock, id

    async def start(self, **wish: Any) -> tuple[Replay, AsyncGenerator[RecordedEvent | None, None]]:
        given: dict[str, Any] = {"types": TEXTS, "is_real_time": True, **wish}
        replay = await self.core.replays.start(ANN, StartReplay(conversation_id=self.id, **given))
        return replay, self.core.replays.watch(replay, heartbeat_s=3600)

    def control(self, action: Any, **wish: Any) -> None:
        wish = {"conversation_id": self.id, "action": action} | wish
        self.core.replays.control(ANN, ControlReplay(**wish))


@pytest.fixture
def recorded(make_core: MakeCore, tmp_path: Path) -> Any:
    async def record(n: int) -> Watching:
        clock = FakeClock(tick_s=0)
        core = make_core(event_log=JsonlEventLog(tmp_path), clock=clock)
        agent = await core.agents.ensure(ANN, CreateAgent(name="a"))
        talk = await core.conversations.start(ANN, StartConversation(agent_id=agent.id))
        source = Source(user_id="ann", agent_id=agent.id, conversation_id=talk.id, run_id="r")
        for number in range(n):
            # Long enough that many events need several parts of the file.
            core.journal.record(TextDelta(step=1, text=f"{number} {'x' * 700}"), source)
            clock.advance(1)
        return Watching(core, clock, talk.id)

    return record


def number(recorded: RecordedEvent | None) -> int:
    assert recorded is not None
    assert isinstance(recorded.event.body, TextDelta)
    return int(recorded.event.body.text.split()[0])


async def test_a_replay_of_2000_events_seeks_exactly(recorded: Any) -> None:
    w = await recorded(2000)
    replay, events = await w.start(speed=1000)
    async with aclosing(events):
        first = await anext(events)
        assert number(first) == 0
        for wanted in (1500, 3, 1999, 700, 701, 0):
            moment = first.event.ts.replace(microsecond=0).timestamp() + wanted
            to = type(first.event.ts).fromtimestamp(moment, first.event.ts.tzinfo)
            w.control("seek", position=to)
            assert replay.status.next_index == wanted
            assert number(await anext(events)) == wanted
        # Between two events the next one is the first to come.
        assert replay.status.n_events == 2000
    async with aclosing((await w.start(is_real_time=False))[1]) as all:
        assert [number(event) async for event in all] == list(range(2000))
    await w.core.aclose()


async def test_events_come_with_their_timing_by_the_speed_factor(recorded: Any) -> None:
    w = await recorded(5)
    replay, events = await w.start(speed=2)
    began = w.clock.monotonic()
    came = [(number(event), w.clock.monotonic() - began) async for event in events]
    assert [n for n, _ in came] == [0, 1, 2, 3, 4]
    assert [at for _, at in came] == pytest.approx([0, 0.5, 1, 1.5, 2], abs=0.01)
    assert replay.status.state == "completed"
    _, at_once = await w.start(is_real_time=False)
    began = w.clock.monotonic()
    assert len([event async for event in at_once]) == 5
    assert w.clock.monotonic() == began
    await w.core.aclose()


async def test_pausing_stops_the_clock_of_a_replay(recorded: Any) -> None:
    w = await recorded(4)
    replay, events = await w.start()
    assert number(await anext(events)) == 0
    w.clock.advance(0.4)
    w.control("pause")
    assert replay.status.state == "paused"
    w.clock.advance(1000)
    assert (replay.status.position - replay.status.position.replace(microsecond=0)).microseconds
    w.control("play")
    resumed = w.clock.monotonic()
    assert number(await anext(events)) == 1
    assert w.clock.monotonic() - resumed == pytest.approx(0.6, abs=0.01)
    w.control("stop")
    assert [event async for event in events] == []
    assert replay.status.state == "stopped"
    with pytest.raises(InvalidRequest, match="no active replay"):
        w.control("play")
    await w.core.aclose()


async def test_a_seek_beyond_the_end_completes_and_one_without_a_place_is_refused(
    recorded: Any,
) -> None:
    w = await recorded(3)
    replay, events = await w.start()
    await anext(events)
    with pytest.raises(InvalidRequest) as refused:
        w.control("seek")
    assert refused.value.details["field"] == "position"
    w.clock.advance(10)
    w.control("seek", position=w.clock.now())
    assert [event async for event in events] == []
    assert replay.status.state == "completed"
    await w.core.aclose()


async def test_several_viewers_are_told_apart_and_the_newest_is_meant(recorded: Any) -> None:
    w = await recorded(3)
    first, _ = await w.start()
    second, events = await w.start()
    w.control("pause")
    assert (first.status.state, second.status.state) == ("playing", "paused")
    w.control("pause", replay_id=first.id)
    assert first.status.state == "paused"
    assert w.core.replays.status(ANN, w.id).id == second.id
    assert w.core.replays.status(ANN, w.id, first.id).id == first.id
    # Whoever goes away ends a replay; it is still told of for a while.
    w.control("play")
    await anext(events)
    await events.aclose()
    assert w.core.replays.status(ANN, w.id).state == "stopped"
    with pytest.raises(NotFound):
        w.core.replays.status(BOB, w.id)
    w.clock.advance(KEPT_S + 1)
    w.core.replays.status(ANN, w.id)  # the first was not ended by anybody until now
    w.clock.advance(KEPT_S + 1)
    with pytest.raises(NotFound):
        w.core.replays.status(ANN, w.id)
    await w.core.aclose()


async def test_viewers_are_bounded_per_owner(recorded: Any) -> None:
    w = await recorded(1)
    for _ in range(MAX_OPEN):
        await w.start()
    with pytest.raises(LimitExceeded):
        await w.start()
    with pytest.raises(InvalidRequest):
        await w.start(speed=0)
    w.clock.advance(61)  # nobody began to watch
    await w.start()
    with pytest.raises(NotFound):
        await w.core.replays.start(BOB, StartReplay(conversation_id=w.id, types=TEXTS))
    with pytest.raises(NotFound):
        await w.start(types=frozenset({"warned"}))
    await w.core.aclose()


async def test_a_silence_is_broken_by_signs_of_life(recorded: Any) -> None:
    w = await recorded(2)
    replay = (await w.start(speed=0.01))[0]
    events = w.core.replays.watch(replay, heartbeat_s=15)
    came = [event async for event in events]
    assert [event is None for event in came] == [False, *[True] * 6, False]
    await w.core.aclose()
