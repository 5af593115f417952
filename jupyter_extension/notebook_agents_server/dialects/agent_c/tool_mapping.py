"""Between Agent C's wire and the core: toolsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from notebook_agents_server.dialects.agent_c import tool_wire

if TYPE_CHECKING:
    from notebook_agents.core.toolsets import Toolset


def tools_to_wire(toolsets: Sequence[Toolset]) -> tool_wire.ToolsAnswer:
    """The toolsets that somebody can use, the essential ones apart."""
    groups: dict[str, list[tool_wire.ToolsetAnswer]] = {}
    for toolset in toolsets:
        if not toolset.is_essential:
            groups.setdefault(toolset.group, []).append(_toolset(toolset))
    return tool_wire.ToolsAnswer(
        essential_toolsets=[_toolset(toolset) for toolset in toolsets if toolset.is_essential],
        groups=groups,
        categories=list(dict.fromkeys(toolset.group for toolset in toolsets)),
        tool_name_mapping={tool: toolset.name for toolset in toolsets for tool in toolset.tools},
    )


def _toolset(toolset: Toolset) -> tool_wire.ToolsetAnswer:
    return tool_wire.ToolsetAnswer(
        name=toolset.name,
        module=toolset.module,
        doc=toolset.doc,
        essential=toolset.is_essential,
        tools=list(toolset.tools),
    )
