"""Endpoints of providers, played by a server of this process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from notebook_agents.providers.config import ProviderConfig
from notebook_agents.providers.engine import ProviderEngine

KEY = "sk-very-secret-key"


@dataclass
class Endpoint:
    """What it was asked, and what it answers."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    """Of the next answer, as server-sent events."""
    status: int = 200
    body: dict[str, Any] = field(default_factory=dict)
    """Of an answer that is an error."""
    n_lists: int = 0
    engines: list[ProviderEngine] = field(default_factory=list)

    def says(self, *events: dict[str, Any], names: bool = False) -> None:
        """Let the next answer stream these events."""
        self.lines = []
        for event in events:
            name = f"event: {event['type']}\n" if names else ""
            self.lines.append(f"{name}data: {json.dumps(event)}\n\n")

    def engine(self, kind: Any = "openai", key: str = KEY) -> ProviderEngine:
        """The engine that talks to it."""
        url = f"{self.url}/v1" if kind == "openai" else self.url
        config = ProviderConfig(
            name="lab", url=url, kind=kind, key=key, key_name="LAB_API_KEY", n_retries=0
        )
        self.engines.append(ProviderEngine(config))
        return self.engines[-1]


class Handler(RequestHandler):
    def initialize(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def post(self) -> None:
        self.endpoint.requests.append(json.loads(self.request.body))
        self.endpoint.headers.append(dict(self.request.headers))
        self.set_status(self.endpoint.status)
        if self.endpoint.status != 200:
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps(self.endpoint.body))
            return
        self.set_header("Content-Type", "text/event-stream")
        for line in self.endpoint.lines:
            self.write(line)
            await self.flush()
        self.finish("data: [DONE]\n\n" if "chat" in self.request.path else "")

    async def get(self) -> None:
        self.endpoint.n_lists += 1
        self.set_status(self.endpoint.status)
        self.finish({"data": [{"id": "small"}, {"id": "models/large"}]})


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    found = Endpoint()
    socket, port = bind_unused_port()
    found.url = f"http://127.0.0.1:{port}"
    server = HTTPServer(Application([(r"/.*", Handler, {"endpoint": found})]))
    server.add_socket(socket)
    yield found
    for engine in found.engines:
        await engine.aclose()
    server.stop()
    await server.close_all_connections()
