"""Servers with logs of their own see each other's events through a real Redis."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from notebook_agents.core.events import AgentCreated, Event, TextDelta
from notebook_agents.relay.redis import RedisRelay

from .conftest import Redis

PATIENCE_S = 60
MakeRelay = Callable[..., RedisRelay]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.01)


def event(seq: int, *, run: str = "r", text: str = "hé\n✓") -> Event:
    return Event(
        id=f"{run}{seq}",
        run_id=run,
        run_seq=seq,
        ts=datetime(2026, 11, 21, tzinfo=UTC),
        conversation_id="c",
        user_id="ann",
        body=TextDelta(step=1, text=text),
    )


async def gather(relay: RedisRelay, run: str, n: int, after: int = 0) -> list[Event]:
    """The shared events once there are so many."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            events = await relay.read(run, after=after)
            if events is not None and len(events) >= n:
                return list(events)
            await asyncio.sleep(0.02)


async def test_what_one_sends_others_hear_once_in_order_and_not_itself(relay: MakeRelay) -> None:
    first, second = relay(), relay()
    heard: list[Event] = []
    heard_itself: list[Event] = []
    second.listen(heard.append)
    second.listen(heard.append)
    first.listen(heard_itself.append)
    ready = 0
    while not heard:  # until both listen, what is said is not heard
        ready += 1
        first.send(event(ready, run="ready"))
        await gather(first, "ready", ready)
    heard.clear()
    sent = [event(seq) for seq in range(1, 301)]
    for each in sent:
        first.send(each)
    await until(lambda: len([e for e in heard if e.run_id == "r"]) >= 300)
    assert [e for e in heard if e.run_id == "r"] == sent
    assert heard_itself == []
    assert await gather(second, "r", 300) == sent
    assert await gather(second, "r", 100, after=200) == sent[200:]


async def test_the_shared_tail_is_bounded_and_expires(relay: MakeRelay) -> None:
    sender = relay(run_events=10, keep_s=1.0)
    for seq in range(1, 26):
        sender.send(event(seq))
    assert [e.run_seq for e in (await gather(sender, "r", 10))] == list(range(16, 26))

    async with asyncio.timeout(PATIENCE_S):
        while True:
            if not await sender.read("r"):
                break
            await asyncio.sleep(0.05)
    assert await sender.read("r") == []


async def test_facts_outside_runs_are_shown_too(relay: MakeRelay) -> None:
    first, second = relay(), relay()
    heard: list[Event] = []
    second.listen(heard.append)
    n = 0
    while not heard:
        n += 1
        body = AgentCreated(name="a")
        first.send(Event(id=f"{uuid.uuid4()}", ts=datetime.now(UTC), user_id="ann", body=body))
        first.send(event(n))
        await gather(first, "r", n)
    assert heard[0].type in {"agent_created", "text_delta"}


async def test_what_is_sent_while_redis_is_away_follows_and_it_is_logged_once(
    relay: MakeRelay, own_redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "notebook_agents.relay")
    first, second = relay(own_redis.url), relay(own_redis.url)
    heard: list[Event] = []
    first.send(event(1))
    second.listen(heard.append)
    assert await second.read("r") is None
    first.send(event(2))
    await own_redis.start()
    assert [e.run_seq for e in await gather(second, "r", 2)] == [1, 2]
    own_redis.stop()
    heard.clear()
    first.send(event(3))
    await own_redis.start()
    assert [e.run_seq for e in await gather(second, "r", 1)] == [3]
    seq = 3
    while not heard:
        seq += 1
        first.send(event(seq))
        await gather(second, "r", seq - 2)
    assert heard[0].run_seq >= 3
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) <= 6, "about once for each of the two, each time it is away"
    assert all("Redis does not answer" in r.message for r in warnings)


async def test_too_many_to_wait_for_redis_are_dropped_from_the_front(
    relay: MakeRelay, own_redis: Any
) -> None:
    sender = relay(own_redis.url, waiting_events=5)
    for seq in range(1, 11):
        sender.send(event(seq))
    await own_redis.start()
    assert [e.run_seq for e in await gather(sender, "r", 5)] == [6, 7, 8, 9, 10]


async def test_C_07_a_relay_says_how_redis_does_and_that_it_is_away(
    relay: MakeRelay, own_redis: Redis
) -> None:
    await own_redis.start()
    here = relay(own_redis.url)
    report = await here.report()
    assert (report.is_reachable, report.can_write, report.detail) == (True, True, "")
    assert report.latency_ms > 0
    assert report.n_connections >= 1
    assert {"redis_version", "uptime_in_seconds", "used_memory"} <= set(report.server)
    assert not {"config_file", "executable", "tcp_port"} & set(report.server)
    own_redis.stop()
    report = await here.report()
    assert (report.is_reachable, report.can_write) == (False, False)
    assert report.detail == "ConnectionError"
