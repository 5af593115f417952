"""Between the AI-Agent-API-Service's MCP servers and the core's tool servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.tool_server_rules import MASKED, ToolServerKind
from notebook_agents.core.tool_servers import RegisterToolServer, ToolServerChanges
from notebook_agents_server.dialects.agent_api import mcp_wire as wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_agents.core.outside_tools import OutsideTool, ServerHealth
    from notebook_agents.core.tool_server_files import ImportReport
    from notebook_agents.core.tool_servers import ToolServer
    from notebook_agents.core.users import Actor

MEDIA_TYPES = {"json": "application/json", "yaml": "application/yaml"}


def register_from_wire(body: wire.RegisterRequest) -> RegisterToolServer:
    """The wish for a server."""
    return RegisterToolServer(
        name=body.name,
        kind=cast("ToolServerKind", body.server_type.lower()),
        description=body.description,
        command=body.command,
        args=tuple(body.args),
        url=body.url,
        secrets=_secrets(body.server_type.lower(), body.env, body.headers),
        is_enabled=body.is_enabled,
        is_global=body.is_global,
    )


def changes_from_wire(body: wire.UpdateRequest, kind: ToolServerKind) -> ToolServerChanges:
    """The changes of a partial update of a server of that kind."""
    is_given = body.env is not None or body.headers is not None
    return ToolServerChanges(
        name=body.name,
        description=body.description,
        command=body.command,
        args=None if body.args is None else tuple(body.args),
        url=body.url,
        secrets=_secrets(kind, body.env or {}, body.headers or {}) if is_given else None,
        is_enabled=body.is_enabled,
        is_global=body.is_global,
    )


def _secrets(kind: str, env: Mapping[str, str], headers: Mapping[str, str]) -> Mapping[str, str]:
    if kind == "stdio" and headers:
        raise InvalidRequest("a STDIO server has env and no headers", field="headers")
    if kind != "stdio" and env:
        raise InvalidRequest(f"a server of type {kind.upper()} has no env", field="env")
    return env or headers


def may_change(actor: Actor, server: ToolServer) -> bool:
    """Whether somebody may see where a server is."""
    return server.owner_id == actor.user_id or actor.is_admin


def server_to_wire(server: ToolServer, actor: Actor) -> wire.ServerAnswer:
    """A server without its secrets."""
    is_mine, is_program = may_change(actor, server), server.kind == "stdio"
    masked = dict.fromkeys(server.secret_names, MASKED)
    return wire.ServerAnswer(
        id=server.id,
        name=server.name,
        description=server.description,
        server_type=cast("wire.ServerType", server.kind.upper()),
        command=server.command if is_mine and is_program else None,
        args=list(server.args) if is_mine and is_program else None,
        env=masked if is_mine and is_program else None,
        url=server.url if is_mine and not is_program else None,
        headers=masked if is_mine and not is_program else None,
        is_enabled=server.is_enabled,
        is_global=server.is_global,
        status=server.status,
        error=(server.last_error or None) if is_mine else None,
        tool_prefix=server.slug,
        created_at=server.created_at,
        updated_at=server.updated_at,
    )


def report_to_wire(report: ImportReport) -> wire.ImportAnswer:
    """What became of a file."""
    return wire.ImportAnswer(
        imported_count=report.n_imported,
        skipped_count=len(report.skipped),
        skipped=list(report.skipped),
        errors=[f"{name}: {problem}" for name, problem in report.errors],
    )


def tools_to_wire(server: ToolServer, actor: Actor) -> wire.ToolsAnswer:
    """The tools of a server."""
    tools = [_tool_to_wire(tool) for tool in server.tools]
    return wire.ToolsAnswer(
        items=tools,
        total=len(tools),
        status=server.status,
        error=(server.last_error or None) if may_change(actor, server) else None,
        listed_at=server.listed_at,
    )


def _tool_to_wire(tool: OutsideTool) -> wire.ToolAnswer:
    return wire.ToolAnswer(
        name=tool.name,
        tool=tool.tool,
        title=tool.title,
        description=tool.description,
        parameters=tool.parameters,
        status=tool.state,
        reason=tool.reason or None,
    )


def health_to_wire(server: ToolServer, health: ServerHealth, actor: Actor) -> wire.HealthAnswer:
    """How a server is."""
    is_mine = may_change(actor, server)
    return wire.HealthAnswer(
        id=server.id,
        status=server.status,
        is_running=health.is_running,
        starts=health.n_starts,
        error=(server.last_error or health.error or None) if is_mine else None,
        stderr=(health.stderr or None) if is_mine else None,
        tool_count=sum(tool.state == "ready" for tool in server.tools),
    )
