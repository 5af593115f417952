"""Samples of the machine outlive the process that took them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from notebook_agents.analytics.queries import EventAnalytics
from notebook_agents.core import samples as module
from notebook_agents.core.core import Core
from notebook_agents.core.errors import EngineUnavailable
from notebook_agents.core.events import MachineSampled
from notebook_agents.eventlog.files import EventFiles
from notebook_agents.eventlog.segments import hot_folder
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.testing import FakeClock, fake_core

FIGURES = MachineSampled(
    cpu_percent=10,
    memory_percent=20,
    disk_percent=30,
    network_kib_s=4.5,
    n_active_agents=2,
    health_score=0.85,
)
DAY = timedelta(days=1)


def durable(home: Path, clock: FakeClock) -> Core:
    return fake_core(
        home=home / "work",
        clock=clock,
        event_log=JsonlEventLog(home),
        analytics=EventAnalytics(EventFiles(home)),
    )


async def test_the_next_process_finds_them_newest_first(tmp_path: Path) -> None:
    clock = FakeClock()
    first = durable(tmp_path, clock)
    for _ in range(3):
        first.samples.keep(FIGURES)
        clock.advance(20 * 3600)
    await first.aclose()
    second = durable(tmp_path, clock)
    found = await second.samples.of_last(2 * DAY)
    assert [sample.figures for sample in found] == [FIGURES, FIGURES]
    assert found[0].at - found[1].at == pytest.approx(timedelta(hours=20), abs=timedelta(seconds=1))
    assert len(await second.samples.of_last(3 * DAY)) == 3
    await second.aclose()


async def test_they_are_no_burden_for_sql(tmp_path: Path) -> None:
    core = durable(tmp_path, FakeClock())
    core.samples.keep(FIGURES)
    (path,) = hot_folder(tmp_path).glob("_machine-*.jsonl")
    assert path.name == "_machine-2026-01-01.jsonl"
    assert (await core.analytics.query("SELECT * FROM events")).rows == ()
    await core.aclose()


async def test_the_newest_is_waited_for(tmp_path: Path) -> None:
    core = durable(tmp_path, FakeClock())
    waiting = core.spawn(core.samples.newest(), name="waiting")
    await asyncio.sleep(0)
    assert not waiting.done()
    core.samples.keep(FIGURES)
    assert (await waiting).figures == FIGURES
    await core.aclose()


async def test_a_machine_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_SAMPLE_S", 0.01)
    core = durable(tmp_path, FakeClock())
    with pytest.raises(EngineUnavailable, match="not known yet"):
        await core.samples.newest()
    await core.aclose()
