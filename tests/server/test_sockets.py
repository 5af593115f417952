"""What every socket does: slow clients, heartbeats, credentials that end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor, CreateUser
from notebook_agents_server import sockets
from notebook_agents_server.failures import Dialect, plain_body
from notebook_agents_server.sockets import BaseSocket, MalformedFrame
from notebook_agents_server.testing import Client, services_of


class Number(BaseModel):
    """A frame of the socket below."""

    type: str = "number"
    value: int


class Flood(BaseSocket):
    """Sends as many frames as the client asks for, at once; fails for negative numbers."""

    frames = TypeAdapter(Number)

    async def on_frame(self, frame: Any) -> None:
        if frame.value < 0:
            raise RuntimeError("secret")
        for value in range(frame.value):
            self.send(Number(value=value))


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A test's own settings, given as a parameter."""
    return dict(getattr(request, "param", {}))


@pytest.fixture
async def flood(client: Client, jp_serverapp: Any) -> Any:
    services = jp_serverapp.extension_manager.extension_points["notebook_agents"].app.services
    path = jp_serverapp.base_url + "flood"
    jp_serverapp.web_app.add_handlers(".*$", [(path, Flood, {"services": services})])
    yield await client.socket("/flood")  # noqa: PT022 - async fixtures are generators here


async def test_frames_arrive_in_order(flood: Any) -> None:
    await flood.send({"value": 500})
    assert [(await flood.receive())["value"] for _ in range(500)] == list(range(500))


async def test_a_client_that_falls_behind_is_closed_with_1013(flood: Any) -> None:
    await flood.send({"value": sockets.MAX_WAITING_FRAMES + 2})
    while await flood.receive() is not None:
        pass
    assert flood.close_code == 1013


async def test_an_unknown_failure_closes_1011_without_its_text(
    flood: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await flood.send({"value": -1})
    frame = await flood.receive()
    assert frame["message"] == "internal error"
    assert "secret" not in json.dumps(frame)
    assert await flood.receive() is None
    assert flood.close_code == 1011


@pytest.mark.parametrize("settings", [{"heartbeat_s": 0.05}], indirect=True)
async def test_a_revoked_key_ends_the_socket_at_the_next_heartbeat(
    client: Client, core: Core
) -> None:
    owner, _ = await core.users.ensure_owner("unused-password")
    actor = Actor(user_id=owner.id, username=owner.username)
    key, secret = await core.api_keys.create(actor, "short")
    agent = (await client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    socket = await client.holding(secret).socket(f"/v1/ws/stream/{agent}")
    ping = await socket.receive()
    assert ping["type"] == "ping"
    assert ping["timestamp"].endswith("Z")
    await core.api_keys.revoke(actor, key.id)
    frames = []
    async with asyncio.timeout(10):
        while (frame := await socket.receive()) is not None:
            frames.append(frame)
    assert frames[-1]["error"]["code"] == "INVALID_API_KEY"
    assert socket.close_code == 4401


@pytest.mark.parametrize("settings", [{"heartbeat_s": 0.05}], indirect=True)
async def test_who_is_no_administrator_any_more_does_not_go_on_as_one(
    client: Client, core: Core
) -> None:
    owner, _ = await core.users.ensure_owner("unused-password")
    root = Actor(user_id=owner.id, username=owner.username, is_admin=True)
    wish = CreateUser(
        username="boss", email="boss@example.org", password="long enough", is_admin=True
    )
    boss = await core.users.create(wish)
    body = {"username": "boss", "password": "long enough"}
    token = (await client.holding(None).post("/v1/auth/login", body)).json["access_token"]
    agent = (await client.post("/v1/agents", {"name": "the owner's"})).json["agent_id"]
    socket = await client.holding(token).socket(f"/v1/ws/stream/{agent}")
    assert (await socket.receive())["type"] == "ping"
    await core.users.set_admin(root, boss.id, is_admin=False)
    async with asyncio.timeout(60):
        while (frame := await socket.receive()) is not None:
            last = frame
    assert ("has changed" in last["error"]["message"], socket.close_code) == (True, 4401)


@pytest.mark.parametrize("token", [True, False])
async def test_a_frame_that_is_nested_too_deeply_is_the_clients_mistake(
    client: Client, caplog: pytest.LogCaptureFixture, *, token: bool
) -> None:
    agent = (await client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    visitor = client if token else client.holding(None)
    socket = await visitor.socket(f"/v1/ws/stream/{agent}")
    await socket.connection.write_message("[" * 100_000)
    frame = (await socket.until("error"))[-1]
    assert frame["error"]["code"] == ("INVALID_REQUEST" if token else "INVALID_API_KEY")
    assert "failed" not in caplog.text, "nobody writes into our log so easily"


@pytest.mark.parametrize("settings", [{"first_frame_timeout_s": 0.05}], indirect=True)
async def test_a_client_that_never_says_who_it_is_is_closed(client: Client) -> None:
    socket = await client.holding(None).socket("/v1/ws/stream/agent_abc123")
    async with asyncio.timeout(10):
        assert await socket.receive() is None
    assert socket.close_code == 4401


async def test_credentials_in_the_address_do_not_reach_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    token = client.headers["Authorization"].split()[-1]
    caplog.clear()
    anybody = client.holding(None)
    for name in ("token", "api_key"):
        socket = await anybody.socket("/v1/ws/stream/agent_abc123", query={name: token})
        assert (await socket.receive())["type"] == "error"
        assert await socket.receive() is None
    await anybody.get(f"/v1/agents?token={token}")
    await anybody.get("/v1/agents", Authorization=f"Bearer {token}x")
    assert token not in caplog.text


class Strict(BaseSocket):
    """Refuses after the handshake, and ends when it is sent what is no JSON."""

    dialect = Dialect(
        name="strict",
        error_body=plain_body,
        ends_sockets=(MalformedFrame,),
        close_codes={MalformedFrame: 4002},
        refuses_after_handshake=True,
    )
    frames = TypeAdapter(Number)

    async def on_frame(self, frame: Any) -> None:
        self.send(frame)


@pytest.fixture
async def strict(client: Client, jp_serverapp: Any) -> Any:
    rule = (jp_serverapp.base_url + "strict", Strict, {"services": services_of(jp_serverapp)})
    jp_serverapp.web_app.add_handlers(".*$", [rule])
    yield client  # noqa: PT022 - async fixtures are generators here


async def test_what_is_no_json_ends_a_socket_where_the_document_says_so(strict: Client) -> None:
    socket = await strict.socket("/strict")
    await socket.send(["a frame of the wrong shape"])
    assert (await socket.receive())["type"] == "error"
    await socket.send({"value": 1})
    assert (await socket.receive())["value"] == 1
    await socket.connection.write_message("{")
    assert (await socket.receive())["code"] == "invalid_request"
    assert await socket.receive() is None
    assert socket.close_code == 4002


async def test_a_wrong_credential_is_refused_after_the_handshake_where_the_document_says_so(
    strict: Client,
) -> None:
    stranger = strict.holding("nba_wrong")
    socket = await stranger.socket("/strict")
    assert (await socket.receive())["code"] == "not_authenticated"
    assert await socket.receive() is None
    assert socket.close_code == 4401
    assert (await stranger.get("/strict")).status == 401
