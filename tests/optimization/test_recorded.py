"""Recorded runs as a workload: the caller's own steps, out of the real event log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core.events import Event, ModelFinished
from notebook_agents.core.ids import new_id
from notebook_agents.core.models import Usage
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.optimization.catalogue import Catalogue, parse_catalogue
from notebook_agents.optimization.database import database, lock
from notebook_agents.optimization.notes import reason_for
from notebook_agents.optimization.pools import survey
from notebook_agents.optimization.recorded import STEPS_SQL, load_recorded
from notebook_agents.optimization.requests import parse_wish

PRICES = """
currency = "USD"
priced_on = 2026-01-01
[[gpu]]
name = "cuda"
memory_gib = 16
bandwidth_gb_s = 300
on_demand_per_hour = 1.0
tflops = { fp16 = 100 }
"""


def step(user: str, number: int, duration_ms: float) -> Event:
    body = ModelFinished(
        step=1, model="m", usage=Usage(input_tokens=100, output_tokens=10), duration_ms=duration_ms
    )
    return Event(
        id=new_id(),
        run_id=f"{user}-{number}",
        run_seq=1,
        ts=datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=number),
        conversation_id=user,
        user_id=user,
        body=body,
    )


async def test_recorded_steps_are_jobs_of_their_owner(tmp_path: Path, catalogue: Catalogue) -> None:
    log = JsonlEventLog(tmp_path)
    for event in (step("ann", 0, 1000.0), step("ann", 30, 3000.0), step("ben", 1, 9000.0)):
        log.append(event)
    await log.aclose()
    analytics = EventAnalytics(EventFiles(tmp_path))
    steps = await analytics.query(STEPS_SQL, owner_id="ann")
    await analytics.aclose()
    with database() as connection:
        assert load_recorded(connection, steps, "cuda:0") == 2
        lock(connection)
        found = survey(connection, parse_catalogue(PRICES, "x"))
    (pool,) = found.pools
    assert (pool.kind, pool.rows.n, pool.n_tokens) == ("inference", 2, 220.0)
    assert pool.latency_p95_ms == 3000.0
    assert abs(pool.cost - 4 / 3600) < 1e-9
    assert round(found.period_hours) == 30
    assert set(pool.rows.job_ids) == {"ann-0", "ann-30"}


async def test_a_device_without_a_price_is_named(tmp_path: Path, catalogue: Catalogue) -> None:
    log = JsonlEventLog(tmp_path)
    log.append(step("ann", 0, 1000.0))
    await log.aclose()
    analytics = EventAnalytics(EventFiles(tmp_path))
    steps = await analytics.query(STEPS_SQL, owner_id="ann")
    await analytics.aclose()
    with database() as connection:
        load_recorded(connection, steps, "cpu")
        lock(connection)
        found = survey(connection, catalogue)
    reason = reason_for(found, parse_wish("", {}), None, is_recorded=True)
    assert reason.startswith("The device of your recorded runs ('cpu') is missing in the price")
