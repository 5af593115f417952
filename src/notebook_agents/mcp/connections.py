"""One connection to a tool server: made by a task of its own, used by many, ended when idle.

What is sent and what comes back runs in the task that made the connection; calls wait for it. The
client offers servers nothing in return: no sampling, no questions to people, no folders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import ToolFailed

if TYPE_CHECKING:
    import mcp_types as types
    from mcp.client import Client

    from notebook_agents.core.outside_tools import OutsideTool

START_TIMEOUT_S = 30.0
"""Launchers such as npx and uvx fetch packages first."""
MAX_PAGES = 10
Transport = Callable[[], "AbstractAsyncContextManager[Any]"]


@dataclass(slots=True, kw_only=True)
class Connection:
    """A connection and what is known through it."""

    transport: Transport
    client: Client | None = None
    tools: Mapping[str, OutsideTool] = field(default_factory=dict)
    """By the server's own names, as they are now."""
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the results of tools are like, by the same names."""
    error: str = ""
    is_stale: bool = False
    """Whether the server said that its tools changed."""
    used_at: float = 0.0
    n_calls: int = 0
    """Calls under way."""
    n_good: int = 0
    """Calls that were answered."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it can be used, or never will be."""
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_usable(self) -> bool:
        """Whether calls can be made."""
        return self.client is not None and not self.ending.is_set()

    async def keep(self) -> None:
        """Connect, and stay connected until asked to end."""
        from mcp.client import Client

        try:
            async with Client(self.transport(), message_handler=self._notice, cache=None) as client:
                # Results are checked by us, without the server's regular expressions.
                setattr(client.session, "validate_tool_result", _unchecked)  # noqa: B010
                self.client = client
                self.ready.set()
                await self.ending.wait()
        except Exception as error:  # noqa: BLE001 - a server may fail in any way
            self.error = words_of(error)
        finally:
            self.client = None
            self.ending.set()
            self.ready.set()

    async def list_tools(self) -> list[types.Tool]:
        """All tools of the server, within bounds."""
        client = self._usable()
        found: list[types.Tool] = []
        cursor: str | None = None
        self.is_stale = False
        for _ in range(MAX_PAGES):
            page = await client.list_tools(cursor=cursor)
            found += page.tools
            cursor = page.next_cursor
            if not cursor:
                break
        return found

    async def call(self, tool: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """Use a tool."""
        self.n_calls += 1
        try:
            result = await self._usable().call_tool(tool, arguments)
            self.n_good += 1
            return result
        finally:
            self.n_calls -= 1

    def _usable(self) -> Client:
        if self.client is None:
            raise ToolFailed(f"the server cannot be used: {self.error or 'it ended'}")
        return self.client

    async def _notice(self, message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            self.is_stale = True


async def _unchecked(_name: str, _result: Any) -> None:
    return None


def is_broken(error: BaseException) -> bool:
    """Whether an error says that the connection is gone, and not only that a request failed."""
    import mcp_types
    from mcp.shared.exceptions import MCPError

    if not isinstance(error, MCPError):
        return True
    is_over = "terminated" in error.error.message.lower()
    return error.error.code == mcp_types.CONNECTION_CLOSED or is_over


def words_of(error: BaseException) -> str:
    """What went wrong, in one line; the first cause of a group of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, FileNotFoundError):
        return "the command was not found"
    text = " ".join(str(error).split())[:300]
    return text or type(error).__name__
