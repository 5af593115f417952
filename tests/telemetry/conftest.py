"""A real receiver of OTLP over HTTP on loopback that decodes what it gets."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from notebook_agents.core.agents import CreateAgent
from notebook_agents.core.clock import SystemClock
from notebook_agents.core.core import Core
from notebook_agents.core.messages import user_message
from notebook_agents.core.policy import MODES
from notebook_agents.core.runs import Run, StartRun
from notebook_agents.core.spawn import Supervisor
from notebook_agents.core.telemetry import Lookups
from notebook_agents.core.users import Actor
from notebook_agents.eventlog.writer import JsonlEventLog
from notebook_agents.telemetry.follower import LogTelemetry
from notebook_agents.telemetry.otlp import Collector
from notebook_agents.testing import ScriptedTools, call, fake_core

ANN = Actor(user_id="ann", username="ann")


@dataclass
class OtlpReceiver:
    """What a collector is: it keeps what it gets and answers as it is told."""

    url: str
    open: Callable[[], None]
    """Take connections from now on."""
    status: int = 200
    statuses: dict[str, int] = field(default_factory=dict)
    """By path, where they are others."""
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    has_come: threading.Event = field(default_factory=threading.Event)
    has_asked: threading.Event = field(default_factory=threading.Event)
    """Set with the first request, before it is answered."""
    largest_bytes: int = 1 << 30
    """What is larger is answered with 413."""
    may_answer: threading.Event = field(default_factory=threading.Event)
    """Cleared, it hangs."""

    def __post_init__(self) -> None:
        self.may_answer.set()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        self.has_asked.set()
        self.may_answer.wait()
        self.headers.append(headers)
        status = self.statuses.get(path, self.status)
        if len(body) > self.largest_bytes:
            status = 413
        if status == 200:
            self.bodies.append((path, body))
        self.has_come.set()
        return status

    def spans(self) -> list[Any]:
        """All spans that were taken, in the order in which they came."""
        found = []
        for path, body in self.bodies:
            if path == "/v1/traces":
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    for scope in resource.scope_spans:
                        found += list(scope.spans)
        return found

    def resource(self) -> dict[str, Any]:
        found = [body for path, body in self.bodies if path == "/v1/traces"]
        request = ExportTraceServiceRequest.FromString(found[-1])
        return attributes_of(request.resource_spans[0].resource)

    def metrics(self) -> dict[str, list[Any]]:
        """The data points of the last metrics that were taken, by name."""
        found = [body for path, body in self.bodies if path == "/v1/metrics"]
        request = ExportMetricsServiceRequest.FromString(found[-1])
        [resource] = request.resource_metrics
        [scope] = resource.scope_metrics
        return {metric.name: list(metric.histogram.data_points) for metric in scope.metrics}

    async def received(self, n_spans: int) -> list[Any]:
        """The spans, once there are so many."""
        async with asyncio.timeout(60):
            while len(self.spans()) < n_spans:
                self.has_come.clear()
                await asyncio.to_thread(self.has_come.wait, 1)
        return self.spans()


def value_of(any_value: Any) -> Any:
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return tuple(value_of(each) for each in any_value.array_value.values)
    return getattr(any_value, kind)


def attributes_of(thing: Any) -> dict[str, Any]:
    return {pair.key: value_of(pair.value) for pair in thing.attributes}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver: OtlpReceiver = self.server.receiver  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        status = receiver.take(self.path, dict(self.headers), body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def closed_receiver() -> Iterator[OtlpReceiver]:
    """One whose port is its own and refuses connections until it is opened."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler, bind_and_activate=False)
    server.server_bind()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)

    def open_port() -> None:
        server.server_activate()
        thread.start()

    made = OtlpReceiver(url=f"http://127.0.0.1:{server.server_port}", open=open_port)
    server.receiver = made  # type: ignore[attr-defined]
    yield made
    if thread.is_alive():
        server.shutdown()
        thread.join()
    server.server_close()


@pytest.fixture
def receiver(closed_receiver: OtlpReceiver) -> OtlpReceiver:
    closed_receiver.open()
    return closed_receiver


@pytest.fixture
def make_telemetry(receiver: OtlpReceiver, tmp_path: Path) -> Callable[..., LogTelemetry]:
    def make(**settings: Any) -> LogTelemetry:
        connect = partial(Collector, receiver.url, "1.0")
        places = tmp_path / "telemetry" / "places.db"
        return LogTelemetry(places, connect, poll_s=0.02, **settings)

    return make


@pytest.fixture
def make_core(tmp_path: Path) -> Callable[..., Core]:
    def make(*script: Any, **ports: Any) -> Core:
        return fake_core(*script, home=tmp_path / "work", **ports)

    return make


async def start(core: Core, **wish: Any) -> Run:
    agent = await core.agents.ensure(ANN, CreateAgent(name="Analyst"))
    return await core.runs.start(
        ANN, StartRun(agent_id=agent.id, message=user_message("my question"), **wish)
    )


async def events_of(core: Core, run: Run) -> list[Any]:
    async with aclosing(core.runs.events(ANN, run.id)) as events:
        return [event async for event in events]


async def _name(id: str) -> str:
    return "Analyst" if id else ""


async def _provider(model: str) -> str:
    return model.partition("/")[0]


LOOKUPS = Lookups(agent=_name, provider=_provider)


async def until(holds: Callable[[], bool]) -> None:
    """Wait while others work, until something holds."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@pytest.fixture
async def log(tmp_path: Path) -> Any:
    made = JsonlEventLog(tmp_path / "home")
    yield made
    await made.aclose()


def run_code(code: str) -> str:
    """Run code."""
    return f"ran {code}"


async def run_once(make_core: Callable[..., Core], log: JsonlEventLog, *script: Any) -> Any:
    """A run whose events are in the log, and the core that made it."""
    tools = ScriptedTools({"live": run_code}, effects={"live": "read"})
    # The clock of the machine: telemetry tells what happened since it was switched on.
    core = make_core(
        *(script or (call("live", code="1"), "done")),
        tools=tools,
        event_log=log,
        clock=SystemClock(),
    )
    run = await core.runs.wait(ANN, (await start(core, policy=MODES["full"])).id)
    await core.aclose()
    return run


class Working:
    """Telemetry that works in the background."""

    def __init__(self, telemetry: LogTelemetry, log: JsonlEventLog) -> None:
        self.telemetry, self.log = telemetry, log
        self.supervisor = Supervisor()

    async def __aenter__(self) -> LogTelemetry:
        self.supervisor.spawn(self.telemetry.work(self.log, LOOKUPS), name="telemetry")
        return self.telemetry

    async def __aexit__(self, *_: object) -> None:
        await self.supervisor.aclose()
        await self.telemetry.aclose()


async def looked(telemetry: LogTelemetry, log: JsonlEventLog) -> None:
    """One look, as of a process that begins and ends with it."""
    kept = await telemetry.open(log)
    await telemetry.look(log, LOOKUPS, kept)
    await telemetry.aclose()
