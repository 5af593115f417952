"""The page of a run and SQL tell the same of where its time went."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.dashboards.recording import DAY

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    Event,
    EventBody,
    ModelFinished,
    RunFinished,
    RunQueued,
    RunStarted,
    ToolFinished,
)
from notebook_agents.core.ids import new_id
from notebook_agents.dashboards.run_phases import spans, totals
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog

if TYPE_CHECKING:
    from pathlib import Path

STEP = ModelFinished(
    step=1, model="m", queue_ms=29, ttft_ms=80, decode_ms=400, duration_ms=600
)  # fmt: skip
RUNS: dict[str, list[tuple[float, EventBody]]] = {
    # Created 25 ms before its first event.
    "waited": [(0, RunQueued(model="m")), (30, RunStarted(queue_ms=54)), (640, STEP)],
    "asked": [
        (0, RunQueued(model="m")),
        (0, RunStarted()),
        (600, STEP),
        (610, ApprovalRequested(call_id="a", name="read")),
        (610, ApprovalRequested(call_id="b", name="write")),
        (1610, ApprovalDecided(call_id="a", is_approved=True)),
        (2610, ApprovalDecided(call_id="b", is_approved=False)),
        (2700, ToolFinished(call_id="a", name="read", status="succeeded", duration_ms=70)),
    ],
    "stopped-while-it-waited": [
        (0, RunQueued(model="m")),
        (0, RunStarted()),
        (40, ApprovalRequested(call_id="a", name="read")),
        (50, ApprovalRequested(call_id="b", name="write")),
        (90, ApprovalDecided(call_id="b", is_approved=True)),
    ],
    "slow-tool": [
        (0, RunStarted()),
        (20, ToolFinished(call_id="a", name="read", status="succeeded", duration_ms=25)),
    ],
}


@pytest.mark.parametrize("name", RUNS)
async def test_they_are_those_of_the_view(tmp_path: Path, name: str) -> None:
    told = [*RUNS[name], (3000, RunFinished(state="succeeded", duration_ms=3000))]
    log = JsonlEventLog(tmp_path)
    events = []
    for number, (ms, body) in enumerate(told, start=1):
        at = DAY + timedelta(milliseconds=ms)
        common = {"user_id": "ann", "run_id": name, "dialect": "magic"}
        events.append(Event(id=new_id(), ts=at, run_seq=number, body=body, **common))
        log.append(events[-1])
    analytics = EventAnalytics(EventFiles(tmp_path))
    view = await analytics.query("SELECT phase, ms FROM v_run_phases")
    await analytics.aclose()
    found = totals(events)
    assert found == pytest.approx(dict(view.rows))
    assert sum(found.values()) == pytest.approx(3000)
    assert all(span.start_ms >= 0 for span in spans(events))
