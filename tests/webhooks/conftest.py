"""A real receiver on loopback, databases of its own, and letters."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.deliveries import Letter
from notebook_agents.outbound.addresses import Rules
from notebook_agents.outbound.targets import Guard
from notebook_agents.outbound.transport import Outbound
from notebook_agents.webhooks.sender import HttpSender

KEY = b"k" * 32
SECRET = "webhook_secret_key"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Received:
    line: str
    headers: dict[str, str]
    body: bytes


Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """An HTTP server that keeps what it gets and answers as it is told."""

    requests: list[Received] = field(default_factory=list)
    answer: bytes | Answering = OK
    n_connections: int = 0
    port: int = 0
    has_come: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set[asyncio.Task[Any]] = field(default_factory=set)

    def url(self, host: str = "127.0.0.1", path: str = "/hook?x=1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = (line.split(": ", 1) for line in head[1:] if line)
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers["content-length"]))
            self.requests.append(Received(head[0], headers, body))
            self.has_come.set()
            if isinstance(self.answer, bytes):
                writer.write(self.answer)
                await writer.drain()
            else:
                await self.answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def received(self, n: int) -> list[Received]:
        """The requests, once there are so many."""
        async with asyncio.timeout(60):
            while len(self.requests) < n:
                self.has_come.clear()
                await self.has_come.wait()
        return self.requests


Open = Callable[..., Awaitable[Receiver]]


@pytest.fixture
async def open_receiver() -> AsyncIterator[Open]:
    servers: list[asyncio.Server] = []
    receivers: list[Receiver] = []

    async def open_one(
        host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> Receiver:
        receiver = Receiver()
        server = await asyncio.start_server(receiver.serve, host, port, ssl=tls)
        servers.append(server)
        receivers.append(receiver)
        receiver.port = server.sockets[0].getsockname()[1]
        return receiver

    yield open_one
    for server in servers:
        server.close()
    serving = [task for receiver in receivers for task in receiver.serving]
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)


@pytest.fixture
async def receiver(open_receiver: Open) -> AsyncIterator[Receiver]:
    yield await open_receiver()  # noqa: PT022 - async fixtures must yield


@pytest.fixture
def make_sender() -> Callable[..., HttpSender]:
    def make(
        *answers: list[str] | OSError, allow_private: bool = True, **options: Any
    ) -> HttpSender:
        """With ``answers``, names resolve to them, one after the other, the last one on and on."""
        left = list(answers)

        def resolve(_host: str, _port: int) -> list[str]:
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, OSError):
                raise answer
            return answer

        guard = (
            Guard(Rules(allow_private=allow_private), resolve=resolve)
            if answers
            else Guard(Rules(allow_private=allow_private))
        )
        outbound = Outbound(guard, trusted=options.pop("trusted", None))
        return HttpSender(lambda: [KEY], outbound, **options)

    return make


@pytest.fixture
def sender(make_sender: Callable[..., HttpSender]) -> HttpSender:
    return make_sender()


@pytest.fixture
def letter_to(sender: HttpSender) -> Callable[..., Letter]:
    def write(url: str, secret: str = SECRET, **fields: Any) -> Letter:
        values: dict[str, Any] = {
            "url": url,
            "sealed_secret": sender.seal(secret),
            "id": "0193-id",
            "event": "conversation.completed",
            "occurred_at": datetime(2024, 1, 1, 16, tzinfo=UTC),
            "sent_at": datetime.now(UTC),
            "data": {
                "conversation_id": "conv_xyz789",
                "duration_ms": 3500,
                "text": "é ü 😀 \u2028",
            },
        }
        return Letter(**(values | fields))

    return write


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return str(request.getfixturevalue("own_schema_url"))
