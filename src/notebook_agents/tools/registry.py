"""`Registry`: answers the core's ToolRunner port; every tool comes through the same door.

A tool is an entry point of the group ``notebook_agents.tools`` that names a `Tool`. Those of this
package are declared the same way as those of a plugin.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from notebook_agents.core.assessments import Assessment
from notebook_agents.core.errors import (
    LimitExceeded,
    NotebookAgentsError,
    NotFound,
    SandboxUnavailable,
    ToolFailed,
)
from notebook_agents.core.formatting import clip_text
from notebook_agents.core.ports import Sandbox
from notebook_agents.core.states import ToolStatus
from notebook_agents.core.tools import ToolInvocation, ToolResult, ToolSpec
from notebook_agents.tools.context import ToolContext
from notebook_agents.tools.definition import Tool, ToolOutput
from notebook_agents.tools.texts import one_line

GROUP = "notebook_agents.tools"
GRACE_SECONDS = 60.0
"""What a tool that uses the kernel gets beyond its time: the kernel may have to start first, other
calls may be ahead of it, and the kernel's own clock stops the code."""
MAX_CONTENT_CHARS = 1 << 20
"""Of a text for the model, whoever made the tool: it becomes an event and a message."""
CUT = "... cut after 1,048,576 characters"

_log = logging.getLogger(__name__)


class Registry:
    """The tools of a deployment, by name."""

    def __init__(self, sandbox: Sandbox, tools: Iterable[Tool]) -> None:
        self._sandbox = sandbox
        self._tools = {tool.spec.name: tool for tool in sorted(tools, key=lambda t: t.spec.name)}

    @classmethod
    def from_entry_points(
        cls, sandbox: Sandbox, enabled: Collection[str] | None = None
    ) -> Registry:
        """All installed tools, or those named; one that cannot be loaded is a warning."""
        found = entry_points(group=GROUP)
        wanted = [entry for entry in found if enabled is None or entry.name in enabled]
        return cls(sandbox, [tool for entry in wanted if (tool := _load(entry)) is not None])

    def including(self, *tools: Tool) -> Registry:
        """These tools too: such as need more of the deployment than a tool kernel."""
        return Registry(self._sandbox, [*self._tools.values(), *tools])

    def specs(self) -> Sequence[ToolSpec]:
        """Every tool, by name."""
        return tuple(tool.spec for tool in self._tools.values())

    def validate(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with defaults filled in; InvalidRequest names the wrong one."""
        return self._tool(name).validate(arguments)

    async def assess(self, name: str, arguments: Mapping[str, Any]) -> Assessment | None:
        """What the call would do by its arguments; None where the tool's effect says it all."""
        judge = self._tool(name).judge
        return None if judge is None else judge(arguments)

    def why_absent(self, name: str) -> str:  # noqa: ARG002
        """Nothing is known of tools that are not installed."""
        return ""

    async def run(self, invocation: ToolInvocation) -> ToolResult:
        """Use the tool; failures are results. Cancelling the awaiting task stops it."""
        tool = self._tool(invocation.name)
        may_write = tool.spec.effect == "write"
        context = ToolContext(invocation, self._sandbox, may_write=may_write)
        started = time.monotonic()
        output = await _guarded(tool, context)
        return _result(context, output, (time.monotonic() - started) * 1000)

    async def release(self, conversation_id: str) -> None:
        """End the conversation's tool kernel."""
        await self._sandbox.close(conversation_id)

    async def aclose(self) -> None:
        """End every tool kernel."""
        await self._sandbox.aclose()

    def _tool(self, name: str) -> Tool:
        if name not in self._tools:
            raise NotFound("tool", name)
        return self._tools[name]


def _load(entry: EntryPoint) -> Tool | None:
    try:
        tool = entry.load()
    except Exception as error:  # noqa: BLE001 - the code of a plugin may fail in any way
        _log.warning("tool %r from %r cannot be loaded: %s", entry.name, entry.value, error)
        return None
    if not isinstance(tool, Tool):
        _log.warning("tool %r: %r is not made with define_tool", entry.name, entry.value)
        return None
    if tool.spec.name != entry.name:
        _log.warning("tool %r calls itself %r; left out", entry.name, tool.spec.name)
        return None
    return tool


async def _guarded(tool: Tool, context: ToolContext) -> ToolOutput:
    """Run it within its time; whatever goes wrong becomes an output that says so."""
    limit_s = context.invocation.timeout_s
    grace_s = GRACE_SECONDS if tool.takes_context else 0.0
    try:
        async with asyncio.timeout(limit_s + grace_s):
            return _as_output(await tool.run(context, context.invocation.arguments))
    except TimeoutError:
        return _failure("TIMEOUT", f"{tool.spec.name} took longer than {limit_s:g} seconds")
    except ToolFailed as error:
        return _failure(error.reason or "ToolFailed", error.message)
    except SandboxUnavailable:
        raise
    except LimitExceeded as error:
        return _failure(str(error.details.get("limit") or type(error).__name__), error.message)
    except NotebookAgentsError as error:
        return _failure(type(error).__name__, error.message)
    except Exception as error:  # noqa: BLE001 - the code of a plugin may fail in any way
        _log.warning("tool %r failed", tool.spec.name, exc_info=error)
        return _failure(type(error).__name__, f"{type(error).__name__}: {error}")


def _as_output(returned: Any) -> ToolOutput:
    if isinstance(returned, ToolOutput):
        return returned
    if isinstance(returned, dict):
        content = "\n".join(f"{name}: {value}" for name, value in returned.items())
        return ToolOutput(content=content, value=returned)
    return ToolOutput(content=str(returned), value={"output": returned})


def _failure(error_type: str, message: str) -> ToolOutput:
    line = one_line(message)
    return ToolOutput(content=f"Error: {line}", value={"error": line}, error_type=error_type)


def _result(context: ToolContext, output: ToolOutput, duration_ms: float) -> ToolResult:
    outcomes = context.outcomes
    last = outcomes[-1] if outcomes else None
    status: ToolStatus = "failed" if output.error_type else "succeeded"
    if output.error_type == "TIMEOUT":
        status = "timed_out"
    return ToolResult(
        status=status,
        content=clip_text(output.content, max_chars=MAX_CONTENT_CHARS, marker=CUT),
        value=output.value,
        figures=output.figures,
        thought=output.thought,
        duration_ms=duration_ms,
        cpu_ms=sum(outcome.cpu_ms or 0.0 for outcome in outcomes) if outcomes else None,
        memory_bytes=last.memory_bytes if last else None,
        error_type=output.error_type,
        enforced_level=last.enforced_level if last else None,
        memory_enforcement=last.memory_enforcement if last else "",
        security_events=tuple(event for outcome in outcomes for event in outcome.security_events),
    )
