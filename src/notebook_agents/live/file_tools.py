"""The tools that change files, in the notebook's folder: what they change can be undone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import ToolFailed
from notebook_agents.core.tools import ToolInvocation, ToolResult, ToolSpec

if TYPE_CHECKING:
    from notebook_agents.core.assessments import Assessment
    from notebook_agents.core.ports import ToolRunner
    from notebook_agents.live.desk import Desk
    from notebook_agents.live.notebook_tools import Saver

NAMES = ("file_writer", "file_editor")
CLOSING_S = 5.0
"""How long a call waits for the notebook's thread at its end."""


class FileTools:
    """Answers the ToolRunner port: the deployment's own tools, a checkpoint around each call."""

    def __init__(self, base: ToolRunner, desk: Desk, saver: Saver) -> None:
        self._base = base
        self._desk = desk
        self._saver = saver

    def specs(self) -> Sequence[ToolSpec]:
        """Those tools, as far as the deployment has them."""
        return tuple(spec for spec in self._base.specs() if spec.name in NAMES)

    def validate(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with defaults filled in; InvalidRequest names the wrong one."""
        return self._base.validate(name, arguments)

    async def assess(self, name: str, arguments: Mapping[str, Any]) -> Assessment | None:
        """What the call would do."""
        return await self._base.assess(name, arguments)

    def why_absent(self, name: str) -> str:
        """Why there is no tool of that name."""
        return self._base.why_absent(name)

    async def run(self, invocation: ToolInvocation) -> ToolResult:
        """Use the tool; the file is kept before, and compared after."""
        started, id, call_id = time.monotonic(), invocation.conversation_id, invocation.call_id
        code = f"open({str(invocation.arguments.get('path', ''))!r}, 'w')"
        try:
            await self._desk.do(
                id,
                lambda: self._saver.before(
                    code=code, conversation_id=id, call_id=call_id, tool=invocation.name
                ),
            )
            try:
                return await self._base.run(invocation)
            finally:
                await self._close(invocation)
        except ToolFailed as error:
            return ToolResult(
                status="failed",
                content=f"Error: {error.message}",
                error_type=error.reason or "ToolFailed",
                duration_ms=(time.monotonic() - started) * 1000,
            )

    async def _close(self, invocation: ToolInvocation) -> None:
        """Compare what is there now, also after Stop; the call does not fail when nobody can."""
        call_id = invocation.call_id
        with suppress(ToolFailed, TimeoutError):
            async with asyncio.timeout(CLOSING_S):
                await self._desk.do(
                    invocation.conversation_id,
                    lambda: self._saver.after(call_id=call_id),
                    is_closing=True,
                )

    async def release(self, conversation_id: str) -> None:
        """Nothing is kept for a conversation."""

    async def aclose(self) -> None:
        """Nothing is open."""
