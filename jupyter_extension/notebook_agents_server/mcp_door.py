"""``/notebook-agents/mcp``: this server as a server of the Model Context Protocol.

The door is ours (credential, host, origin, limits); behind it `mcp_site` speaks the protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter
from tornado.iostream import StreamClosedError

from notebook_agents.core.errors import NotebookAgentsError, NotPermitted
from notebook_agents_server.base import BaseHandler, Dialect, Route
from notebook_agents_server.failures import PlainError, plain_body
from notebook_agents_server.mcp_site import Caller, McpSite
from notebook_agents_server.operations import operation

MCP = Dialect(
    name="mcp",
    title="notebook-agents MCP",
    error_body=plain_body,
    error_model=PlainError,
    limits={"general": "300/minute"},
)
MESSAGE = TypeAdapter(dict[str, Any])
SITE_SETTING = "notebook_agents_mcp_site"
INVALID_REQUEST = -32600
"""The code of JSON-RPC for what is no request."""
KEPT_BACK = frozenset({"authorization", "cookie"})
"""Headers that are nothing for anybody behind the door."""
OURS = frozenset({"connection", "content-length", "server", "date", "transfer-encoding"})
"""Headers that Tornado writes itself."""


class ProblemDetails(BaseModel):
    """What is wrong with a message."""

    code: int
    message: str


class Problem(BaseModel):
    """An error of the protocol (JSON-RPC)."""

    jsonrpc: Literal["2.0"]
    id: int | str | None = None
    error: ProblemDetails


class Mcp(BaseHandler):
    """``POST /notebook-agents/mcp``."""

    dialect = MCP
    endpoint = "/notebook-agents/mcp"
    request_headers = (
        f"{BaseHandler.request_headers}, Mcp-Method, Mcp-Name, Mcp-Protocol-Version, Mcp-Session-Id"
    )
    scope = "read"

    _gone: asyncio.Event
    _is_read = False
    _is_plain_refusal = False
    _answering: asyncio.Task[None] | None = None

    def check_host(self) -> None:
        """Refuse also pages of origins that nobody allowed."""
        super().check_host()
        origin = self.request.headers.get("Origin", "")
        if origin and origin != self.origin and not self.services.allows_origin(origin):
            raise NotPermitted("the origin is not allowed; see allow_origins")

    @operation(
        body=MESSAGE,
        content_type="text/event-stream, application/json",
        others=dict.fromkeys((400, 406, 415), Problem),
        tag="mcp",
    )
    async def post(self) -> None:
        """Speak the Model Context Protocol (streamable HTTP); the body is JSON-RPC."""
        self._gone = asyncio.Event()
        site: McpSite = self.settings.setdefault(SITE_SETTING, McpSite())
        caller = Caller(self.core, self.actor)
        work = site.serve(caller, self._asked(), self._receive, self._send)
        self._answering = self.core.spawn(self._quietly(work), name=f"MCP {self.request_id}")
        self.services.guests.admit(self)
        try:
            await asyncio.wait((self._answering,))
        finally:
            self.services.guests.dismiss(self)
            self._answering.cancel()
        error = self._eviction if self._answering.cancelled() else self._answering.exception()
        if error is not None and not self._headers_written:
            raise error
        if not self._finished:
            self.finish()

    def evict(self, error: NotebookAgentsError) -> None:
        """End the answer; what was started goes on."""
        self._eviction = error
        if self._answering is not None:
            self._answering.cancel()

    async def _quietly(self, work: Any) -> None:
        with suppress(StreamClosedError):  # the client went away
            await work

    def _asked(self) -> dict[str, Any]:
        """The request as the protocol of applications (ASGI) has it."""
        request = self.request
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.protocol,
            "path": request.path,
            "raw_path": request.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in request.headers.get_all()
                if name.lower() not in KEPT_BACK
            ],
            "client": (request.remote_ip, 0),
            "server": None,
        }

    async def _receive(self) -> dict[str, Any]:
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": self.request.body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.set_status(message["status"])
            self.clear_header("Content-Type")  # not ours, but that of the answer, if it has one
            for name, value in message.get("headers", ()):
                if name.decode().lower() not in OURS:
                    self.set_header(name.decode(), value.decode("latin-1"))
            has_type = "Content-Type" in self._headers
            self._is_plain_refusal = message["status"] >= 400 and not has_type
            return
        if self._is_plain_refusal:
            self._refuse(message.get("body", b"").decode())
            return
        self.write(message.get("body", b""))
        if message.get("more_body", False):
            await self.flush()
        elif not self._finished:
            self.finish()

    def _refuse(self, words: str) -> None:
        """Say as the protocol does what the SDK says in words of no type, or in none."""
        details = ProblemDetails(code=INVALID_REQUEST, message=words or self._reason)
        self.set_header("Content-Type", "application/json")
        self.finish(Problem(jsonrpc="2.0", error=details).model_dump_json())

    def on_connection_close(self) -> None:
        """End the answer; what was started goes on."""
        super().on_connection_close()
        if self._answering is not None:
            self._gone.set()
            self._answering.cancel()


ROUTES: list[Route] = [(r"", Mcp)]
