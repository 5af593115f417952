"""Which fields of events hold what somebody wrote, for everything that leaves the deployment.

Exports and telemetry tell the plain fields only, unless a person asks for more. What is not in this
table is treated as content, so that a field that somebody forgot is left out and not let out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one type of event, by what they may tell."""

    plain: str = ""
    """Numbers, times, ids, words of a closed list, and names of models, tools, agents, tasks,
    notebooks, routes."""
    content: str = ""
    """What a person, a model, a tool or code wrote, names of their files and variables, digests of
    what could be guessed."""
    person: str = ""
    """Whose name or id it is."""


FIELDS: Mapping[str, Fields] = {
    "run_queued": Fields(
        "model input_chars tools policy workflow agent_version notebook execution_id task_id"
        " forked_from"
    ),
    "run_started": Fields("queue_ms"),
    "model_started": Fields("step model n_messages context_length"),
    "text_delta": Fields("step n_tokens", "text"),
    "model_finished": Fields(
        "step model finish_reason usage n_dropped queue_ms ttft_ms decode_ms duration_ms",
        "text tool_calls",
    ),
    "tool_started": Fields("call_id name allowed_by effect", "arguments findings"),
    "tool_output": Fields("call_id", "text"),
    "thought": Fields("call_id", "text"),
    "tool_finished": Fields(
        "call_id name status duration_ms error_type cpu_ms memory_bytes enforced_level"
        " memory_enforcement origin",
        "content figures",
    ),
    "approval_requested": Fields(
        "call_id name effect module forecast", "arguments reason findings warning digest"
    ),
    "approval_decided": Fields(
        "call_id is_approved via scope name effect", "feedback edited findings", "by"
    ),
    "warned": Fields("code", "message"),
    "workflow_step_started": Fields("step agent progress", "message"),
    "workflow_step_finished": Fields("step agent progress duration_ms", "message"),
    "run_finished": Fields(
        "state usage n_steps n_tool_calls duration_ms work_ms error_code batch_id message_count",
        "text error_message result",
    ),
    "agent_created": Fields("name is_shared", "", "by"),
    "agent_updated": Fields("fields name is_shared", "", "by"),
    "agent_deleted": Fields("name is_shared", "", "by"),
    "batch_started": Fields("batch_id agents is_parallel timeout_s"),
    "batch_finished": Fields("batch_id state n_agents n_succeeded n_failed duration_ms"),
    "machine_sampled": Fields(
        "cpu_percent memory_percent disk_percent network_kib_s n_active_agents health_score"
    ),
    "code_ran": Fields("n_chars duration_ms error_type enforced_level"),
    "execution_queued": Fields("execution_id task_id seq trigger attempt resumes"),
    "execution_started": Fields("execution_id task_id seq notebook"),
    "cell_started": Fields("execution_id seq cell_index n_cells n_code_cells", "source"),
    "cell_finished": Fields(
        "execution_id seq cell_index status duration_ms n_outputs error_type", "error_message"
    ),
    "execution_finished": Fields(
        "execution_id task_id seq state error_code input_tokens output_tokens cost_usd n_runs"
        " duration_ms",
        "error_message",
    ),
    "schedule_fired": Fields("task_id task_name execution_id scheduled_for late_s"),
    "schedule_skipped": Fields("task_id task_name scheduled_for reason", "detail"),
    "file_received": Fields("attachment_id mime_type size_bytes"),
    "file_read": Fields("attachment_id status n_chars duration_ms", "error"),
    "file_removed": Fields("attachment_id reason"),
    "checkpoint_made": Fields(
        "number name call_id size_bytes", "added changed removed files cells unsaved"
    ),
    "run_undone": Fields(
        "number call_id status", "restored removed files conflicts failures"
    ),
    "answer_rated": Fields("rating"),
    "requests_served": Fields("method route status n durations_ms request_bytes response_bytes"),
    "stream_closed": Fields(
        "stream_id transport route n_events n_dropped is_resumed max_lag_ms duration_ms reason"
    ),
    "webhook_attempted": Fields(
        "webhook_id delivery_id event_type attempt status http_status latency_ms error_type"
        " next_try_at",
        "host",
    ),
    "engine_sampled": Fields(
        "device period_s utilization_percent memory_used_bytes memory_total_bytes batch_mean"
        " kv_used_bytes kv_total_bytes n_tokens n_waiting power_w energy_wh"
    ),
    "cell_executed": Fields(
        "cell_id notebook execution_id task_id execution_count n_chars status duration_ms cpu_ms"
        " memory_delta_bytes memory_bytes error_type after_run_id changed_by_run_id",
        "source_digest",
    ),
    "score_recorded": Fields(
        "dataset dataset_version scorer value is_passed agent_version", "item label"
    ),
    "budget_set": Fields("period limit_usd", "", "by"),
    "security_violation": Fields("rule action", "detail"),
}  # fmt: skip
"""By type, and complete: a test compares it with the classes."""


def plain_fields(type: str) -> tuple[str, ...]:
    """What of an event may be told to whoever may see that it happened, in the class's order."""
    return tuple(FIELDS.get(type, Fields()).plain.split())


def content_fields(type: str) -> tuple[str, ...]:
    """What of an event is told only where a person asked for content."""
    return tuple(FIELDS.get(type, Fields()).content.split())


def person_fields(type: str) -> tuple[str, ...]:
    """What of an event names a person."""
    return tuple(FIELDS.get(type, Fields()).person.split())


def plain_payload(type: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event that are neither content nor name a person."""
    return {name: payload[name] for name in plain_fields(type) if name in payload}
