"""A real run reaches a real collector over HTTP: once, also when either of them was away."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from tests.telemetry.conftest import (
    ANN,
    OtlpReceiver,
    Working,
    attributes_of,
    looked,
    run_code,
    run_once,
    start,
    until,
)

from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.policy import MODES
from notebook_agents.core.redaction import Redactor
from notebook_agents.core.runs import ApprovalDecision
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.telemetry.follower import LogTelemetry
from notebook_agents.telemetry.opening import header_secrets, open_telemetry
from notebook_agents.telemetry.places import Places, Taken
from notebook_agents.testing import ScriptedTools, call

MakeCore = Callable[..., Core]
MakeTelemetry = Callable[..., LogTelemetry]
SECRET = "correct-horse-battery-staple"
HERE = Path(__file__).parent


async def test_a_run_reaches_the_collector_in_spans_and_histograms(
    make_core: MakeCore, make_telemetry: MakeTelemetry, log: Any, receiver: OtlpReceiver
) -> None:
    async with Working(make_telemetry(), log) as telemetry:
        await opened(telemetry)
        run = await run_once(make_core, log)
        spans = await receiver.received(4)
        names = [span.name for span in spans]
        assert names == ["invoke_agent Analyst", "chat " + run.model, "execute_tool live", names[1]]
        assert attributes_of(spans[0])["na.run.id"] == run.id
        assert spans[1].kind == ProtoSpan.SPAN_KIND_CLIENT
        assert {span.trace_id for span in spans} == {spans[0].trace_id}
        assert {span.parent_span_id for span in spans[1:]} == {spans[0].span_id}
        assert receiver.resource()["service.name"] == "notebook-agents"
        points = await metrics(receiver)
        assert [p.count for p in points["gen_ai.client.operation.duration"]] == [2]
        assert [p.count for p in points["gen_ai.execute_tool.duration"]] == [1]
        tokens = {
            attributes_of(p)["gen_ai.token.type"]: p for p in points["gen_ai.client.token.usage"]
        }
        assert tokens["output"].sum == run.usage.output_tokens
        assert tokens["input"].sum == run.usage.input_tokens
        assert list(tokens["input"].explicit_bounds)[:3] == [1, 4, 16]
        assert telemetry.report().state == "working"
        assert telemetry.report().n_spans == 4


async def opened(telemetry: LogTelemetry) -> None:
    """Wait until telemetry has its file: what happens before is not told."""
    await until(lambda: telemetry.report().state == "working")


async def metrics(receiver: OtlpReceiver) -> dict[str, list[Any]]:
    async with asyncio.timeout(60):
        while not any(path == "/v1/metrics" for path, _ in receiver.bodies):
            receiver.has_come.clear()
            await asyncio.to_thread(receiver.has_come.wait, 1)
    return receiver.metrics()


async def test_what_was_before_is_not_told_and_nothing_is_told_twice(
    make_core: MakeCore, make_telemetry: MakeTelemetry, log: Any, receiver: OtlpReceiver
) -> None:
    await run_once(make_core, log)
    await looked(make_telemetry(), log)
    assert receiver.bodies == []
    run = await run_once(make_core, log, "short")
    for _ in range(3):
        await looked(make_telemetry(), log)
    assert [attributes_of(span)["na.run.id"] for span in receiver.spans()] == [run.id] * 2


async def test_a_collector_that_was_away_is_told_later(
    make_core: MakeCore, make_telemetry: MakeTelemetry, log: Any, receiver: OtlpReceiver
) -> None:
    await looked(make_telemetry(), log)
    receiver.status = 404
    await run_once(make_core, log, "one")
    async with Working(make_telemetry(), log) as telemetry:
        await until(lambda: telemetry.report().state == "failing")
        assert telemetry.report().problem == "it answered 404"
        await run_once(make_core, log, "two")  # runs do not wait for it
        receiver.status = 200
        spans = await receiver.received(4)
        assert len({attributes_of(span)["na.run.id"] for span in spans}) == 2
        await until(lambda: telemetry.report().state == "working")


async def test_what_is_refused_for_good_is_not_sent_again(
    make_core: MakeCore, make_telemetry: MakeTelemetry, log: Any, receiver: OtlpReceiver
) -> None:
    await looked(make_telemetry(), log)
    await run_once(make_core, log, "one")
    receiver.status = 400
    telemetry = make_telemetry()
    await looked(telemetry, log)
    assert telemetry.report().n_refused == 2
    receiver.status = 200
    run = await run_once(make_core, log, "two")
    await looked(make_telemetry(), log)
    assert {attributes_of(span)["na.run.id"] for span in receiver.spans()} == {run.id}


async def test_a_run_that_began_before_a_restart_is_told_whole(
    make_core: MakeCore, make_telemetry: MakeTelemetry, log: Any, receiver: OtlpReceiver
) -> None:
    await looked(make_telemetry(), log)
    tools = ScriptedTools({"live": run_code}, effects={"live": "write"})
    script = (call("live", code="1"), "done")
    core = make_core(*script, tools=tools, event_log=log, clock=SystemClock())
    run = await core.runs.wait(ANN, (await start(core, policy=MODES["ask"])).id)
    await looked(make_telemetry(), log)
    assert receiver.bodies == []
    decision = ApprovalDecision(call_id=run.pending[0].call.call_id, is_approved=True)
    await core.runs.decide(ANN, run.id, [decision])
    await core.runs.wait(ANN, run.id)
    await core.aclose()
    await looked(make_telemetry(), log)
    names = [span.name for span in receiver.spans()]
    model = f"chat {run.model}"
    assert names == [
        "invoke_agent Analyst",
        model,
        "approval live",
        "execute_tool live",
        model,
    ]


async def test_sums_go_on_after_a_restart_and_count_nothing_twice(
    make_core: MakeCore, make_telemetry: MakeTelemetry, log: Any, receiver: OtlpReceiver
) -> None:
    await looked(make_telemetry(), log)
    for n in (1, 2, 3):
        await run_once(make_core, log, "short")
        await looked(make_telemetry(), log)
        [point] = receiver.metrics()["gen_ai.invoke_agent.duration"]
        assert point.count == n
        assert sum(point.bucket_counts) == n


async def test_the_kept_sums_begin_where_telling_began(
    make_core: MakeCore, make_telemetry: MakeTelemetry, log: Any, receiver: OtlpReceiver
) -> None:
    await looked(make_telemetry(), log)
    begins = set()
    for _ in (1, 2):
        await run_once(make_core, log, "short")
        await looked(make_telemetry(), log)
        [point] = receiver.metrics()["gen_ai.invoke_agent.duration"]
        begins.add(point.start_time_unix_nano)
    assert len(begins) == 1


async def test_of_two_servers_with_one_log_one_tells(
    make_core: MakeCore, make_telemetry: MakeTelemetry, log: Any, receiver: OtlpReceiver
) -> None:
    first, second = Working(make_telemetry(), log), Working(make_telemetry(), log)
    async with first as telling:
        await opened(telling)
        async with second as waiting:
            await until(lambda: waiting.report().state == "waiting")
            await run_once(make_core, log, "one")
            await receiver.received(2)
            await first.supervisor.aclose()
            await telling.aclose()
            await opened(waiting)  # the other takes over
            await run_once(make_core, log, "two")
            # The one that was stopped may not have kept yet that its spans were taken.
            await until(lambda: len({span.span_id for span in receiver.spans()}) == 4)


def test_a_file_that_another_process_has_is_not_opened(tmp_path: Path) -> None:
    first = Places(tmp_path / "places.db")
    with pytest.raises(Taken):
        Places(tmp_path / "places.db")
    first.close()
    Places(tmp_path / "places.db").close()


def test_a_file_that_is_none_of_ours_is_not_taken_for_anothers(tmp_path: Path) -> None:
    (tmp_path / "places.db").write_text("no database " * 100)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        Places(tmp_path / "places.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        Places(tmp_path / "folder.db")


async def test_headers_of_the_environment_are_sent_and_are_secrets(
    make_core: MakeCore,
    make_telemetry: MakeTelemetry,
    log: Any,
    receiver: OtlpReceiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-token={SECRET},x-other=a%20b")
    assert header_secrets() == (SECRET, "a%20b", "a b")
    assert SECRET not in Redactor(header_secrets()).log_text(f"sent {SECRET}")
    await looked(make_telemetry(), log)
    await run_once(make_core, log, "one")
    await looked(make_telemetry(), log)
    assert receiver.headers[0]["x-token"] == SECRET


def test_nothing_is_told_where_nobody_named_a_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert open_telemetry(tmp_path, "") is None
    with pytest.raises(InvalidRequest, match="http://localhost:4318") as error:
        open_telemetry(tmp_path, "localhost:4318")
    assert error.value.details["field"] == "otel_endpoint"
    assert not list(tmp_path.iterdir())


async def test_the_environment_names_a_collector_too(
    make_core: MakeCore,
    log: Any,
    receiver: OtlpReceiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "our-agents")
    for _ in range(2):
        telemetry = open_telemetry(tmp_path / "t", "")
        assert telemetry is not None
        await looked(telemetry, log)
        await run_once(make_core, log, "one")
    assert len(receiver.spans()) == 2
    assert receiver.resource()["service.name"] == "our-agents"


async def test_a_killed_process_is_followed_by_one_that_tells_the_rest(
    receiver: OtlpReceiver, tmp_path: Path
) -> None:
    """Killed when the collector had taken the spans, and nothing of that was kept yet."""
    receiver.statuses["/v1/metrics"] = 503
    command = [sys.executable, str(HERE / "killed_server.py"), str(tmp_path), receiver.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        run_id = (await asyncio.to_thread(process.stdout.readline)).decode().strip()
        await receiver.received(2)
        process.send_signal(signal.SIGKILL)
    receiver.statuses.clear()
    log = JsonlEventLog(tmp_path)
    for _ in range(2):
        telemetry = open_telemetry(tmp_path, receiver.url)
        assert telemetry is not None
        await looked(telemetry, log)
    await log.aclose()
    spans = receiver.spans()
    assert {attributes_of(span)["na.run.id"] for span in spans} == {run_id}
    assert len(spans) == 4
    assert len({span.span_id for span in spans}) == 2, "told again, they are the same spans"
    [point] = receiver.metrics()["gen_ai.invoke_agent.duration"]
    assert point.count == 1


async def test_a_collector_that_hangs_does_not_hold_up_the_end_of_a_server(
    receiver: OtlpReceiver, tmp_path: Path
) -> None:
    receiver.may_answer.clear()
    command = [sys.executable, str(HERE / "killed_server.py"), str(tmp_path), receiver.url]
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_TIMEOUT": "600"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        await asyncio.to_thread(receiver.has_asked.wait, 60)
        process.send_signal(signal.SIGINT)
        # Not within the 600 s that it would wait for the collector.
        assert await asyncio.to_thread(process.wait, 100) != 0
    assert receiver.bodies == []
    receiver.may_answer.set()
