"""A thousand open streams at once, half of them sockets, half of them server-sent events."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tornado.httpclient import HTTPRequest

from notebook_agents_server.testing import Client, Socket

from .servers import Server

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]
N_EACH = 500
N_AT_ONCE = 50
"""Clients that come at one moment; the queue of a listening socket holds 128."""
N_HALF_OPEN = 100
MAX_GROWTH_BYTES = 256 << 20
WORDS = "slowly " + " ".join(f"word{n}" for n in range(40))
ANSWER = f"You said: {WORDS}"
MODEL = {"model_name": "other/model"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def many_files() -> None:
    """A thousand sockets of this process need as many descriptors."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[Server, None]:
    started = Server(tmp_path)
    try:
        await started.start()
        yield started
    finally:
        started.kill()


class EventReader:
    """Reads one answer as server-sent events, while it is made."""

    def __init__(self, client: Client, session: str, after: str = "") -> None:
        self.has_begun = asyncio.Event()
        self._received: list[bytes] = []
        self._client = client
        headers = {**client.headers, "Accept": "text/event-stream", "Content-Type": FORM}
        self._request = HTTPRequest(
            f"{client.origin}/notebook-agents/agent_c/api/v1/chat",
            method="POST",
            headers={**headers, **({"Last-Event-ID": after} if after else {})},
            body=urlencode({"ui_session_id": session, "message": WORDS}),
            streaming_callback=self._take,
            request_timeout=200,
            connect_timeout=100,
        )

    @property
    def first_id(self) -> str:
        return next(line for line in self._lines() if line.startswith("id: "))[4:]

    async def text(self) -> str:
        """The answer, whole."""
        await self._client.http.fetch(self._request)
        entries = [json.loads(line[6:]) for line in self._lines() if line.startswith("data: ")]
        assert entries[-1]["type"] == "interaction_end"
        return "".join(entry["data"] for entry in entries if entry["type"] == "content")

    def _take(self, chunk: bytes) -> None:
        self._received.append(chunk)
        self.has_begun.set()

    def _lines(self) -> list[str]:
        return b"".join(self._received).decode().splitlines()


async def test_a_thousand_streams_hear_everything_and_memory_stays_bounded(
    server: Server, many_files: None
) -> None:
    client = server.client(max_clients=2 * N_EACH)
    try:
        half_open = [await begin_and_stop(server.port) for _ in range(N_HALF_OPEN)]
        sockets, path = await open_sockets(client)
        before = server.resident_bytes()
        session = (await client.post("/notebook-agents/agent_c/api/v1/initialize", MODEL)).json
        first = EventReader(client, session["ui_session_id"])
        reading = [asyncio.create_task(first.text())]  # noqa: TID251 - a client's
        await first.has_begun.wait()
        readers = [
            EventReader(client, session["ui_session_id"], first.first_id) for _ in range(N_EACH - 1)
        ]
        for start in range(0, len(readers), N_AT_ONCE):
            batch = readers[start : start + N_AT_ONCE]
            reading += [asyncio.create_task(each.text()) for each in batch]  # noqa: TID251
            await asyncio.gather(*(reader.has_begun.wait() for reader in batch))
        await sockets[0].send({"type": "message", "content": WORDS, "metadata": {}})
        await asyncio.gather(*(each.until("token") for each in sockets))
        server.gate.touch()
        ends = await asyncio.gather(*(each.until("complete") for each in sockets))
        assert {end[-1]["content"] for end in ends} == {ANSWER}
        texts = await asyncio.gather(*reading)
        assert texts[0] == ANSWER
        assert {ANSWER.endswith(text) and len(text) > len(ANSWER) / 2 for text in texts} == {True}
        assert server.resident_bytes() - before < MAX_GROWTH_BYTES
        assert (await client.get(path)).status == 200
        for writer in half_open:
            writer.close()
    finally:
        client.close()


async def begin_and_stop(port: int) -> asyncio.StreamWriter:
    """A client that begins a request and never goes on."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /notebook-agents/agent_c/api/v1/chat HTTP/1.1\r\nContent-Length: 1000\r\n")
    return writer


async def open_sockets(client: Client) -> tuple[list[Socket], str]:
    """Sockets that all follow one conversation."""
    api = client.below("/notebook-agents/tektra")
    agent = await api.post("/v1/agents", {"name": "echo", "model": "other/model"})
    wish = {"message": "hello"}
    path = f"/v1/agents/{agent.json['agent_id']}/conversations"
    conversation_id = (await api.post(path, wish)).json["conversation_id"]
    sockets: list[Socket] = []
    while len(sockets) < N_EACH:
        opening = (api.socket(f"/v1/ws/conversations/{conversation_id}") for _ in range(N_AT_ONCE))
        sockets += await asyncio.gather(*opening)
    return sockets, f"/notebook-agents/tektra/v1/conversations/{conversation_id}"
