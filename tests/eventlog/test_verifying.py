"""What is told of a log as a whole: doubles and gaps of runs, and nothing of what is in order."""

from __future__ import annotations

from asyncio import to_thread
from datetime import UTC, datetime
from pathlib import Path

import pytest

from notebook_agents.core.checkpoint_events import AnswerRated, CheckpointMade, RunUndone
from notebook_agents.core.events import Event, EventBody, TextDelta
from notebook_agents.core.observation_events import ScoreRecorded
from notebook_agents.eventlog.keeping import EventLogKeeping
from notebook_agents.eventlog.writer import JsonlEventLog

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SCORE = ScoreRecorded(dataset="sums", item="1", scorer="exact", value=1.0)
FACTS: tuple[EventBody, ...] = (
    CheckpointMade(number=1, call_id="1"),
    RunUndone(number=1, call_id="1", status="undone"),
    AnswerRated(rating="good"),
    SCORE,
)


def event(run_seq: int, body: EventBody | None = None, id: str = "") -> Event:
    return Event(
        id=id or f"{run_seq}",
        run_id="r",
        run_seq=run_seq,
        ts=NOW,
        conversation_id="c",
        user_id="ann",
        body=body or TextDelta(step=1, text="x"),
    )


async def faults(home: Path) -> list[tuple[str, str, str]]:
    found = await to_thread(EventLogKeeping(home).verify)
    return [(fault.kind, fault.file, fault.detail) for fault in found]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.type)
async def test_facts_about_a_run_have_no_number_of_it(
    log: JsonlEventLog, tmp_path: Path, fact: EventBody
) -> None:
    for number in (3, 4):  # the beginning was removed by age
        log.append(event(number))
    for number in range(3):
        log.append(event(0, fact, id=f"fact {number}"))
    assert await faults(tmp_path) == []
    await to_thread(EventLogKeeping(tmp_path).compact, 0)
    assert await faults(tmp_path) == []


async def test_doubles_and_gaps_are_told_beside_facts(log: JsonlEventLog, tmp_path: Path) -> None:
    for number in (1, 2, 2, 5):
        log.append(event(number))
    log.append(event(0, SCORE, id="fact"))
    told = [
        ("double", "r", "1 events have the number of another one"),
        ("gap", "r", "2 events are missing between others"),
    ]
    assert await faults(tmp_path) == told
    await to_thread(EventLogKeeping(tmp_path).compact, 0)
    assert await faults(tmp_path) == told
