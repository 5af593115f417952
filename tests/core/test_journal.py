"""The journal gathers a run's events from here and elsewhere, each once and without gaps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from notebook_agents.core.events import Event, EventBody, RunFinished, TextDelta
from notebook_agents.core.journal import (
    SUBSCRIBER_EVENTS,
    Journal,
    RelayReport,
    Source,
    Subscription,
)
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import FakeClock, MemoryEventLog


class Elsewhere:
    """A relay that other servers have sent these events to."""

    def __init__(self, *events: Event) -> None:
        self.events: tuple[Event, ...] | None = events
        self.sent: list[Event] = []
        self.n_asked = 0
        self.show: Callable[[Event], None] = lambda event: None

    def send(self, event: Event) -> None:
        self.sent.append(event)

    def listen(self, show: Callable[[Event], None]) -> None:
        self.show = show

    async def read(self, run_id: str, *, after: int = 0) -> Sequence[Event] | None:
        self.n_asked += 1
        if self.events is None:
            return None
        return [e for e in self.events if e.run_id == run_id and e.run_seq > after]

    async def report(self) -> RelayReport:
        return RelayReport(is_reachable=self.events is not None)

    async def aclose(self) -> None:
        """Nothing to do."""


def event(seq: int, text: str = "x", *, is_last: bool = False) -> Event:
    body: EventBody = RunFinished(state="succeeded") if is_last else TextDelta(step=1, text=text)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Event(
        id=f"{text}{seq}", run_id="r", run_seq=seq, ts=moment, conversation_id="c", body=body
    )


def journal_with(here: Sequence[Event], relay: Elsewhere | None) -> Journal:
    log = MemoryEventLog()
    for each in here:
        log.append(each)
    return Journal(log, FakeClock(), relay)


async def seqs(journal: Journal, after: int = 0) -> tuple[list[int], int]:
    found = await journal.gather("c", run_id="r", after=after)
    return [e.run_seq for e in found.events], found.beyond


async def test_events_from_here_and_elsewhere_come_in_order_and_once() -> None:
    relay = Elsewhere(event(1), event(2), event(3, "there"))
    journal = journal_with([event(3, "here"), event(4)], relay)
    assert await seqs(journal) == ([1, 2, 3, 4], 0)
    gathered = await journal.gather("c", run_id="r", after=2)
    assert [e.id for e in gathered.events] == ["here3", "x4"], "the own log counts"


async def test_what_lies_behind_a_gap_is_not_told_but_named() -> None:
    journal = journal_with([event(1), event(2), event(7), event(8)], Elsewhere())
    assert await seqs(journal) == ([1, 2], 7)
    assert await seqs(journal, after=6) == ([7, 8], 0)


async def test_a_whole_run_of_this_home_asks_nobody_else() -> None:
    relay = Elsewhere()
    journal = journal_with([event(1), event(2, is_last=True)], relay)
    assert await seqs(journal) == ([1, 2], 0)
    assert relay.n_asked == 0


async def test_a_run_that_is_worked_on_here_is_read_from_nowhere() -> None:
    log, relay = MemoryEventLog(), Elsewhere()
    journal = Journal(log, FakeClock(), relay)
    source = Source(user_id="ann", conversation_id="c", run_id="r")
    for seq in (1, 2, 3):
        journal.append(TextDelta(step=1, text="x"), source, run_seq=seq)
        journal.append(TextDelta(step=1, text="beside it"), source)
    await log.remove("c")
    assert await seqs(journal) == ([1, 2, 3], 0)
    assert await seqs(journal, after=3) == ([], 0)
    assert relay.n_asked == 0
    journal.append(RunFinished(state="succeeded"), source, run_seq=4)
    assert await seqs(journal) == ([], 4), "after its end the log is asked"


async def test_a_run_that_was_let_go_may_have_more_than_is_known_here() -> None:
    log = MemoryEventLog()
    journal = Journal(log, FakeClock())
    source = Source(user_id="ann", conversation_id="c", run_id="r")
    journal.append(TextDelta(step=1, text="x"), source, run_seq=1)
    journal.let_go("r")
    log.append(event(2))  # by another process
    assert await seqs(journal) == ([1, 2], 0)
    journal.append(TextDelta(step=1, text="x"), source, run_seq=3)
    assert await seqs(journal) == ([1, 2, 3], 0)


async def test_of_a_long_run_the_log_is_read() -> None:
    journal = Journal(MemoryEventLog(), FakeClock())
    source = Source(user_id="ann", conversation_id="c", run_id="r")
    for seq in range(1, 300):
        journal.append(TextDelta(step=1, text="x"), source, run_seq=seq)
    assert await seqs(journal, after=297) == ([298, 299], 0)


async def test_of_a_run_with_much_to_say_the_log_is_read(tmp_path: Path) -> None:
    log = JsonlEventLog(tmp_path)
    journal = Journal(log, FakeClock())
    source = Source(user_id="ann", conversation_id="c", run_id="r")
    journal.append(TextDelta(step=1, text="x"), source, run_seq=1)
    await log.remove("c")
    assert await seqs(journal) == ([1], 0), "from memory"
    journal.append(TextDelta(step=1, text="x" * 1_000_000), source, run_seq=2)
    assert await seqs(journal, after=1) == ([2], 0)
    await log.remove("c")
    assert await seqs(journal) == ([], 0)


async def test_it_is_said_when_the_others_cannot_be_asked() -> None:
    relay = Elsewhere()
    relay.events = None
    assert not (await journal_with([event(1)], relay).gather("c", run_id="r")).is_certain
    assert (await journal_with([event(1)], None).gather("c", run_id="r")).is_certain


async def test_what_is_published_goes_to_the_others_and_theirs_is_shown_here() -> None:
    relay = Elsewhere()
    journal = journal_with([], relay)
    with journal.subscribe(lambda event: True) as live:
        journal.publish(event(1))
        relay.show(event(2))
        assert [(await live.next()).run_seq for _ in range(2)] == [1, 2]
    assert [e.run_seq for e in relay.sent] == [1], "what came from others is not sent again"


async def test_a_subscriber_that_fell_behind_need_not_wait_to_be_told() -> None:
    subscription = Subscription(lambda event: True)
    for _ in range(SUBSCRIBER_EVENTS + 1):
        subscription.offer(event(1))
    for _ in range(SUBSCRIBER_EVENTS):
        await subscription.next()
    async with asyncio.timeout(60):
        assert await subscription.wait(3600)
