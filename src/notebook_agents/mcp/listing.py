"""What tool servers say, within bounds: the tools they list and the results they give.

All of it is text by strangers. Characters that nobody sees are taken out, long texts are cut, and
what cannot be used safely is refused with a reason instead of being left out silently.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import ToolFailed
from notebook_agents.core.outside_tools import (
    MAX_NAME_CHARS,
    SEPARATOR,
    OutsideResult,
    OutsideTool,
)
from notebook_agents.mcp import schemas
from notebook_agents.mcp.plain_text import plain

if TYPE_CHECKING:
    import mcp_types as types

MAX_TOOLS = 128
MAX_DESCRIPTION_CHARS = 1_024
MAX_RESULT_CHARS = 32_768
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


def listed(slug: str, tools: Sequence[types.Tool]) -> tuple[OutsideTool, ...]:
    """The tools of a server; those that cannot be used are there with a reason."""
    found: dict[str, OutsideTool] = {}
    for tool in tools[:MAX_TOOLS]:
        ours = _listed(slug, tool)
        if ours.name in found:
            ours = _refused(tool, ours, "another tool of this server has the same name")
            found[f"{ours.name} {len(found)}"] = ours
        else:
            found[ours.name] = ours
    return tuple(found.values())


def _listed(slug: str, tool: types.Tool) -> OutsideTool:
    said = tool.model_dump_json(by_alias=True, exclude_none=True)
    own = plain(tool.name, 128)
    ours = OutsideTool(
        tool=own,
        name=f"{slug}{SEPARATOR}{_NOT_IN_NAMES.sub('_', own)}",
        title=plain(tool.title or "", 128),
        description=plain(tool.description or "", MAX_DESCRIPTION_CHARS),
        parameters=tool.input_schema,
        digest=hashlib.sha256(said.encode()).hexdigest(),
    )
    if own != tool.name or not own or not own.isprintable():
        return _refused(tool, ours, "its name has characters that nobody sees, or is too long")
    if len(ours.name) > MAX_NAME_CHARS:
        return _refused(tool, ours, f"its name is longer than {MAX_NAME_CHARS} characters")
    if reason := schemas.unusable(tool.input_schema):
        return _refused(tool, ours, reason)
    return ours


def _refused(tool: types.Tool, ours: OutsideTool, reason: str) -> OutsideTool:
    return OutsideTool(
        tool=ours.tool or tool.name[:16],
        name=ours.name[:MAX_NAME_CHARS],
        digest=ours.digest,
        state="refused",
        reason=reason,
    )


def answers(tools: Sequence[types.Tool]) -> dict[str, dict[str, Any]]:
    """What the results of tools are like, by the server's own names, where it says so usably."""
    return {
        tool.name: tool.output_schema
        for tool in tools[:MAX_TOOLS]
        if tool.output_schema is not None and not schemas.unusable(tool.output_schema)
    }


def result_of(
    result: types.CallToolResult, schema: Mapping[str, Any] | None = None
) -> OutsideResult:
    """A result as text, and as data where it is small enough.

    Raises ToolFailed when the data is not what the server promised.
    """
    lines = [_line(block) for block in result.content[:100]]
    structured = result.structured_content
    told = json.dumps(structured, ensure_ascii=False) if structured is not None else ""
    text = "\n".join(filter(None, lines)) or told
    value: dict[str, Any] = {"output": plain(text, MAX_RESULT_CHARS)}
    if told and len(told) <= MAX_RESULT_CHARS:
        value["structured"] = structured
        if schema is not None and not result.is_error:
            _require(structured, schema)
    return OutsideResult(text=value["output"], value=value, is_error=result.is_error)


def _require(structured: Any, schema: Mapping[str, Any]) -> None:
    if problem := schemas.problem_of(schema, structured):
        raise ToolFailed(f"the result is not what the server promised: {problem}", reason="RESULT")


def _line(block: Any) -> str:
    match block.type:
        case "text":
            return str(block.text)
        case "image" | "audio":
            n_bytes = len(block.data) * 3 // 4
            return f"[{block.type}: {block.mime_type}, {n_bytes} bytes; not shown]"
        case "resource_link":
            return f"[link: {block.name} {block.uri}]"
        case "resource":
            inner = block.resource
            return str(getattr(inner, "text", "")) or f"[file: {inner.uri}; not shown]"
    return f"[{block.type}; not shown]"
