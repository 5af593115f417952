"""Requests, sockets and streams on their way into the event log."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.activity import Activity, RequestKind
from notebook_agents.core.core import Core
from notebook_agents.core.errors import StorageUnavailable
from notebook_agents.core.events import Event, RequestsServed, StreamClosed
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.testing import MemoryAnalytics, MemoryEventLog, ScriptedEngine, fake_core
from notebook_agents_server.mounts import DIALECT_NAMES, mounted
from notebook_agents_server.request_log import TIMES_KEPT, TIMES_OF_EVENT, RequestLog
from notebook_agents_server.services import Services
from notebook_agents_server.testing import Client

KIND = RequestKind(dialect="aimos", method="GET", route="/api/agents", status=200)


class Disk(MemoryEventLog):
    """A log that takes nothing while it is full."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False
        self.has_closed = asyncio.Event()
        """Set with the first stream that ended."""

    def append(self, event: Event) -> int:
        if self.is_full:
            raise StorageUnavailable("the event cannot be kept: the disk is full")
        n_bytes = super().append(event)
        if isinstance(event.body, StreamClosed):
            self.has_closed.set()
        return n_bytes


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def core(engine: ScriptedEngine, disk: Disk, tmp_path: Path) -> Core:
    return fake_core(engine=engine, event_log=disk, home=tmp_path / "workspaces")


def kept(disk: Disk, kind: type[Any]) -> list[tuple[str, Any]]:
    """Whose, and what."""
    return [(e.user_id, e.body) for e in disk.events if isinstance(e.body, kind)]


async def test_requests_of_one_kind_are_one_event_of_each_user(core: Core, disk: Disk) -> None:
    log = RequestLog()
    for user, ms in (("ann", 1.0), ("ann", 2.5), ("", 3.0)):
        log.note(user, KIND, ms, (7, 100))
    assert kept(disk, RequestsServed) == []
    log.flush(core)
    log.flush(core)
    told: dict[str, Any] = {"method": "GET", "route": "/api/agents", "status": 200}
    assert kept(disk, RequestsServed) == [
        (
            "ann",
            RequestsServed(
                n=2, durations_ms=(1.0, 2.5), request_bytes=14, response_bytes=200, **told
            ),
        ),
        (
            "",
            RequestsServed(n=1, durations_ms=(3.0,), request_bytes=7, response_bytes=100, **told),
        ),
    ]
    assert {(e.stream, e.dialect) for e in disk.events} == {
        (f"requests-{disk.events[0].ts:%Y-%m-%d}", "aimos")
    }


async def test_many_requests_are_several_events_and_their_times_are_bounded(
    core: Core, disk: Disk
) -> None:
    log = RequestLog()
    for _ in range(TIMES_KEPT + 7):
        log.note("ann", KIND, 1.0, (1, 2))
    log.flush(core)
    events = [body for _, body in kept(disk, RequestsServed)]
    assert [len(body.durations_ms) for body in events] == [TIMES_OF_EVENT] * (
        TIMES_KEPT // TIMES_OF_EVENT
    )
    assert sum(body.n for body in events) == TIMES_KEPT + 7
    assert sum(body.request_bytes or 0 for body in events) == TIMES_KEPT + 7
    assert sum(body.response_bytes or 0 for body in events) == 2 * (TIMES_KEPT + 7)


