"""Agent C API Documentation, Tools: the list of toolsets."""

from __future__ import annotations

from notebook_agents_server.bodies import Answer


class ToolsetAnswer(Answer):
    """One toolset; the names of its tools are an addition of ours."""

    name: str
    module: str
    doc: str
    essential: bool
    tools: list[str]


class ToolsAnswer(Answer):
    """GET /api/v1/tools: response."""

    essential_toolsets: list[ToolsetAnswer]
    """Every agent has them."""
    groups: dict[str, list[ToolsetAnswer]]
    """The others; a group that has none is left out."""
    categories: list[str]
    """The groups there are."""
    tool_name_mapping: dict[str, str]
    """The toolset of each tool."""
