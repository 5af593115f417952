"""AI-Agent-API-Service, MCP Server Endpoints."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field

from notebook_agents_server.bodies import Answer, Query, Request
from notebook_agents_server.dialects.agent_api.paging import PageQuery

ServerType = Literal["STDIO", "SSE", "HTTP"]
Status = Literal["disabled", "new", "ready", "needs_approval", "failed"]


def _word(value: object) -> object:
    """A type in any case; the protocol's own name of the newer HTTP is HTTP here."""
    if not isinstance(value, str):
        return value
    word = value.upper().replace("-", "_")
    return "HTTP" if word in {"STREAMABLE_HTTP", "STREAMABLEHTTP"} else word


AnyServerType = Annotated[ServerType, BeforeValidator(_word)]


class RegisterRequest(Request):
    """POST /api/v1/mcp-servers: request; ``url`` and ``headers`` are an addition of ours."""

    name: str = Field(min_length=1, max_length=100)
    description: str = Field("", max_length=2000)
    server_type: AnyServerType
    command: str = Field("", max_length=4096)
    args: list[str] = Field(default_factory=list, max_length=64)
    env: dict[str, str] = Field(default_factory=dict)
    url: str = Field("", max_length=4096)
    headers: dict[str, str] = Field(default_factory=dict)
    is_enabled: bool = True
    is_global: bool = False


class UpdateRequest(Request):
    """PUT /api/v1/mcp-servers/{server_id}: request, an addition of ours; what is not given stays.

    A masked value in ``env`` or ``headers`` keeps the one there is.
    """

    name: str | None = Field(None, min_length=1, max_length=100)
    description: str | None = Field(None, max_length=2000)
    command: str | None = Field(None, max_length=4096)
    args: list[str] | None = Field(None, max_length=64)
    env: dict[str, str] | None = None
    url: str | None = Field(None, max_length=4096)
    headers: dict[str, str] | None = None
    is_enabled: bool | None = None
    is_global: bool | None = None


class ListQuery(PageQuery):
    """GET /api/v1/mcp-servers: query."""


class ImportForm(Request):
    """POST /api/v1/mcp-servers/import: request."""

    file: bytes


class ImportQuery(Query):
    """POST /api/v1/mcp-servers/import: query."""

    override_existing: bool = False
    """Whether servers that are there already are changed."""


class ExportQuery(Query):
    """GET /api/v1/mcp-servers/export: query."""

    format: Literal["yaml", "json"] = "yaml"


class ServerAnswer(Answer):
    """A server; secrets are masked, and places are shown to whoever may change them."""

    id: str
    name: str
    description: str
    server_type: ServerType
    command: str | None
    args: list[str] | None
    env: dict[str, str] | None
    url: str | None
    headers: dict[str, str] | None
    is_enabled: bool
    is_global: bool
    status: Status
    error: str | None
    tool_prefix: str
    """The first part of the names of its tools, before ``__``."""
    created_at: AwareDatetime
    updated_at: AwareDatetime


class ImportAnswer(Answer):
    """POST /api/v1/mcp-servers/import: response."""

    imported_count: int
    skipped_count: int
    skipped: list[str]
    errors: list[str]
    """What is wrong with an entry, behind its name."""


class ToolAnswer(Answer):
    """A tool of a server."""

    name: str
    """What agents call it."""
    tool: str
    """What the server calls it."""
    title: str
    description: str
    parameters: dict[str, object]
    status: Literal["ready", "unapproved", "refused"]
    reason: str | None


class ToolsAnswer(Answer):
    """The tools of a server, as they were listed last."""

    items: list[ToolAnswer]
    total: int
    status: Status
    """Of the server."""
    error: str | None
    """Why it cannot be asked now, for whoever may change it."""
    listed_at: AwareDatetime | None


class HealthAnswer(Answer):
    """Whether a server can be used."""

    id: str
    status: Status
    is_running: bool
    """Whether there is a connection now; it ends when nobody uses it for a while."""
    starts: int
    error: str | None
    stderr: str | None
    """The last that its process printed, for whoever may change it."""
    tool_count: int
