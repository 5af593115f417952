"""The AI-Agent-API-Service's MCP servers: outside programs and addresses that offer tools."""

from __future__ import annotations

from typing import ClassVar

from tornado.httputil import HTTPFile, HTTPInputError, parse_body_arguments

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.tool_server_files import export_servers, import_servers
from notebook_agents.core.tool_servers import ToolServer
from notebook_agents_server.base import BaseHandler, Dialect, Route
from notebook_agents_server.dialects.agent_api import mcp_mapping as mapping
from notebook_agents_server.dialects.agent_api import mcp_wire as wire
from notebook_agents_server.dialects.agent_api.dialect import AGENT_API
from notebook_agents_server.dialects.agent_api.paging import PageAnswer, page_to_wire
from notebook_agents_server.operations import operation


class McpHandler(BaseHandler):
    """A handler of MCP servers."""

    dialect: ClassVar[Dialect] = AGENT_API

    def reply_server(self, server: ToolServer, *, status: int = 200) -> None:
        """Answer with a server."""
        self.reply(mapping.server_to_wire(server, self.actor), status=status)

    def server_id(self, text: str) -> str:
        """The id in a path."""
        return self.id_of("mcp server", text)


class Servers(McpHandler):
    """``/api/v1/mcp-servers``."""

    endpoint = "/api/v1/mcp-servers"

    @operation(answer=PageAnswer[wire.ServerAnswer], query=wire.ListQuery)
    async def get(self) -> None:
        """List your servers and those for everybody, newest first."""
        query = self.parse_query(wire.ListQuery)
        servers = self.core.tool_servers
        page = await servers.list(self.actor, limit=query.limit, offset=query.skip)
        items = [mapping.server_to_wire(server, self.actor) for server in page.items]
        self.reply(page_to_wire(items, page, self.endpoint, query))

    @operation(
        body=wire.RegisterRequest,
        answer=wire.ServerAnswer,
        status=201,
        errors=(400, 403, 409),
        example="mcp_server",
    )
    async def post(self) -> None:
        """Register a server; it is started when its tools are needed."""
        wish = mapping.register_from_wire(self.parse(wire.RegisterRequest))
        self.reply_server(await self.core.tool_servers.register(self.actor, wish), status=201)


class Server(McpHandler):
    """``/api/v1/mcp-servers/{server_id}``."""

    endpoint = "/api/v1/mcp-servers/{server_id}"

    @operation(answer=wire.ServerAnswer)
    async def get(self, server_id: str) -> None:
        """Get a server, without its secrets."""
        id = self.server_id(server_id)
        self.reply_server(await self.core.tool_servers.get(self.actor, id))

    @operation(body=wire.UpdateRequest, answer=wire.ServerAnswer, errors=(400, 403, 409))
    async def put(self, server_id: str) -> None:
        """Change what is given, or switch the server on or off; its process ends."""
        id = self.server_id(server_id)
        body = self.parse(wire.UpdateRequest)
        kind = (await self.core.tool_servers.get(self.actor, id)).kind
        changes = mapping.changes_from_wire(body, kind)
        self.reply_server(await self.core.tool_servers.update(self.actor, id, changes))

    @operation(status=204, errors=(403,))
    async def delete(self, server_id: str) -> None:
        """Forget a server and end its processes."""
        await self.core.tool_servers.delete(self.actor, self.server_id(server_id))
        self.set_status(204)
        self.finish()


class Import(McpHandler):
    """``POST /api/v1/mcp-servers/import``."""

    endpoint = "/api/v1/mcp-servers/import"

    @operation(
        parts=wire.ImportForm, query=wire.ImportQuery, answer=wire.ImportAnswer, errors=(400,)
    )
    async def post(self) -> None:
        """Register the servers of a JSON or YAML file, in the form ``file``."""
        query = self.parse_query(wire.ImportQuery)
        report = await import_servers(
            self.core.tool_servers,
            self.actor,
            self._file(),
            override_existing=query.override_existing,
        )
        self.reply(mapping.report_to_wire(report))

    def _file(self) -> bytes:
        kind = self.request.headers.get("Content-Type", "")
        files: dict[str, list[HTTPFile]] = {}
        fields: dict[str, list[bytes]] = {}
        try:
            if kind.startswith("multipart/form-data"):
                parse_body_arguments(kind, self.request.body, fields, files)
        except (HTTPInputError, ValueError) as error:
            raise InvalidRequest("the form cannot be read", field="file") from error
        sent = [file.body for file in files.get("file", ())]
        if len(sent) != 1 or fields or len(files) != 1:
            raise InvalidRequest("send one file, multipart/form-data as 'file'", field="file")
        return sent[0]


class Export(McpHandler):
    """``GET /api/v1/mcp-servers/export``."""

    endpoint = "/api/v1/mcp-servers/export"

    @operation(query=wire.ExportQuery, content_type="application/yaml, application/json")
    async def get(self) -> None:
        """Download your servers as a file that can be imported; secrets are masked."""
        format = self.parse_query(wire.ExportQuery).format
        text = await export_servers(self.core.tool_servers, self.actor, format)
        self.offer_download(
            f"mcp-servers.{format}", f"{mapping.MEDIA_TYPES[format]}; charset=UTF-8"
        )
        self.finish(text)


class Health(McpHandler):
    """``GET /api/v1/mcp-servers/{server_id}/health``."""

    endpoint = "/api/v1/mcp-servers/{server_id}/health"

    @operation(answer=wire.HealthAnswer)
    async def get(self, server_id: str) -> None:
        """Connect to a server that is enabled, if need be, and say how it went."""
        id = self.server_id(server_id)
        server, health = await self.core.tool_servers.health(self.actor, id)
        self.reply(mapping.health_to_wire(server, health, self.actor))


class Tools(McpHandler):
    """``GET /api/v1/mcp-servers/{server_id}/tools``."""

    endpoint = "/api/v1/mcp-servers/{server_id}/tools"

    @operation(answer=wire.ToolsAnswer, errors=(409,))
    async def get(self, server_id: str) -> None:
        """Ask a server for its tools; those that may not be used say why."""
        id = self.server_id(server_id)
        server = await self.core.tool_servers.refresh(self.actor, id)
        self.reply(mapping.tools_to_wire(server, self.actor))


class Approval(McpHandler):
    """``POST /api/v1/mcp-servers/{server_id}/tools/approve``."""

    endpoint = "/api/v1/mcp-servers/{server_id}/tools/approve"

    @operation(answer=wire.ToolsAnswer, errors=(403,))
    async def post(self, server_id: str) -> None:
        """Allow the tools of a server as they are described now."""
        id = self.server_id(server_id)
        server = await self.core.tool_servers.approve(self.actor, id)
        self.reply(mapping.tools_to_wire(server, self.actor))


ROUTES: list[Route] = [
    (r"/api/v1/mcp-servers", Servers),
    (r"/api/v1/mcp-servers/import", Import),
    (r"/api/v1/mcp-servers/export", Export),
    (r"/api/v1/mcp-servers/([^/]+)", Server),
    (r"/api/v1/mcp-servers/([^/]+)/health", Health),
    (r"/api/v1/mcp-servers/([^/]+)/tools", Tools),
    (r"/api/v1/mcp-servers/([^/]+)/tools/approve", Approval),
]
