"""What is old or forgotten is gone from every reader, and what stays is counted right."""

from __future__ import annotations

from asyncio import to_thread
from datetime import UTC, datetime, timedelta
from pathlib import Path

from notebook_agents.core.events import AgentCreated, Event, MachineSampled, TextDelta
from notebook_agents.core.log_keeping import Prune
from notebook_agents.eventlog.compacted import compacted_folder
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.segments import hot_folder
from notebook_agents.eventlog.writer import JsonlEventLog

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def delta(id: str, day: int, *, stream: str = "c", run: str = "", owner: str = "ann") -> Event:
    number = int(id[-1]) if run else 0
    return Event(
        id=id,
        run_id=run,
        run_seq=number,
        ts=NOW + day * DAY,
        conversation_id=stream,
        user_id=owner,
        body=TextDelta(step=1, text="x"),
    )


async def ids(log: JsonlEventLog, *streams: str) -> list[str]:
    return [event.id for stream in streams for event in await log.read(stream)]


async def test_runs_go_as_a_whole_and_types_that_are_kept_stay(
    log: JsonlEventLog, keeping: EventLogKeeping
) -> None:
    for event in (
        delta("old1", -9, run="old"),
        delta("old2", -8, run="old"),
        delta("long1", -9, run="long"),
        delta("long2", 0, run="long"),
        delta("alone", -9),
        delta("young", 0, stream="d"),
    ):
        log.append(event)
    made = AgentCreated(name="a")
    log.append(Event(id="made", ts=NOW - 9 * DAY, conversation_id="e", user_id="ann", body=made))
    await to_thread(keeping.compact, 0)
    wish = Prune(before=NOW - DAY, keep=frozenset({"agent_created"}))
    assert await to_thread(keeping.prune, wish) == 3
    assert await ids(log, "c", "d", "e") == ["long1", "long2", "young", "made"]
    (summary,) = await log.summaries(["c"])
    assert (summary.types, summary.first_at, summary.last_at) == (
        {"text_delta": 2},
        NOW - 9 * DAY,
        NOW,
    )
    assert await to_thread(keeping.verify) == []
    assert await to_thread(keeping.prune, wish) == 0


async def test_a_stream_of_which_nothing_is_left_goes_on_where_it_was(
    log: JsonlEventLog, keeping: EventLogKeeping
) -> None:
    log.append(delta("old", -9))
    (end,) = await log.ends()
    await to_thread(keeping.compact, 0)
    assert await to_thread(keeping.prune, Prune(before=NOW)) == 1
    assert [await log.ends(), await log.summaries(["c"]), await log.files("c")] == [[], [], []]
    log.append(delta("new", 0))
    (later,) = await log.ends()
    assert later.position > end.position
    chunk = await log.read_on(later, 0, ("text_delta",))
    assert [event.id for event in chunk.events] in ([], ["new"])
    assert await ids(log, "c") == ["new"]


async def test_only_some_types_owners_and_streams(
    log: JsonlEventLog, keeping: EventLogKeeping
) -> None:
    log.append(delta("mine", -9))
    log.append(delta("spared", -9, stream="d"))
    log.append(delta("hers", -9, owner="bob"))
    await to_thread(keeping.compact, 0)
    some = Prune(before=NOW, only=frozenset({"agent_created"}))
    assert await to_thread(keeping.prune, some) == 0
    some = Prune(before=NOW, owner_id="ann", spare=frozenset({"d"}))
    assert await to_thread(keeping.prune, some) == 1
    assert await ids(log, "c", "d") == ["hers", "spared"]


async def test_samples_of_the_machine_go_by_the_day(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    sample = MachineSampled(
        cpu_percent=1,
        memory_percent=1,
        disk_percent=1,
        network_kib_s=1,
        n_active_agents=1,
        health_score=1,
    )
    for days in (5, 0):
        log.append(Event(id=f"{days}", ts=NOW - days * DAY, body=sample))
    assert await to_thread(keeping.prune, Prune(before=NOW - DAY)) == 1
    assert [p.name for p in hot_folder(tmp_path).iterdir()] == [f"_machine-{NOW:%Y-%m-%d}.jsonl"]


async def test_an_owner_is_forgotten_wherever_the_events_are(
    log: JsonlEventLog, keeping: EventLogKeeping, tmp_path: Path
) -> None:
    log.append(delta("a1", -9, stream="mine"))
    log.append(delta("a2", -9, stream="shared"))
    log.append(delta("b1", -9, stream="shared", owner="bob"))
    await to_thread(keeping.compact, 0)
    log.append(delta("a3", 0, stream="shared"))
    log.append(delta("b2", 0, stream="shared", owner="bob"))
    with (hot_folder(tmp_path) / "mine.jsonl").open("ab") as file:
        file.write(b'{"id":"torn secret')
    assert await to_thread(keeping.forget, "ann") == 3
    assert await ids(log, "mine", "shared") == ["b1", "b2"]
    assert [end.stream for end in await log.ends()] == ["shared"]
    (summary,) = await log.summaries(["mine", "shared"])
    assert summary.types == {"text_delta": 2}
    assert (await to_thread(EventFiles(tmp_path).snapshot, "ann")).cold == ()
    kept = [p for p in (tmp_path / "events").rglob("*") if p.is_file()]
    assert not [p for p in kept if b"ann" in p.read_bytes() or b"secret" in p.read_bytes()]
    assert list(compacted_folder(tmp_path).iterdir())
