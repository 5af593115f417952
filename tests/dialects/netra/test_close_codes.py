"""Who may connect to Netra's socket, and how it closes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tornado.iostream import IOStream
from tornado.websocket import WebSocketProtocol13

from notebook_agents.core.core import Core
from notebook_agents_server.app import NotebookAgentsApp
from notebook_agents_server.base import Services
from notebook_agents_server.testing import Client, Socket

from .conftest import DOCUMENTED, People, connected


def stream_of(socket: Socket) -> IOStream:
    """What the frames of a client go through."""
    protocol = socket.connection.protocol
    assert isinstance(protocol, WebSocketProtocol13)
    assert isinstance(protocol.stream, IOStream)
    return protocol.stream


async def closed(socket: Socket) -> tuple[list[Any], int | None]:
    """What came before the end, and the close code."""
    frames = []
    while (frame := await socket.receive()) is not None:
        frames.append(frame)
    return frames, socket.close_code


def services_of(serverapp: ServerApp) -> Services:
    points = serverapp.extension_manager.extension_apps["notebook_agents_server"]
    app = next(app for app in points if isinstance(app, NotebookAgentsApp))
    assert app.services is not None
    return app.services


async def test_N_52_a_client_that_leaves_closes_normally(netra: Client) -> None:
    socket = await connected(netra)
    socket.connection.close(1000, "bye")
    assert await closed(socket) == ([], 1000)


async def test_N_53_a_server_that_stops_says_so(netra: Client, jp_serverapp: ServerApp) -> None:
    socket = await connected(netra)
    services_of(jp_serverapp).close_sockets()
    assert await closed(socket) == ([], 1001)


async def test_N_54_N_56_a_frame_that_breaks_the_protocol_closes_1002(netra: Client) -> None:
    socket = await connected(netra)
    await stream_of(socket).write(b"\xf1\x80\x00\x00\x00\x00")  # reserved bits
    assert await closed(socket) == ([], 1002)


async def test_N_55_bytes_close_1003(netra: Client) -> None:
    socket = await connected(netra)
    await socket.connection.write_message(b'{"type": "ping"}', binary=True)
    (frame,), code = await closed(socket)
    assert (frame["data"]["message"], code) == ("send JSON as text", 1003)


async def test_N_57_text_that_is_no_utf_8_closes_1007(netra: Client) -> None:
    socket = await connected(netra)
    await stream_of(socket).write(b"\x81\x81\x00\x00\x00\x00\xff")
    assert await closed(socket) == ([], 1007)


async def test_N_58_a_credential_that_is_not_for_this_closes_1008(
    people: People, client: Client
) -> None:
    token = people.ann.headers["Authorization"].split()[-1]
    key = await client.holding(token).post("/v1/auth/keys", {"name": "r", "scopes": ["read"]})
    socket = await people.ann.holding(key.json["api_key"]).socket("/ws")
    (frame,), code = await closed(socket)
    assert (frame["data"]["code"], code) == ("FORBIDDEN", 1008)


async def test_N_59_a_message_that_is_too_big_closes_1009(netra: Client) -> None:
    socket = await connected(netra)
    await socket.connection.write_message("x" * (1024 * 1024 + 1))
    assert await closed(socket) == ([], 1009)


async def test_N_60_our_own_mistake_closes_1011(
    netra: Client, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("secret")

    socket = await connected(netra)
    monkeypatch.setattr(core.agents, "ensure", broken)
    await socket.send(DOCUMENTED)
    (frame,), code = await closed(socket)
    assert (frame["data"]["code"], code) == ("INTERNAL_ERROR", 1011)
    assert "secret" not in str(frame)


@pytest.mark.parametrize("credential", [None, "nonsense", "nba_wrong"])
async def test_N_61_a_wrong_credential_closes_4000(netra: Client, credential: str | None) -> None:
    query = {"token": credential} if credential else {}
    socket = await netra.holding(None).socket("/ws", query=query)
    (frame,), code = await closed(socket)
    assert (frame["type"], frame["data"]["code"], code) == ("error", "UNAUTHORIZED", 4000)


async def test_N_62_an_expired_token_closes_4001(
    people: People, core: Core, jp_serverapp: ServerApp
) -> None:
    gatekeeper = services_of(jp_serverapp).ready()[1]
    ann = await core.users.find("ann")
    assert ann is not None
    login = await core.logins.start(ann, dialect="netra", lifetime_s=60)
    claims = {
        "sub": ann.id,
        "sid": login.id,
        "aud": "notebook-agents",
        "epo": login.token_epoch,
        "dlt": "netra",
    }
    token = gatekeeper.tokens.sign(claims, until=datetime.now(UTC) - timedelta(minutes=5))
    socket = await people.nobody.socket("/ws", query={"token": token})
    (frame,), code = await closed(socket)
    assert (frame["data"]["message"], code) == ("the token has expired; log in again", 4001)


@pytest.mark.parametrize("message", ["no json", '{"type": ', ""])
async def test_N_63_what_is_no_json_closes_4002(netra: Client, message: str) -> None:
    socket = await connected(netra)
    await socket.connection.write_message(message)
    (frame,), code = await closed(socket)
    assert (frame["type"], code) == ("error", 4002)


class TestLimits:
    """With the document's numbers."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {}

    async def test_N_64_N_70_more_than_30_messages_a_minute_close_4003(self, netra: Client) -> None:
        socket = await connected(netra)
        for _ in range(31):
            await socket.send({"type": "ping"})
        frames, code = await closed(socket)
        assert [frame["type"] for frame in frames] == ["pong"] * 30 + ["error"]
        assert (frames[-1]["data"]["code"], code) == ("RATE_LIMITED", 4003)


class TestHeartbeat:
    """With heartbeats that come often."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"heartbeat_s": 0.05, "rate_limiting": False}

    async def test_N_65_a_token_that_was_revoked_ends_the_socket(self, people: People) -> None:
        socket = await connected(people.ann)
        assert (await people.ann.post("/api/auth/logout")).status == 200
        (frame,), code = await closed(socket)
        assert (frame["data"]["code"], code) == ("UNAUTHORIZED", 4000)
