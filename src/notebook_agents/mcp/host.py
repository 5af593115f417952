"""`McpHost`: answers the ToolServerHost port with the official SDK of the protocol.

Each user has a connection of their own to each server they use, and a program runs once for it. It
is started when it is needed and ends when nobody needed it for a while; one that fails is not tried
again at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from notebook_agents.core.errors import (
    LimitExceeded,
    NotebookAgentsError,
    ToolFailed,
    Unsupported,
)
from notebook_agents.core.outside_tools import CHANGED, OutsideResult, OutsideTool, ServerHealth
from notebook_agents.core.spawn import Supervisor
from notebook_agents.mcp import files, listing, schemas
from notebook_agents.mcp.connections import START_TIMEOUT_S, Connection, is_broken, words_of
from notebook_agents.mcp.plain_text import plain
from notebook_agents.mcp.programs import Program, Worlds, speaking_to
from notebook_agents.mcp.walls import View

if TYPE_CHECKING:
    import httpx2

    from notebook_agents.core.tool_servers import ToolServer
    from notebook_agents.core.tools import ToolInvocation

IDLE_S = 300.0
"""A connection that nobody used for this long ends."""
SWEEP_S = 30.0
LIST_TIMEOUT_S = 15.0
BACKOFF_S = (0.0, 1.0, 5.0, 15.0, 60.0)
"""How long to leave a server alone after so many failures in a row."""
FREE_CRASHES = 2
"""A server that ends by itself so often in a row is started again at once."""
MAX_PER_USER = 20
"""Connections of one user at the same time."""
END_TIMEOUT_S = 8.0
"""More than a program has to end; an address may not answer to a farewell."""
NO_KEY = "secrets of tool servers are kept by a server; start one: jupyter agents"


class Secrets(Protocol):
    """Encrypts what must not be read in the database."""

    def seal(self, secret: str) -> str:
        """Encrypted."""
        ...

    def open(self, sealed: str) -> str | None:
        """Decrypted; None without the key."""
        ...

    def renew(self, sealed: str) -> str:
        """Encrypted with the newest key."""
        ...


class Outbound(Protocol):
    """The way to addresses that people named."""

    async def check(self, url: str) -> str:
        """The host and port; InvalidRequest on the field ``url``."""
        ...

    def transport(self) -> httpx2.AsyncBaseTransport:
        """For one client."""
        ...

    def close(self) -> None:
        """Resolve nothing more."""
        ...


@dataclass(slots=True)
class _Link:
    """What is kept for one server and user, also while there is no connection."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    connection: Connection | None = None
    task: asyncio.Task[None] | None = None
    program: Program | None = None
    revision: Any = None
    n_starts: int = 0
    n_failures: int = 0
    n_crashes: int = 0
    """Connections in a row that ended by themselves, without a call that went well."""
    retry_at: float = 0.0
    error: str = ""


