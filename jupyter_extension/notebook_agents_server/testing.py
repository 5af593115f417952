"""A live server around any core, for tests of the routes and of new dialects.

``serving(core)`` gives the configuration that makes a Jupyter server load the extension with that
core instead of building one; ``Client`` speaks to it as a program would, over real sockets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect
from traitlets.config import Config

from notebook_agents.core.users import CreateUser
from notebook_agents_server.app import NotebookAgentsApp
from notebook_agents_server.counters import MemoryCounters

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp
    from tornado.iostream import IOStream

    from notebook_agents.core.core import Core
    from notebook_agents_server.base import Services

TIMEOUT_S = 120.0
"""Long, for a server on a busy machine that loads a model before it answers."""
PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test


def serving(core: Core, home: Path, **settings: Any) -> Config:
    """The configuration of a Jupyter server with this core."""
    return Config(
        {
            "ServerApp": {"jpserver_extensions": {"notebook_agents_server": True}},
            NotebookAgentsApp.__name__: {
                "home": str(home),
                "core_factory": lambda _config, **_: core,
                **settings,
            },
        }
    )


async def start_extensions(serverapp: ServerApp) -> None:
    """Do what a server does once its event loop runs."""
    await serverapp.extension_manager.start_all_extensions()  # type: ignore[no-untyped-call]


def services_of(serverapp: ServerApp) -> Services:
    """What the handlers of a server work with."""
    services: Services = serverapp.extension_manager.extension_points[
        "notebook_agents"
    ].app.services
    return services


class SteppedCounters(MemoryCounters):
    """Counters whose windows end only when a test moves ``seconds`` on."""

    def __init__(self) -> None:
        super().__init__(now=lambda: self.seconds)
        self.seconds = time.time()
        """Epoch seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Socket:
    """A WebSocket that speaks JSON."""

    connection: WebSocketClientConnection
    _stream: IOStream = field(init=False)

    def __post_init__(self) -> None:
        protocol = self.connection.protocol
        assert protocol is not None
        assert protocol.stream is not None
        self._stream = protocol.stream

    async def send(self, frame: Any) -> None:
        """Send one frame."""
        await self.connection.write_message(json.dumps(frame))

    async def receive(self) -> Any:
        """The next frame; None once the socket is closed."""
        message = await self.connection.read_message()
        return None if message is None else json.loads(message)

    async def until(self, *types: str) -> list[Any]:
        """Frames up to and with the first of these types; pings left out."""
        frames: list[Any] = []
        while not frames or frames[-1]["type"] not in types:
            frame = await self.receive()
            assert frame is not None, f"closed with {self.close_code} after {frames}"
            if frame["type"] != "ping":
                frames.append(frame)
        return frames

    @property
    def close_code(self) -> int | None:
        """Why the server closed."""
        return self.connection.close_code

    def close(self) -> None:
        """Leave."""
        self.connection.close()

    def hang_up(self) -> None:
        """Leave without waiting for what the server still says."""
        self.close()
        self._stream.close()


@dataclass(frozen=True, slots=True)
class Client:
    """A program that talks to the server."""

    http: AsyncHTTPClient
    origin: str
    """``http://127.0.0.1:<port>``."""
    base_path: str
    """The server's base URL, and the mount that is spoken to."""
    headers: Mapping[str, str] = field(default_factory=dict)
    sockets: list[Socket] = field(default_factory=list)

    def below(self, path: str) -> Client:
        """The same client at another mount."""
        return replace(self, base_path=self.base_path + path)

    def holding(self, credential: str | None) -> Client:
        """The same client with another credential, or none."""
        headers = {k: v for k, v in self.headers.items() if k != "Authorization"}
        if credential is not None:
            headers["Authorization"] = f"Bearer {credential}"
        return replace(self, headers=headers)

    def close(self) -> None:
        """Close every socket that is still open, and the HTTP client."""
        for socket in self.sockets:
            socket.hang_up()
        self.http.close()

    async def ask(self, verb: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request; ``headers`` are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None and not any(name.lower() == "content-type" for name in named):
            named["Content-Type"] = "application/json"
        request = HTTPRequest(
            f"{self.origin}{self.base_path}{path}",
            method=verb,
            headers={**self.headers, **named},
            body=data,
            request_timeout=TIMEOUT_S,
            allow_nonstandard_methods=True,
            follow_redirects=False,
        )
        return _answer(await self.http.fetch(request, raise_error=False))

    async def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """POST."""
        return await self.ask("POST", path, body if body is not None else {}, **headers)

    async def put(self, path: str, body: Any) -> Answer:
        """PUT."""
        return await self.ask("PUT", path, body)

    async def delete(self, path: str) -> Answer:
        """DELETE."""
        return await self.ask("DELETE", path)

    async def socket(
        self,
        path: str,
        *,
        subprotocols: list[str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Socket:
        """A WebSocket."""
        url = f"{self.origin.replace('http', 'ws', 1)}{self.base_path}{path}"
        if query:
            url += "?" + urlencode(query)
        request = HTTPRequest(url, headers=dict(self.headers), connect_timeout=TIMEOUT_S)
        socket = Socket(await websocket_connect(request, subprotocols=subprotocols))
        self.sockets.append(socket)
        return socket


async def with_account(client: Client, core: Core, name: str) -> Client:
    """The same client as somebody new, who has logged in."""
    wish = CreateUser(username=name, email=f"{name}@example.org", password=PASSWORD)
    await core.users.create(wish)
    login = await client.post("/v1/auth/login", {"username": name, "password": PASSWORD})
    return client.holding(login.json["access_token"])


def _answer(response: HTTPResponse) -> Answer:
    return Answer(status=response.code, headers=response.headers, body=response.body)
