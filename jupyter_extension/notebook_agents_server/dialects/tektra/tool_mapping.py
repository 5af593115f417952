"""Between Tektra's wire and the core: tools and their executions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import NotPermitted, ToolFailed
from notebook_agents.core.tools import ExecuteTool
from notebook_agents_server.dialects.tektra import wire
from notebook_agents_server.dialects.tektra.mapping import MIB, printed

if TYPE_CHECKING:
    from notebook_agents.core.errors import NotebookAgentsError
    from notebook_agents.core.tools import ToolResult, ToolSpec

REFUSALS = frozenset({"DENIED", "PATH_DENIED", "SQL_DENIED"})
"""Result words of tools that policy refused."""


def tools_to_wire(specs: Iterable[ToolSpec]) -> wire.ToolsAnswer:
    """Every tool."""
    return wire.ToolsAnswer(tools=[_tool_to_wire(spec) for spec in specs])


def _tool_to_wire(spec: ToolSpec) -> wire.ToolAnswer:
    required = set(spec.parameters.get("required", ()))
    parameters = {
        name: wire.ToolParameter(
            type=_type_name(schema),
            required=name in required,
            default=schema.get("default"),
            description=str(schema.get("description", "")),
        )
        for name, schema in spec.parameters.get("properties", {}).items()
    }
    return wire.ToolAnswer(
        tool_id=spec.name,
        name=spec.title,
        description=spec.description,
        category=spec.category,
        security_level=spec.security_level,
        parameters=parameters,
    )


def _type_name(schema: Mapping[str, Any]) -> str:
    kinds = [schema, *schema.get("anyOf", ())]
    names = [kind["type"] for kind in kinds if kind.get("type") not in (None, "null")]
    return str(names[0]) if names else "any"


def execute_from_wire(tool_id: str, body: wire.ExecuteToolRequest) -> ExecuteTool:
    """The wish to use a tool."""
    return ExecuteTool(
        name=tool_id, arguments=body.parameters, level=body.security_context.security_level
    )


def result_to_wire(tool_id: str, execution_id: str, result: ToolResult) -> wire.ExecutionAnswer:
    """What a tool answered; raises the error that a failed execution is here."""
    if result.is_error:
        raise _tool_error(tool_id, result)
    outcome = {
        **result.value,
        "output": str(result.value.get("output", result.content)).removesuffix("\n"),
        "exit_code": result.value.get("exit_code", 0),
        "execution_time_ms": round(result.duration_ms, 3),
    }
    return wire.ExecutionAnswer(
        execution_id=printed("exec", execution_id),
        tool_id=tool_id,
        status="completed",
        result=wire.ToolOutcome.model_validate(outcome),
        resource_usage=wire.ToolResourceUsage(
            memory_mb=round((result.memory_bytes or 0) / MIB, 3),
            cpu_time_ms=round(result.cpu_ms or 0.0, 3),
        ),
        security_events=list(result.security_events),
    )


def _tool_error(tool_id: str, result: ToolResult) -> NotebookAgentsError:
    if result.status == "denied" or result.error_type in REFUSALS:
        return NotPermitted(
            result.content or "the tool was refused",
            tool=tool_id,
            reason=result.error_type or "DENIED",
            security_events=list(result.security_events) or None,
        )
    reason = "TIMEOUT" if result.status == "timed_out" else ""
    return ToolFailed(
        result.content or "the tool failed", tool=tool_id, reason=result.error_type or reason
    )