class McpHost:
    """Keeps the connections."""

    runs_here: bool = True

    def __init__(
        self,
        worlds: Worlds,
        outbound: Outbound,
        secrets: Secrets | None,
        *,
        idle_s: float = IDLE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worlds = worlds
        self._outbound = outbound
        self._secrets = secrets
        self._idle_s = idle_s
        self._clock = clock
        self._links: dict[tuple[str, str], _Link] = {}
        self._supervisor = Supervisor()
        self._sweeping: asyncio.Task[None] | None = None

    # -- secrets, addresses, texts -------------------------------------------------------------

    async def check_url(self, url: str) -> None:
        """InvalidRequest on the field ``url`` when nothing may be sent there."""
        await self._outbound.check(url)

    def seal(self, values: Mapping[str, str]) -> str:
        """Secrets as they may be stored."""
        if self._secrets is None:
            raise Unsupported(NO_KEY)
        return self._secrets.seal(json.dumps(dict(values)))

    def renew(self, sealed: str) -> str:
        """The same secrets sealed with the newest key."""
        return sealed if self._secrets is None else self._secrets.renew(sealed)

    def unseal(self, sealed: str) -> dict[str, str]:
        """The secrets."""
        opened = self._secrets.open(sealed) if self._secrets is not None else None
        if opened is None:
            raise Unsupported(f"the variables cannot be read here; set them again ({NO_KEY})")
        values: dict[str, str] = json.loads(opened)
        return values

    def read(self, content: bytes) -> Any:
        """The value of a JSON or YAML text."""
        return files.read(content)

    def write(self, value: Any, format: Literal["json", "yaml"]) -> str:
        """The value as a text."""
        return files.write(value, format)

    def validate(self, schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments; InvalidRequest names the wrong one."""
        return schemas.validated(schema, arguments)

    # -- use -----------------------------------------------------------------------------------

    async def tools(self, server: ToolServer, user_id: str) -> Sequence[OutsideTool]:
        """What the server lists now."""
        connection = await self._connected(server, user_id)
        return await self._list(server, connection)

    async def call(
        self, server: ToolServer, tool: OutsideTool, invocation: ToolInvocation
    ) -> OutsideResult:
        """Use a tool, if it still is what it was."""
        limit_s = invocation.timeout_s
        try:
            async with asyncio.timeout(limit_s):
                connection = await self._connected(server, invocation.owner_id)
                if not connection.tools or connection.is_stale:
                    await self._list(server, connection)
                now = connection.tools.get(tool.tool)
                if now is None or now.digest != tool.digest:
                    raise ToolFailed(
                        f"{tool.name} changed or is gone; look at it and approve it again",
                        reason=CHANGED,
                    )
                result = await self._call(connection, tool, invocation.arguments)
        except TimeoutError:
            raise ToolFailed(
                f"{tool.name} took longer than {limit_s:g} seconds", reason="TIMEOUT"
            ) from None
        return await asyncio.to_thread(listing.result_of, result, connection.answers.get(tool.tool))

    async def _call(
        self, connection: Connection, tool: OutsideTool, arguments: dict[str, Any]
    ) -> Any:
        connection.used_at = self._clock()
        try:
            return await connection.call(tool.tool, arguments)
        except NotebookAgentsError:
            raise
        except TimeoutError:
            raise
        except Exception as error:
            if is_broken(error):
                connection.ending.set()
            if not connection.is_usable:
                raise ToolFailed(
                    f"the connection to the server ended: {words_of(error)}"
                ) from error
            raise ToolFailed(f"{tool.name} failed: {words_of(error)}") from error
        finally:
            connection.used_at = self._clock()

    async def _list(self, server: ToolServer, connection: Connection) -> tuple[OutsideTool, ...]:
        try:
            async with asyncio.timeout(LIST_TIMEOUT_S):
                raw = await connection.list_tools()
        except NotebookAgentsError:
            raise
        except TimeoutError:
            raise ToolFailed("the server did not list its tools in time") from None
        except Exception as error:
            raise ToolFailed(f"the server lists no tools: {words_of(error)}") from error
        found = await asyncio.to_thread(listing.listed, server.slug, raw)
        connection.answers = await asyncio.to_thread(listing.answers, raw)
        connection.tools = {tool.tool: tool for tool in found if tool.state == "ready"}
        return found

    def health(self, server: ToolServer, user_id: str) -> ServerHealth:
        """How the connection is; starts nothing."""
        link = self._links.get((server.id, user_id))
        if link is None:
            return ServerHealth()
        stderr = link.program.stderr.decode(errors="replace") if link.program else ""
        connection = link.connection
        return ServerHealth(
            is_running=connection is not None and connection.is_usable,
            n_starts=link.n_starts,
            is_stale=connection is not None and connection.is_stale,
            error=link.error,
            stderr=plain(stderr, 4096),
        )

    async def stop(self, server_id: str) -> None:
        """End the connections to a server, and its processes."""
        for key, link in list(self._links.items()):
            if key[0] == server_id:
                async with link.lock:
                    await _end(link)
                self._links.pop(key, None)

    async def forget(self, server_id: str) -> None:
        """The same, and remove what its processes have left."""
        await self.stop(server_id)
        await asyncio.to_thread(self._worlds.remove, server_id)

    async def aclose(self) -> None:
        """End all of them."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        await asyncio.gather(*(_end(link) for link in self._links.values()))
        self._links.clear()
        await self._supervisor.aclose()
        self._outbound.close()

    # -- connections ---------------------------------------------------------------------------

    async def _connected(self, server: ToolServer, user_id: str) -> Connection:
        key = (server.id, user_id)
        link = self._links.setdefault(key, _Link())
        async with link.lock:
            connection = link.connection
            is_current = link.revision == server.updated_at
            if connection is not None and connection.is_usable and is_current:
                connection.used_at = self._clock()
                return connection
            if connection is not None and is_current:
                self._note_crash(link, connection)
            await _end(link)
            return await self._start(link, server, user_id)

    async def _start(self, link: _Link, server: ToolServer, user_id: str) -> Connection:
        self._require_room(link, server, user_id)
        self._sweep()
        link.revision = server.updated_at
        link.n_starts += 1
        link.connection = connection = Connection(
            transport=self._transport(link, server, user_id), used_at=self._clock()
        )
        if link.program is not None:
            link.program.on_end = connection.ending.set
        link.task = self._supervisor.spawn(connection.keep(), name=f"tool server {server.id}")
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await connection.ready.wait()
            error = connection.error
        except TimeoutError:
            error = f"it did not answer within {START_TIMEOUT_S:g} s"
        if connection.is_usable and not error:
            link.n_failures, link.error = 0, ""
            return connection
        await _end(link)
        words = plain(link.program.last_words, 200) if link.program else ""
        link.error = error = ": ".join(filter(None, (error or "it ended", words)))
        link.n_failures += 1
        wait_s = BACKOFF_S[min(link.n_failures, len(BACKOFF_S) - 1)]
        link.retry_at = self._clock() + wait_s
        raise ToolFailed(f"the server {server.name!r} cannot be reached: {error}")

    def _note_crash(self, link: _Link, connection: Connection) -> None:
        link.n_crashes = 1 if connection.n_good else link.n_crashes + 1
        if link.n_crashes > FREE_CRASHES:
            link.error = f"it ended by itself {link.n_crashes} times"
            n_over = min(link.n_crashes - FREE_CRASHES, len(BACKOFF_S) - 1)
            link.retry_at = self._clock() + BACKOFF_S[n_over]

    def _require_room(self, link: _Link, server: ToolServer, user_id: str) -> None:
        if link.retry_at > self._clock() and link.revision == server.updated_at:
            wait_s = link.retry_at - self._clock()
            raise ToolFailed(
                f"the server {server.name!r} failed ({link.error}); it is tried again in"
                f" {wait_s:.0f} s"
            )
        n_open = sum(
            key[1] == user_id and other.connection is not None for key, other in self._links.items()
        )
        if n_open >= MAX_PER_USER:
            raise LimitExceeded(
                f"you use {MAX_PER_USER} tool servers at once; disable one first",
                limit="tool_servers",
            )

    def _transport(
        self, link: _Link, server: ToolServer, user_id: str
    ) -> Callable[[], AbstractAsyncContextManager[Any]]:
        values = self.unseal(server.sealed) if server.sealed else {}
        if server.kind == "stdio":
            link.program = program = Program(
                key=f"{server.id}/{user_id.replace('/', '_')}",
                command=(server.command, *server.args),
                named=server.args if server.is_trusted else (),
                variables=values,
                worlds=self._worlds,
            )
            return lambda: speaking_to(program)
        from notebook_agents.mcp.addresses import speaking_with

        return lambda: speaking_with(server.kind, server.url, values, self._outbound)

    def _sweep(self) -> None:
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = self._supervisor.spawn(self._sweep_on(), name="idle tool servers")

    async def _sweep_on(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP_S, self._idle_s))
            for link in list(self._links.values()):
                if not link.lock.locked():
                    async with link.lock:
                        await self._end_idle(link)

    async def _end_idle(self, link: _Link) -> None:
        connection = link.connection
        if connection is None:
            return
        is_idle = not connection.n_calls and self._clock() - connection.used_at >= self._idle_s
        if is_idle:
            await _end(link)
        elif not connection.is_usable:
            self._note_crash(link, connection)
            await _end(link)


async def _end(link: _Link) -> None:
    """End a connection and wait until nothing is left of it."""
    connection, link.connection = link.connection, None
    task, link.task = link.task, None
    if connection is not None:
        connection.ending.set()
    if task is not None:
        if connection is not None and connection.client is None:
            task.cancel()
        _, slow = await asyncio.wait((task,), timeout=END_TIMEOUT_S)
        for late in slow:
            late.cancel()
            await asyncio.wait((late,))


__all__ = ["McpHost", "Outbound", "Secrets", "View", "Worlds"]
