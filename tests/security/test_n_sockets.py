"""N14: what a client may send over a WebSocket is bounded, and others do not notice."""

from __future__ import annotations

import asyncio
import os
import socket as sockets
import struct
from typing import Any
from urllib.parse import urlsplit

import pytest

from notebook_agents_server.closing import FRAMES_AT_ONCE, Pace
from notebook_agents_server.testing import Client, Socket

FIN, TEXT, BINARY, PING = 0x80, 0x1, 0x2, 0x9
COMPRESSED = 0x40
MAX_SENT = 8 << 20


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


def frame(opcode: int, data: bytes, *, told: int | None = None, flags: int = FIN) -> bytes:
    """A frame as a client sends it; ``told`` is the length that it claims."""
    length = len(data) if told is None else told
    if length < 126:
        size = struct.pack("!B", 0x80 | length)
    elif length < 1 << 16:
        size = struct.pack("!BH", 0x80 | 126, length)
    else:
        size = struct.pack("!BQ", 0x80 | 127, length)
    return bytes([flags | opcode]) + size + b"\0\0\0\0" + data  # a mask of zeros changes nothing


async def raw(client: Client, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket whose bytes are ours."""
    address = urlsplit(client.origin)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    lines = (
        f"GET {client.base_path}{path} HTTP/1.1",
        f"Host: {address.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Extensions: permessage-deflate",
        f"Authorization: {client.headers['Authorization']}",
    )
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert b"deflate" not in head
    return reader, writer


async def close_code(reader: asyncio.StreamReader) -> int | None:
    """Why the server closed; None when it only hung up."""
    while True:
        try:
            first, second = await reader.readexactly(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
            data = await reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        if first & 0xF == 0x8:
            return int.from_bytes(data[:2], "big")


ATTEMPTS: dict[str, tuple[bytes, set[int | None]]] = {
    "huge": (frame(TEXT, b"{", told=100 << 20), {1002, 1009, None}),
    "fragments": (
        frame(TEXT, b"x" * 60_000, flags=0) + frame(0, b"x" * 60_000, flags=0) * 30,
        {1002, 1009, None},
    ),
    "tiny": (frame(TEXT, b"") * (FRAMES_AT_ONCE + 2000), {1008, None}),
    "pings": (frame(PING, b"x" * 125) * (FRAMES_AT_ONCE + 2000), {1008, None}),
    "not text": (frame(TEXT, b"\xff\xfe{}"), {1007}),
    "compressed": (frame(TEXT, b"\x00" * 100, flags=FIN | COMPRESSED), {1002, None}),
    "reserved": (frame(0x3, b""), {1002, None}),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_n14_what_a_client_sends_is_bounded(client: Client, attempt: str) -> None:
    agent = (await client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    path = f"/v1/ws/stream/{agent}"
    other = await client.socket(path)
    reader, writer = await raw(client, path)
    sent, wanted = ATTEMPTS[attempt]
    assert len(sent) < MAX_SENT
    writer.write(sent)
    async with asyncio.timeout(20):
        assert await close_code(reader) in wanted
    writer.close()
    await answers(other)
    assert (await client.get("/v1/health")).status == 200


async def answers(socket: Socket) -> None:
    """What somebody else's socket is told still comes."""
    await socket.send({"type": "nonsense"})
    frame = await socket.receive()
    assert frame["type"] == "error"


async def test_n14_binary_is_read_as_the_text_it_is_or_refused(client: Client) -> None:
    agent = (await client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    socket = await client.socket(f"/v1/ws/stream/{agent}")
    for data in (b"\xff\xfe\x00", os.urandom(100), b'{"type": "nonsense"}'):
        await socket.connection.write_message(data, binary=True)
        assert (await socket.receive())["type"] == "error"
    await answers(socket)


async def test_n14_who_never_reads_is_let_go_and_costs_little(client: Client) -> None:
    agent = (await client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    _, writer = await raw(client, f"/v1/ws/stream/{agent}")
    writer.get_extra_info("socket").setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(frame(TEXT, b'{"type": "nonsense"}') * (FRAMES_AT_ONCE - 1))
    await writer.drain()
    assert (await client.get("/v1/health")).status == 200
    writer.transport.abort()


def test_n14_a_pace_lets_a_conversation_through() -> None:
    calm = Pace(at_once=3, per_s=1e9)
    assert all(calm.allows() for _ in range(1000))
    hasty = Pace(at_once=3, per_s=1e-9)
    assert [hasty.allows() for _ in range(5)] == [True, True, True, False, False]
