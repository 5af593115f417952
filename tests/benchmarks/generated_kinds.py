"""What events a run of the made-up log has, and what is seen beside it, as SQL over its row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """How the events of one type come out of a run."""

    type: str
    payload: str
    per: str = "1"
    """How many of them a run has; ``k`` counts them from 0."""
    ms: str = "0"
    """After its beginning."""
    where: str = "true"
    is_outside: bool = False
    """Whether it belongs to no run and no conversation."""


_TASK = "'execution_id', 'x-' || i, 'task_id', 'task-' || user_id || '-' || h(i, 63, 5)"
_STEP = "1 + k, 'model', model"
_OF_RUNS = (
    Kind(
        "run_queued",
        "json_object('model', model, 'input_chars', h(i, 9, 900), 'tools', ['shell', 'python'],"
        " 'policy', 'default', 'agent_version', 'v' || (1 + (i > {n_runs} / 2)::INT),"
        " 'notebook', if(dialect = 'magic', 'nb-' || h(i, 31, 40) || '.ipynb', ''), 'forked_from',"
        " if(i % 1000 < 5, 'conversation-' || user_id || '-' || (i // 1000 - 1), ''),"
        " 'execution_id', if(dialect = 'schedule', 'x-' || i, ''))",
    ),
    Kind("run_started", "json_object('queue_ms', queue_ms)", ms="queue_ms"),
    Kind(
        "model_started",
        f"json_object('step', {_STEP}, 'n_messages', 3 + 2 * k, 'context_length', 32768)",
        per="steps",
        ms="queue_ms + k * 4000",
    ),
    Kind(
        "text_delta",
        "json_object('step', 1 + k % 2, 'text', words(i, k, 5), 'n_tokens', 5)",
        per="{deltas}",
        ms="queue_ms + 200 + k * 90",
    ),
    Kind(
        "model_finished",
        f"json_object('step', {_STEP}, 'text', words(i, k, 60), 'tool_calls', [],"
        " 'finish_reason', if(k = 0, 'tool_calls', 'stop'), 'usage', {{'input_tokens':"
        " 200 + h(i, 10 + k, 8000), 'output_tokens': 20 + h(i, 12 + k, 800),"
        " 'cached_tokens': h(i, 32, 200),"
        " 'cost_usd': if(model LIKE 'openai%', h(i, 14 + k, 1000) / 1e5, NULL),"
        " 'gpu_s': if(model LIKE 'local%', h(i, 14 + k, 1000) / 1e3, NULL)}},"
        " 'n_dropped', 0, 'queue_ms', h(i, 16, 40), 'ttft_ms', 40 + h(i, 17 + k, 900),"
        " 'decode_ms', 500 + h(i, 19 + k, 3000), 'duration_ms', 700 + h(i, 19 + k, 3000))",
        per="steps",
        ms="queue_ms + k * 4000 + 3700",
        where="k = 0 OR state = 'succeeded'",
    ),
    Kind(
        "tool_started",
        "json_object('call_id', 'call-' || i || '-' || k, 'name', tool(i, k),"
        " 'arguments', {{'code': words(i, k, 25)}}, 'allowed_by', 'policy', 'effect', 'compute')",
        per="tools",
        ms="queue_ms + 3800 + k * 90",
    ),
    Kind(
        "tool_finished",
        "json_object('call_id', 'call-' || i || '-' || k, 'name', tool(i, k),"
        " 'status', if(h(i, 21 + k, 20) = 0, 'failed', 'succeeded'), 'content', words(i, k, 40),"
        " 'duration_ms', 5 + h(i, 23 + k, 4000), 'error_type',"
        " if(h(i, 21 + k, 20) = 0, 'TOOL_ERROR', ''), 'memory_bytes', 1000000 * h(i, 25, 90))",
        per="tools",
        ms="queue_ms + 3850 + k * 90",
    ),
    Kind(
        "approval_requested",
        "json_object('call_id', 'ask-' || i, 'name', 'shell', 'effect', 'write', 'findings', [])",
        ms="queue_ms + 3810",
        where="i % 50 = 0",
    ),
    Kind(
        "approval_decided",
        "json_object('call_id', 'ask-' || i, 'is_approved', i % 100 = 0, 'by', user_id,"
        " 'name', 'shell', 'via', 'person', 'scope', 'once', 'effect', 'write', 'findings', [])",
        ms="queue_ms + 9810",
        where="i % 50 = 0",
    ),
    Kind(
        "run_finished",
        "json_object('state', state, 'text', words(i, 5, 60), 'usage',"
        " {{'input_tokens': 900, 'output_tokens': 90, 'cost_usd': NULL}}, 'n_steps', steps,"
        " 'n_tool_calls', tools, 'duration_ms', queue_ms + 8000 + h(i, 26, 9000), 'error_code',"
        " if(state IN ('failed', 'timed_out'), ['EngineUnavailable', 'LimitExceeded'][1 + h(i, 2,"
        " 2)::INT], ''), 'error_message', if(state = 'failed', words(i, 6, 9), ''),"
        " 'message_count', 2 * (1 + i % 1000 // 200))",
        ms="queue_ms + 8000 + h(i, 26, 9000)",
        where="i % 5000 <> 7",
    ),
    Kind(
        "answer_rated",
        "json_object('rating', if(h(i, 27, 4) = 0, 'bad', 'good'))",
        ms="30000",
        where="i % 40 = 0",
    ),
    Kind(
        "security_violation",
        "json_object('rule', 'path-denied', 'name', 'shell', 'action', 'call shell',"
        " 'detail', 'outside of the workspace')",
        ms="3900",
        where="i % 900 = 0",
    ),
)
_OBSERVED = (
    Kind(
        "requests_served",
        "json_object('method', if(k = 0, 'POST', 'GET'), 'route', '/v1/agents/{{id}}' || if(k = 0,"
        " '/conversations', ''), 'status', if(h(i, 35, 30) = 0, 429, 200), 'n', 2, 'durations_ms',"
        " [5 + h(i, 36 + k, 90), 6 + h(i, 38 + k, 900)], 'request_bytes', 300 + h(i, 40, 900),"
        " 'response_bytes', 900 + h(i, 41, 9000))",
        per="2",
        where="dialect IN ('tektra', 'netra')",
        is_outside=True,
    ),
    Kind(
        "stream_closed",
        "json_object('stream_id', 's-' || i, 'transport', if(h(i, 42, 2) = 0, 'sse', 'websocket'),"
        " 'route', '/v1/ws', 'n_events', 50, 'n_dropped', 0, 'is_resumed', h(i, 43, 9) = 0,"
        " 'max_lag_ms', h(i, 44, 300), 'duration_ms', 9000 + h(i, 45, 9000), 'reason',"
        " if(h(i, 46, 9) = 0, 'client_gone', 'finished'))",
        ms="18000",
        where="dialect = 'tektra'",
        is_outside=True,
    ),
    Kind(
        "webhook_attempted",
        "json_object('webhook_id', 'hook-' || user_id, 'delivery_id', 'd-' || i, 'event_type',"
        " 'run_finished', 'host', 'example.org', 'attempt', 1 + k, 'status', if(h(i, 47, 9) > 0"
        " OR k = 1, 'delivered', 'retrying'), 'http_status',"
        " if(h(i, 47, 9) > 0 OR k = 1, 200, 503),"
        " 'latency_ms', 20 + h(i, 48, 400), 'error_type', '', 'next_try_at', '')",
        per="if(h(i, 47, 9) = 0, 2, 1)",
        ms="18000 + k * 60000",
        where="i % 8 = 0",
        is_outside=True,
    ),
    Kind(
        "cell_executed",
        "json_object('cell_id', 'cell-' || h(i, 49 + k, 30), 'notebook', 'nb-' || h(i, 31, 40) ||"
        " '.ipynb', 'execution_count', k, 'source_digest', md5('c' || h(i, 49 + k, 30)), 'n_chars',"
        " h(i, 52 + k, 400), 'status', if(h(i, 55 + k, 20) = 0, 'failed', 'succeeded'),"
        " 'duration_ms', h(i, 58 + k, 9000), 'memory_delta_bytes', h(i, 61, 4000000),"
        " 'memory_bytes', 200000000 + h(i, 61, 9000000), 'error_type', if(h(i, 55 + k, 20) = 0,"
        " 'ValueError', ''), 'after_run_id', run_id, 'changed_by_run_id', if(h(i, 62, 5) = 0,"
        " run_id, ''))",
        per="3",
        ms="30000 + k * 9000",
        where="dialect = 'magic'",
        is_outside=True,
    ),
    Kind(
        "schedule_fired",
        f"json_object({_TASK}, 'scheduled_for', strftime(ts, '%Y-%m-%dT%H:%M:%SZ'),"
        " 'late_s', h(i, 64, 3000) / 1e3, 'task_name', 'Task ' || h(i, 63, 5))",
        where="dialect = 'schedule'",
        is_outside=True,
    ),
    Kind(
        "schedule_skipped",
        f"json_object({_TASK}, 'scheduled_for', strftime(ts, '%Y-%m-%dT%H:%M:%SZ'), 'reason',"
        " 'busy', 'detail', '', 'task_name', 'Task ' || h(i, 63, 5))",
        where="dialect = 'schedule' AND h(i, 65, 30) = 0",
        is_outside=True,
    ),
    Kind(
        "execution_queued",
        f"json_object({_TASK}, 'seq', 1, 'trigger', 'schedule', 'attempt', 1, 'resumes', '')",
        where="dialect = 'schedule'",
        is_outside=True,
    ),
    Kind(
        "execution_started",
        f"json_object({_TASK}, 'seq', 2, 'notebook', 'task.ipynb')",
        ms="300",
        where="dialect = 'schedule'",
        is_outside=True,
    ),
    Kind(
        "execution_finished",
        f"json_object({_TASK}, 'seq', 9, 'state', if(state = 'succeeded', 'succeeded', 'failed'),"
        " 'error_code', if(state = 'succeeded', '', 'CellFailed'), 'input_tokens', 900,"
        " 'output_tokens', 90, 'cost_usd', NULL, 'n_runs', 1, 'duration_ms', 20000,"
        " 'error_message', '')",
        ms="20300",
        where="dialect = 'schedule'",
        is_outside=True,
    ),
    Kind(
        "score_recorded",
        "json_object('dataset', 'sums', 'dataset_version', '1', 'item', 'q' || h(i, 66, 90),"
        " 'scorer', 'exact_match', 'value', h(i, 67, 100) / 1e2, 'label', '', 'is_passed',"
        " h(i, 67, 100) > 30, 'agent_version', 'v' || (1 + (i > {n_runs} / 2)::INT))",
        ms="40000",
        where="i % 40 = 3",
    ),
    Kind(
        "engine_sampled",
        "json_object('device', 'cuda:0', 'period_s', 30, 'utilization_percent', h(i, 68 + k, 100),"
        " 'memory_used_bytes', 9000000000 + h(i, 70, 900000000), 'memory_total_bytes', 24000000000,"
        " 'batch_mean', h(i, 71 + k, 40) / 10, 'kv_used_bytes', h(i, 72, 900000000),"
        " 'kv_total_bytes', 4000000000, 'n_tokens', h(i, 73 + k, 3000), 'n_waiting', h(i, 74, 5),"
        " 'power_w', 150 + h(i, 75, 90), 'energy_wh', h(i, 75, 90) / 60)",
        per="100",
        ms="k * 30000",
        where="user_id = 'user-0'",
        is_outside=True,
    ),
    Kind(
        "budget_set",
        "json_object('period', if(k = 0, 'day', 'month'), 'limit_usd', if(k = 0, 0.05, 1),"
        " 'by', user_id)",
        per="2",
        where="i < 200",
        is_outside=True,
    ),
    Kind(
        "agent_created",
        "json_object('name', 'Agent ' || agent_id, 'is_shared', true, 'by', user_id)",
        where="i < 400",
        is_outside=True,
    ),
)
KINDS = (*_OF_RUNS, *_OBSERVED)
"""Every type of event that a view reads."""
