"""Tool servers used on behalf of kernels: what a server does for them, and its wire.

The secrets of a tool server can be read only by a process that has the keys. A kernel has none, so
it asks the server that started it, which lists and calls for the user of the kernel. Whether a call
is allowed has been decided in the kernel by then, as for tools that run there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter

from notebook_agents.core.errors import NotebookAgentsError, ToolFailed
from notebook_agents.core.outside_tools import CHANGED, OutsideResult, OutsideTool
from notebook_agents.core.tools import ToolInvocation

if TYPE_CHECKING:
    from notebook_agents.core.tool_servers import ToolServer, ToolServers
    from notebook_agents.core.users import Actor

PATH = "/notebook-agents/engine/tool-servers"
"""Where a server does it, below its base URL."""
MAX_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideCall:
    """A kernel's wish for one call."""

    tool: Annotated[str, Field(max_length=256)]
    """What its server calls it."""
    digest: Annotated[str, Field(max_length=256)]
    """Of what the kernel knows of it."""
    arguments: dict[str, Any] = field(default_factory=dict)
    timeout_s: Annotated[float, Field(gt=0, le=MAX_TIMEOUT_S)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideAnswer:
    """What came of asking a tool server: its tools, a result, or a failure."""

    tools: tuple[OutsideTool, ...] = ()
    result: OutsideResult | None = None
    failure: str = ""
    reason: str = ""
    """The reason of a ToolFailed."""


OUTSIDE_CALL: TypeAdapter[OutsideCall] = TypeAdapter(OutsideCall)
OUTSIDE_ANSWER: TypeAdapter[OutsideAnswer] = TypeAdapter(OutsideAnswer)


async def tools_for(servers: ToolServers, actor: Actor, id: str) -> OutsideAnswer:
    """What a server that the actor's runs may use lists now; NotFound for any other."""
    server = await servers.usable(actor, id)
    try:
        return OutsideAnswer(tools=tuple(await servers.host.tools(server, actor.user_id)))
    except NotebookAgentsError as error:
        return _failure(error)


async def call_for(servers: ToolServers, actor: Actor, id: str, wish: OutsideCall) -> OutsideAnswer:
    """One call of a tool that is approved; NotFound for a server that is not the actor's."""
    server = await servers.usable(actor, id)
    try:
        tool = _approved(server, wish)
        invocation = ToolInvocation(
            call_id="",
            name=tool.name,
            arguments=servers.host.validate(tool.parameters, wish.arguments),
            owner_id=actor.user_id,
            conversation_id="",
            workspace="",
            level="low",
            timeout_s=wish.timeout_s,
            memory_bytes=0,
        )
        return OutsideAnswer(result=await servers.host.call(server, tool, invocation))
    except NotebookAgentsError as error:
        return _failure(error)


def _approved(server: ToolServer, wish: OutsideCall) -> OutsideTool:
    for tool in server.tools:
        if (tool.tool, tool.digest, tool.state) == (wish.tool, wish.digest, "ready"):
            return tool
    raise ToolFailed(
        f"{wish.tool} changed or is gone; look at it and approve it again", reason=CHANGED
    )


def _failure(error: NotebookAgentsError) -> OutsideAnswer:
    reason = (error.reason or "") if isinstance(error, ToolFailed) else ""
    return OutsideAnswer(failure=error.message, reason=reason)