async def test_a_full_disk_fails_nothing_and_loses_no_count(
    core: Core, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    log = RequestLog()
    disk.is_full = True
    for _ in range(2):
        log.note("ann", KIND, 1.0, (2, 3))
        log.flush(core)
    assert core.observations.n_lost == 2
    assert len([r for r in caplog.records if "not recorded" in r.message]) == 1
    assert (await log.figures(core)).requests == {KIND: 2}
    disk.is_full = False
    log.note("ann", KIND, 1.0, (1, 1))
    log.flush(core)
    ((_, body),) = kept(disk, RequestsServed)
    assert (body.n, body.request_bytes, body.response_bytes) == (3, 5, 7)
    assert (await log.figures(core)).requests == {KIND: 3}


async def test_figures_have_every_request_at_once_and_none_twice(core: Core, disk: Disk) -> None:
    log = RequestLog()
    log.note("ann", KIND, 1.0)
    assert (await log.figures(core)).requests == {KIND: 1}
    log.note("bob", KIND, 1.0)
    assert (await log.figures(core)).requests == {KIND: 2}
    log.flush(core)
    found = await log.figures(core)
    assert (found.requests, found.n_requests_today) == ({KIND: 2}, 2)
    assert sum(body.n for _, body in kept(disk, RequestsServed)) == 2


class LongLog(MemoryAnalytics):
    """Figures that take three seconds of a clock to read."""

    def __init__(self) -> None:
        super().__init__(MemoryEventLog())
        self.n_read = 0
        self.now_s = 100.0

    async def activity(self) -> Activity:
        self.n_read += 1
        self.now_s += 3.0
        return Activity()


async def test_a_long_log_is_read_less_often(engine: ScriptedEngine, tmp_path: Path) -> None:
    analytics = LongLog()
    core = fake_core(engine=engine, analytics=analytics, home=tmp_path / "workspaces")
    log = RequestLog(lambda: analytics.now_s)
    for seconds, n_read in ((0, 1), (56, 1), (2, 2), (2, 2)):
        analytics.now_s += seconds
        log.note("ann", KIND, 1.0)
        found = await log.figures(core)
        assert analytics.n_read == n_read
    assert found.requests == {KIND: 1}, "what this process answered is known at once"


class BrokenLog(LongLog):
    """Figures that cannot be read after the first time."""

    async def activity(self) -> Activity:
        await super().activity()
        if self.n_read > 1:
            raise StorageUnavailable("no memory")
        return Activity(requests={KIND: 7})


async def test_what_cannot_be_summed_up_is_told_as_last_known(
    engine: ScriptedEngine, tmp_path: Path
) -> None:
    analytics = BrokenLog()
    core = fake_core(engine=engine, analytics=analytics, home=tmp_path / "workspaces")
    log = RequestLog(lambda: analytics.now_s)
    await log.figures(core)
    for seconds, n_failed in ((100, 1), (20, 1), (100, 2)):
        analytics.now_s += seconds
        log.note("ann", KIND, 1.0)
        found = await log.figures(core)
        assert log.n_failed == n_failed
    assert found.requests == {KIND: 10}


async def test_a_full_disk_fails_no_request(client: Client, disk: Disk) -> None:
    disk.is_full = True
    assert (await client.get("/v1/agents")).status == 200
    assert (await client.get("/metrics")).status == 200
    page = (await client.get("/metrics")).body.decode()
    assert "notebook_agents_observations_lost_total 0.0" not in page


async def test_what_a_server_counted_is_kept_when_it_stops(
    client: Client, jp_serverapp: Any, disk: Disk
) -> None:
    await client.get("/v1/agents")
    socket = await client.socket("/v1/ws/stream/" + await made(client))
    app = jp_serverapp.extension_manager.extension_apps["notebook_agents_server"]
    for each in app:
        await each.stop_extension()
    routes = {body.route for _, body in kept(disk, RequestsServed)}
    assert {"/v1/agents"} <= routes
    ((_, body),) = kept(disk, StreamClosed)
    assert (body.transport, body.reason) == ("websocket", "server")
    socket.close()


async def test_bytes_of_bodies_are_counted_as_they_came_and_went(
    client: Client, core: Core, disk: Disk, jp_serverapp: Any
) -> None:
    given = {"name": "a" * 50}
    answers = [await client.post("/v1/agents", given) for _ in range(2)]
    listed, head = await client.get("/v1/agents"), await client.ask("HEAD", "/v1/agents")
    assert [each.status for each in (*answers, listed, head)] == [201, 201, 200, 200]
    (app,) = jp_serverapp.extension_manager.extension_apps["notebook_agents_server"]
    app.services.requests.flush(core)
    told = {
        (body.method, body.status): (body.request_bytes, body.response_bytes)
        for _, body in kept(disk, RequestsServed)
    }
    n_sent = sum(len(each.body) for each in answers)
    assert told["POST", 201] == (2 * len(json.dumps(given)), n_sent)
    assert told["GET", 200] == (0, len(listed.body))
    assert told["HEAD", 200] == (0, 0)


async def made(client: Client) -> str:
    """A new agent."""
    return str((await client.post("/v1/agents", {"name": "a"})).json["agent_id"])


async def closed(disk: Disk) -> tuple[str, StreamClosed]:
    """The one stream that ended, as soon as it did."""
    async with asyncio.timeout(30):
        await disk.has_closed.wait()
    (one,) = kept(disk, StreamClosed)
    return one


async def test_a_socket_tells_what_it_was_sent_and_that_its_client_left(
    client: Client, disk: Disk, engine: ScriptedEngine
) -> None:
    engine.script = ["one two three"]
    socket = await client.socket("/v1/ws/stream/" + await made(client))
    await socket.send({"type": "message", "content": "hi"})
    frames = await socket.until("complete")
    socket.close()
    user, body = await closed(disk)
    assert user == owner_of_agent(disk)
    assert (body.transport, body.route) == ("websocket", "/v1/ws/stream/{agent_id}")
    assert (body.reason, body.n_dropped, body.is_resumed) == ("client_gone", 0, False)
    assert body.n_events >= len(frames)
    assert 0 < body.max_lag_ms <= body.duration_ms


def owner_of_agent(disk: Disk) -> str:
    """Whose the agent is."""
    return next(event.user_id for event in disk.events if event.type == "agent_created")


async def test_a_streamed_answer_tells_that_it_came_to_its_end(
    client: Client, disk: Disk, engine: ScriptedEngine
) -> None:
    engine.script = ["one two three"]
    at = client.below("/notebook-agents/agent_c")
    session = (await at.post("/api/v1/initialize", {"model_name": BUNDLED_MODEL})).json
    body = {"ui_session_id": session["ui_session_id"], "message": "hi"}
    answer = await at.post("/api/v1/chat", body)
    assert answer.status == 200, answer.body
    _, told = await closed(disk)
    assert (told.transport in ("sse", "ndjson"), told.reason) == (True, "finished")
    assert told.n_events > 1
    assert told.stream_id != answer.headers["X-Request-ID"], "that may be a text of the client"


def test_every_route_has_a_name_without_a_stranger_in_it() -> None:
    services = Services()
    mounted(DIALECT_NAMES, services)
    names = set(services.routes.values())
    assert {"/v1/agents/{agent_id}", "/api/v1/sessions/{session_id}/query", "/api/agents"} <= names
    assert [name for name in names if set(name) & set("()[]+*?|\\^$")] == []
    assert 50 < len(names) < 400
