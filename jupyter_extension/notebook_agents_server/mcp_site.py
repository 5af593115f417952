"""The Model Context Protocol spoken by the official SDK, behind a door of ours.

The SDK's application (ASGI) is called once for each request and answers into the handler. There are
no sessions: every request brings its credential, so nothing but that says who asks.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from notebook_agents.core.errors import InvalidRequest, NotebookAgentsError
from notebook_agents_server.base import VERSION
from notebook_agents_server.failures import reading
from notebook_agents_server.mcp_offers import (
    CONVERSATIONS_URI,
    OFFERS,
    Offer,
    ReadConversation,
    Visit,
    Window,
    list_conversations,
    read_conversation,
)

if TYPE_CHECKING:
    import mcp_types as types
    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel.server import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from notebook_agents.core.core import Core
    from notebook_agents.core.users import Actor

NAME = "notebook-agents"
INSTRUCTIONS = (
    "AI agents of a notebook server. ask_agent answers a question with the server's agents and"
    " tools and returns a conversation_id to go on with; the other tools read what is there."
)
CALLER = "notebook_agents_caller"
N_LISTED = 50
"""Conversations that are listed as resources."""
_MODULES = ("mcp.server.lowlevel.server", "mcp.server.streamable_http_manager")
_log = logging.getLogger(__name__)
Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    core: Core
    actor: Actor


class McpSite:
    """The SDK's application, started at the first request."""

    def __init__(self) -> None:
        self._starting = asyncio.Lock()
        self._manager: StreamableHTTPSessionManager | None = None
        self._running: asyncio.Task[None] | None = None

    async def serve(
        self,
        caller: Caller,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        manager = await self._started(caller.core)
        await manager.handle_request({**scope, CALLER: caller}, receive, send)

    async def _started(self, core: Core) -> StreamableHTTPSessionManager:
        async with self._starting:
            if self._manager is None or self._running is None or self._running.done():
                for name in _MODULES:
                    # Some hundred milliseconds, once.
                    await asyncio.to_thread(importlib.import_module, name)
                from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

                self._manager = StreamableHTTPSessionManager(_server(), stateless=True)
                is_open = asyncio.Event()
                self._running = core.spawn(_run(self._manager, is_open), name="MCP")
                await is_open.wait()
            return self._manager


async def _run(manager: StreamableHTTPSessionManager, is_open: asyncio.Event) -> None:
    async with manager.run():
        is_open.set()
        await asyncio.Event().wait()


def _server() -> Server[Any]:
    from mcp.server.lowlevel.server import Server

    return Server(
        NAME,
        version=VERSION,
        title="notebook-agents",
        instructions=INSTRUCTIONS,
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
        on_list_resources=_list_resources,
        on_list_resource_templates=_list_templates,
        on_read_resource=_read_resource,
    )


def _visit(context: ServerRequestContext[Any, Any]) -> Visit:
    assert context.request is not None, "every request comes over HTTP"
    caller: Caller = context.request.scope[CALLER]

    async def tell(progress: float, words: str) -> None:
        await context.session.report_progress(progress, message=words)

    return Visit(core=caller.core, actor=caller.actor, tell=tell)


async def _list_tools(
    _context: ServerRequestContext[Any, Any], _params: Any
) -> types.ListToolsResult:
    import mcp_types as types

    return types.ListToolsResult(
        tools=[
            types.Tool(
                name=offer.name,
                title=offer.title,
                description=offer.description,
                input_schema=offer.takes.model_json_schema(),
                annotations=types.ToolAnnotations(read_only_hint=offer.is_read_only),
            )
            for offer in OFFERS.values()
        ]
    )


async def _call_tool(
    context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
) -> types.CallToolResult:
    import mcp_types as types

    try:
        value = await _work(_visit(context), params)
    except NotebookAgentsError as error:
        return types.CallToolResult(content=[_text(error.message)], is_error=True)
    except Exception:  # noqa: BLE001 - told in words of ours
        _log.exception("the MCP tool %r failed", params.name[:80])
        return types.CallToolResult(content=[_text("internal error")], is_error=True)
    return types.CallToolResult(
        content=[_text(json.dumps(value, ensure_ascii=False))], structured_content=value
    )


async def _work(visit: Visit, params: types.CallToolRequestParams) -> Any:
    offer: Offer | None = OFFERS.get(params.name)
    if offer is None:
        raise InvalidRequest(
            f"there is no tool {params.name[:80]!r}; there are: {', '.join(OFFERS)}"
        )
    visit.actor.require_scope(offer.scope)
    with reading():
        arguments = offer.takes.model_validate(params.arguments or {})
    return await offer.work(visit, arguments)


def _text(text: str) -> types.TextContent:
    import mcp_types as types

    return types.TextContent(type="text", text=text)


async def _list_resources(
    context: ServerRequestContext[Any, Any], _params: Any
) -> types.ListResourcesResult:
    import mcp_types as types

    found = await list_conversations(_visit(context), Window(limit=N_LISTED))
    return types.ListResourcesResult(
        resources=[
            types.Resource(
                uri=CONVERSATIONS_URI + entry["id"],
                name=entry["title"] or entry["id"],
                mime_type="application/json",
            )
            for entry in found["conversations"]
        ]
    )


async def _list_templates(
    _context: ServerRequestContext[Any, Any], _params: Any
) -> types.ListResourceTemplatesResult:
    import mcp_types as types

    template = types.ResourceTemplate(
        uri_template=CONVERSATIONS_URI + "{conversation_id}",
        name="conversation",
        description="One of your conversations with its messages.",
        mime_type="application/json",
    )
    return types.ListResourceTemplatesResult(resource_templates=[template])


async def _read_resource(
    context: ServerRequestContext[Any, Any], params: types.ReadResourceRequestParams
) -> types.ReadResourceResult:
    import mcp_types as types
    from mcp.shared.exceptions import MCPError

    uri = str(params.uri)
    id = uri.removeprefix(CONVERSATIONS_URI)
    try:
        value = await read_conversation(_visit(context), ReadConversation(conversation_id=id))
    except (NotebookAgentsError, ValidationError):
        raise MCPError(code=types.INVALID_PARAMS, message="there is no such resource") from None
    content = types.TextResourceContents(
        uri=uri, mime_type="application/json", text=json.dumps(value, ensure_ascii=False)
    )
    return types.ReadResourceResult(contents=[content])
