"""Collectors that are busy, narrow, silent or badly set up: no run waits, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.telemetry.conftest import ANN, OtlpReceiver, Working, looked, run_once, until

from notebook_agents.core.core import Core
from notebook_agents.core.events import Event, ToolFinished, ToolStarted
from notebook_agents.core.ids import new_id
from notebook_agents.eventlog.reader import CHUNK_BYTES
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.telemetry.follower import MAX_SPANS, LogTelemetry
from notebook_agents.telemetry.otlp import Collector

MakeCore = Callable[..., Core]
MakeTelemetry = Callable[..., LogTelemetry]
SECRET = "correct-horse-battery-staple"
N_CALLS = 4000
"""More than what may wait."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the SDK tries by itself for 10 s."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")


@pytest.fixture
def broken_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """No header may have two lines; who refuses it shows it."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-token=one%0A{SECRET}")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [429, 503])
async def test_what_a_busy_collector_puts_off_is_told_later(
    make_core: MakeCore,
    make_telemetry: MakeTelemetry,
    log: Any,
    receiver: OtlpReceiver,
    status: int,
) -> None:
    await looked(make_telemetry(), log)
    receiver.status = status
    await run_once(make_core, log, "one")
    async with Working(make_telemetry(), log) as telemetry:
        await until(lambda: telemetry.report().state == "failing")
        assert telemetry.report().problem == f"it answered {status}"
        receiver.status = 200
        assert len(await receiver.received(2)) == 2
        await until(lambda: telemetry.report().n_spans == 2)
    assert telemetry.report().n_refused == 0


async def test_what_is_too_large_at_once_is_told_in_parts(
    make_core: MakeCore, make_telemetry: MakeTelemetry, log: Any, receiver: OtlpReceiver
) -> None:
    await looked(make_telemetry(), log)
    for text in ("one", "two", "x" * 20_000):
        await run_once(make_core, log, text)
    receiver.largest_bytes = 8_000
    telemetry = make_telemetry(has_content=True)
    await looked(telemetry, log)
    report = telemetry.report()
    assert (report.n_spans, report.n_refused, len(receiver.spans())) == (5, 1, 5)
    assert report.state == "working"


async def test_runs_go_on_beside_a_collector_that_takes_requests_and_never_answers(
    make_core: MakeCore, make_telemetry: MakeTelemetry, log: Any, receiver: OtlpReceiver
) -> None:
    await looked(make_telemetry(), log)
    receiver.may_answer.clear()
    await run_once(make_core, log, "one")
    async with Working(make_telemetry(), log) as telemetry:
        await asyncio.to_thread(receiver.has_asked.wait, 60)
        for text in ("two", "three"):
            assert (await run_once(make_core, log, text)).state == "succeeded"
        assert (receiver.spans(), telemetry.report().n_spans) == ([], 0)
        receiver.may_answer.set()
        await receiver.received(6)
        await until(lambda: telemetry.report().n_spans == 6)


@pytest.mark.usefixtures("quick")
async def test_a_log_waits_on_disk_for_a_collector_whose_port_is_closed(
    closed_receiver: OtlpReceiver, log: Any, tmp_path: Path
) -> None:
    telemetry = LogTelemetry(
        tmp_path / "places.db", partial(Collector, closed_receiver.url, "1.0"), poll_s=0.02
    )
    async with Working(telemetry, log):
        await until(lambda: telemetry.report().state == "working")
        span_bytes = _direct_calls(log, N_CALLS, tmp_path / "home")
        await until(lambda: telemetry.report().state == "failing")
        report = telemetry.report()
        assert report.problem == "it could not be reached"
        # A round that begins while the calls are written reads a part of them only.
        assert 0 < report.n_waiting <= MAX_SPANS + CHUNK_BYTES / span_bytes < N_CALLS
        closed_receiver.open()
        await until(lambda: telemetry.report().n_spans == N_CALLS)
        await until(lambda: telemetry.report().n_waiting == 0)
    assert len({span.span_id for span in closed_receiver.spans()}) == N_CALLS


def _direct_calls(log: JsonlEventLog, n: int, home: Path) -> float:
    """Have calls of a tool in the log; how many bytes of it each takes."""
    for _ in range(n):
        call_id = new_id()
        for body in (
            ToolStarted(call_id=call_id, name="live"),
            ToolFinished(call_id=call_id, name="live", status="succeeded"),
        ):
            log.append(
                Event(
                    id=new_id(),
                    ts=datetime.now(UTC),
                    conversation_id="c1",
                    user_id=ANN.user_id,
                    body=body,
                )
            )
    return sum(file.stat().st_size for file in home.rglob("*.jsonl")) / n


@pytest.mark.usefixtures("broken_header")
async def test_a_header_that_cannot_be_sent_is_not_logged(
    make_core: MakeCore, make_telemetry: MakeTelemetry, log: Any, caplog: Any
) -> None:
    await looked(make_telemetry(), log)
    await run_once(make_core, log, "one")
    async with Working(make_telemetry(), log) as telemetry:
        await until(lambda: telemetry.report().state == "failing")
    assert SECRET not in caplog.text
    assert SECRET not in telemetry.report().problem
