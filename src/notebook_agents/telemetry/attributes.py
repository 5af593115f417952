"""What a span says of a model call, a tool call, a run: its name and its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from notebook_agents.core.event_columns import EVENT_COLUMNS
from notebook_agents.core.events import (
    ApprovalRequested,
    CellStarted,
    ModelStarted,
    ToolStarted,
    WorkflowStepStarted,
)
from notebook_agents.telemetry import content

if TYPE_CHECKING:
    from notebook_agents.core.events import (
        ApprovalDecided,
        CellFinished,
        Event,
        ExecutionFinished,
        ModelFinished,
        RunFinished,
        RunQueued,
        ToolFinished,
    )
    from notebook_agents.core.models import Usage

OTEL: Mapping[str, str] = {column.name: column.otel for column in EVENT_COLUMNS if column.otel}
"""By the name of a column of ``events``, that of the same thing in OpenTelemetry."""
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT_NAME = "gen_ai.agent.name"
WORKFLOW_NAME = "gen_ai.workflow.name"
ERROR = OTEL["error_type"]
Value: TypeAlias = str | int | float | bool | tuple[str, ...]
Said: TypeAlias = tuple[str, dict[str, Value]]
"""The name of a span, and its attributes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is said beside what events say."""

    agent: str = ""
    """The name of the agent."""
    providers: Mapping[str, str] = field(default_factory=dict)
    """By model, who serves it."""
    has_content: bool = False
    """Whether to tell what models and tools wrote."""


def of_place(event: Event) -> dict[str, Value]:
    """Where an event happened, and whose it is."""
    said = {
        OTEL["run_id"]: event.run_id,
        OTEL["conversation_id"]: event.conversation_id,
        OTEL["agent_id"]: event.agent_id,
        OTEL["user_id"]: event.user_id,
        OTEL["dialect"]: event.dialect,
    }
    return _given(said) | ({OTEL["run_seq"]: event.run_seq} if event.run_id else {})


def of_model(body: ModelFinished, told: Told) -> Said:
    """A call of a model."""
    attributes: dict[str, Value] = {
        OPERATION: "chat",
        **_served(body.model, told),
        OTEL["step"]: body.step,
        OTEL["finish_reason"]: (body.finish_reason,),
        OTEL["queue_ms"]: body.queue_ms,
        OTEL["decode_ms"]: body.decode_ms,
        **_used(body.usage),
    }
    if body.ttft_ms:
        attributes[OTEL["ttft_ms"]] = body.ttft_ms / 1000  # seconds, by the conventions
    if told.has_content:
        attributes |= content.of_answer(body)
    return f"chat {body.model}", attributes


def of_tool(body: ToolFinished, begun: ToolStarted | None, told: Told) -> Said:
    """A call of a tool."""
    attributes = _tool_named(body.name, body.call_id)
    if begun is not None:
        allowed = {"na.effect": begun.effect, "na.allowed_by": begun.allowed_by}
        attributes |= _given(allowed)
    if told.has_content:
        attributes |= content.of_result(body)
        attributes |= content.of_arguments(begun) if begun is not None else {}
    if body.memory_bytes is not None:
        attributes[OTEL["memory_bytes"]] = body.memory_bytes
    if body.status != "succeeded":
        attributes[ERROR] = body.error_type or body.status
    return f"execute_tool {body.name}", attributes


def of_approval(begun: Event, event: Event, body: ApprovalDecided) -> Said:
    """A question that was put to a person, until somebody or something answered it."""
    name = body.name or getattr(begun.body, "name", "")
    attributes: dict[str, Value] = {
        **_asked(name, body.call_id),
        "na.approval_wait_ms": (event.ts - begun.ts).total_seconds() * 1000,
        "na.approval.is_approved": body.is_approved,
        "na.approval.via": body.via,
    }
    return f"approval {name}", attributes


def of_cell(body: CellFinished) -> Said:
    """A cell of an executed notebook."""
    attributes: dict[str, Value] = {
        OTEL["execution_id"]: body.execution_id,
        "na.cell.index": body.cell_index,
        "na.state": body.status,
    }
    if body.status == "failed":
        attributes[ERROR] = body.error_type or body.status
    return f"cell {body.cell_index}", attributes


def of_begun(begun: Event, told: Told) -> Said:
    """Something that never ended."""
    match begun.body:
        case ModelStarted() as body:
            served = _served(body.model, told)
            return f"chat {body.model}", {OPERATION: "chat", **served, OTEL["step"]: body.step}
        case ToolStarted() as body:
            return f"execute_tool {body.name}", _tool_named(body.name, body.call_id)
        case ApprovalRequested() as body:
            return f"approval {body.name}", _asked(body.name, body.call_id)
        case WorkflowStepStarted() as body:
            return f"step {body.step}", {}
        case CellStarted() as body:
            return f"cell {body.cell_index}", {"na.cell.index": body.cell_index}
        case _:
            return begun.type, {}


def of_run(body: RunFinished, queued: RunQueued | None, queue_ms: float, told: Told) -> Said:
    """A whole run."""
    workflow = queued.workflow if queued else ""
    operation = "invoke_workflow" if workflow else "invoke_agent"
    named = {
        AGENT_NAME: told.agent,
        WORKFLOW_NAME: workflow,
        OTEL["agent_version"]: getattr(queued, "agent_version", ""),
        OTEL["execution_id"]: getattr(queued, "execution_id", ""),
        OTEL["task_id"]: getattr(queued, "task_id", ""),
    }
    attributes: dict[str, Value] = {
        OPERATION: operation,
        **_served(queued.model if queued else "", told),
        **_given(named),
        OTEL["queue_ms"]: queue_ms,
        "na.state": body.state,
        "na.n_steps": body.n_steps,
        "na.n_tool_calls": body.n_tool_calls,
        **_used(body.usage),
    }
    if body.state != "succeeded":
        attributes[ERROR] = body.error_code or body.state
    if told.has_content:
        attributes |= content.of_end(body)
    return f"{operation} {workflow or told.agent}".strip(), attributes


def of_execution(body: ExecutionFinished) -> Said:
    """An execution of a task."""
    attributes: dict[str, Value] = {
        OPERATION: "invoke_workflow",
        WORKFLOW_NAME: body.task_id,
        OTEL["execution_id"]: body.execution_id,
        OTEL["task_id"]: body.task_id,
        OTEL["input_tokens"]: body.input_tokens,
        OTEL["output_tokens"]: body.output_tokens,
        "na.state": body.state,
    }
    if body.cost_usd is not None:
        attributes[OTEL["cost_usd"]] = body.cost_usd
    if body.state != "succeeded":
        attributes[ERROR] = body.error_code or body.state
    return f"invoke_workflow {body.task_id}", attributes


def _served(model: str, told: Told) -> dict[str, Value]:
    return _given({OTEL["model"]: model, PROVIDER: told.providers.get(model, "")})


def _given(said: Mapping[str, Any]) -> dict[str, Value]:
    return {name: value for name, value in said.items() if value}


def _used(usage: Usage) -> dict[str, Value]:
    used: dict[str, Value] = {
        OTEL["input_tokens"]: usage.input_tokens,
        OTEL["output_tokens"]: usage.output_tokens,
    }
    known = {
        OTEL["cached_tokens"]: usage.cached_tokens,
        OTEL["reasoning_tokens"]: usage.reasoning_tokens,
        OTEL["cost_usd"]: usage.cost_usd,
        OTEL["gpu_s"]: usage.gpu_s,
    }
    # A cost that nobody knows is left out: 0 would be a price.
    return used | {name: value for name, value in known.items() if value is not None}


def _tool_named(name: str, call_id: str) -> dict[str, Value]:
    return {
        OPERATION: "execute_tool",
        **_asked(name, call_id),
        "gen_ai.tool.type": "function",
    }


def _asked(name: str, call_id: str) -> dict[str, Value]:
    return {OTEL["tool_name"]: name, OTEL["call_id"]: call_id}
