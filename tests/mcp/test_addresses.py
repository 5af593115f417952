"""Tool servers at addresses: one of others over both kinds of HTTP, and where nothing goes."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.mcp.conftest import ANN, say

from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.tool_server_rules import ToolServerKind
from notebook_agents.core.tool_servers import RegisterToolServer
from notebook_agents.outbound.addresses import Rules
from notebook_agents.outbound.targets import Guard
from notebook_agents.outbound.transport import Outbound

EVERYTHING = (
    Path(__file__).parent / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def everything(kind: str) -> Iterator[int]:
    """The protocol's own example server, as it is on npm."""
    node = shutil.which("node")
    if node is None or not EVERYTHING.exists():
        pytest.skip("no server-everything: npm ci --prefix tests/mcp")
    port = free_port()
    server = subprocess.Popen(
        [node, str(EVERYTHING), kind],
        env={"PATH": os.environ["PATH"], "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        give_up = time.monotonic() + 20
        while time.monotonic() < give_up:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port
    finally:
        server.kill()
        server.wait()


@pytest.fixture(params=["http", "sse"])
def address(request: pytest.FixtureRequest) -> Iterator[tuple[ToolServerKind, str]]:
    kind, path = {"http": ("streamableHttp", "/mcp"), "sse": ("sse", "/sse")}[request.param]
    with everything(kind) as port:
        yield request.param, f"http://127.0.0.1:{port}{path}"


async def test_the_agent_of_the_model_in_the_box_uses_a_server_of_others_over_http(
    real_core: Core, address: tuple[ToolServerKind, str]
) -> None:
    kind, url = address
    wish = RegisterToolServer(
        name="Every thing",
        kind=kind,
        url=url,
        secrets={"X-Key": "k"},
    )
    server = await real_core.tool_servers.register(ANN, wish)
    run = await say(real_core, "/every_thing__echo message='over the wire'")
    assert run.tool_calls[0].status == "succeeded", run.tool_calls
    assert "over the wire" in run.text
    run = await say(real_core, '/every_thing__get-sum {"a": 20, "b": 22}')
    assert "42" in run.text
    server = await real_core.tool_servers.get(ANN, server.id)
    assert server.status == "ready"
    assert len(server.tools) > 5


async def test_a_server_that_went_away_is_told_and_does_not_hang(real_core: Core) -> None:
    port = free_port()
    wish = RegisterToolServer(name="gone", kind="http", url=f"http://127.0.0.1:{port}/mcp")
    server = await real_core.tool_servers.register(ANN, wish)
    found, _ = await real_core.tool_servers.health(ANN, server.id)
    assert found.status == "failed"
    assert "cannot be reached" in found.last_error


class Names:
    """A name whose address changes."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return [self.answers.pop(0)]


async def test_M07_nothing_goes_where_the_guard_says_no() -> None:
    names = Names("93.184.216.34", "127.0.0.1")
    outbound = Outbound(
        Guard(Rules(allow_private=False), resolve=names, setting="mcp_allow_private")
    )
    await outbound.check("https://example.org/mcp")
    async with httpx2.AsyncClient(transport=outbound.transport()) as client:
        with pytest.raises(httpx2.ConnectError, match=r"is private.*mcp_allow_private"):
            await client.post("https://example.org/mcp", json={})
        for url in ("http://example.org/", "https://u:p@example.org/", "ftp://example.org/"):
            with pytest.raises(httpx2.HTTPError):
                await client.post(url, json={})
    assert names.asked == ["example.org", "example.org"]
    names.answers = ["93.184.216.34"]
    with pytest.raises(InvalidRequest, match="use https"):
        await outbound.check("http://example.org/mcp")
    outbound.close()


async def answer(outbound: Outbound, response: bytes) -> httpx2.Response:
    """What a server answers that says just this."""

    async def say_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        writer.close()

    server = await asyncio.start_server(say_it, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with httpx2.AsyncClient(transport=outbound.transport()) as client:
            return await client.get(f"http://127.0.0.1:{port}/")
    finally:
        server.close()


async def test_answers_are_bounded_and_redirects_not_followed() -> None:
    outbound = Outbound(Guard(Rules(allow_private=True)))
    large = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"x" * (6 << 20)
    with pytest.raises(httpx2.ReadError, match="too large"):
        await answer(outbound, large)
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"
    with pytest.raises(httpx2.ReadError, match="compressed"):
        await answer(outbound, packed)
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    assert (await answer(outbound, moved)).status_code == 302
    outbound.close()
