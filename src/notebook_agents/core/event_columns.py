"""The event as a row: its columns, in the order in which SQL and exports show them.

The first ten are what a line of the log holds. The rest stand in the payload too and are taken out
of it, because figures are computed from them: with types of their own they are read fast. A column
is NULL where an event has no such field; a cost that nobody knows is NULL, and never 0.

``otel`` is the name of the same thing in OpenTelemetry's semantic conventions for generative AI, or
ours below ``na.`` where these have none. Rules for changes of this table: a column may be added; a
change of meaning, type or name, or of what is in a payload, raises `SCHEMA_VERSION`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

SCHEMA_VERSION = 2
"""Written into every compacted file and every export. 1 had the first ten columns only."""


_FIELD = re.compile(r"payload ->> '([^']+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of ``events``."""

    name: str
    type: str
    """Of DuckDB."""
    meaning: str
    otel: str = ""
    """Empty where an export has it in the envelope of a span, or not at all."""
    sql: str = ""
    """How it is taken out of ``payload``; empty for what a line holds itself."""
    is_private: bool = False
    """What somebody wrote, or who it was: an export takes it out of what it shows of a payload."""


def _told(name: str, type: str, path: str, meaning: str, otel: str = "") -> Column:
    """A column that is one field of the payload, an empty text being none."""
    found = f"payload ->> '{path}'"
    sql = f"nullif({found}, '')" if type == "VARCHAR" else f"TRY_CAST({found} AS {type})"
    return Column(name=name, type=type, meaning=meaning, otel=otel, sql=sql)


def _private(name: str, meaning: str, path: str = "") -> Column:
    """A column that is one text of the payload, and content or a person's name in exports."""
    return replace(_told(name, "VARCHAR", path or name, meaning), is_private=True)


LINE_COLUMNS = (
    Column(name="id", type="VARCHAR", meaning="UUIDv7 of the event"),
    Column(name="run_id", type="VARCHAR", meaning="the run, or empty for facts outside a run",
           otel="na.run.id"),
    Column(name="run_seq", type="BIGINT", otel="na.event_seq",
           meaning="number within the run, from 1 without gaps; with it a stream is resumed"),
    Column(name="ts", type="TIMESTAMPTZ", meaning="when, UTC"),
    Column(name="conversation_id", type="VARCHAR", meaning="the conversation, or empty",
           otel="gen_ai.conversation.id"),
    Column(name="agent_id", type="VARCHAR", meaning="the agent, or empty", otel="gen_ai.agent.id"),
    Column(name="user_id", type="VARCHAR", meaning="the owner", otel="user.id"),
    Column(name="dialect", type="VARCHAR", otel="na.dialect",
           meaning="the door it came through: an API's name, `magic`, `python`, `schedule`"),
    Column(name="type", type="VARCHAR", meaning="see below"),
    Column(name="payload", type="JSON", meaning="the fields of the type, as JSON"),
)  # fmt: skip
_TOOL_TYPES = "type IN ('tool_started', 'tool_finished', 'approval_requested', 'approval_decided')"
TAKEN_COLUMNS = (
    Column(name="status", type="VARCHAR",
           meaning="how it ended: `status` or `state` inside; `allowed` or `denied` of a decision",
           sql="coalesce(payload ->> 'status', payload ->> 'state',"
               " CASE payload ->> 'is_approved' WHEN 'true' THEN 'allowed'"
               " WHEN 'false' THEN 'denied' END)"),
    Column(name="error_type", type="VARCHAR", otel="error.type",
           meaning="`error_type` or `error_code` of the payload",
           sql="coalesce(nullif(payload ->> 'error_code', ''),"
               " nullif(payload ->> 'error_type', ''))"),
    _told("model", "VARCHAR", "model", "the model", "gen_ai.request.model"),
    Column(name="tool_name", type="VARCHAR", meaning="the tool", otel="gen_ai.tool.name",
           sql=f"CASE WHEN {_TOOL_TYPES} THEN nullif(payload ->> 'name', '') END"),
    _told("call_id", "VARCHAR", "call_id", "the tool call", "gen_ai.tool.call.id"),
    _told("step", "BIGINT", "step", "number of the model call within the run", "na.step"),
    _told("finish_reason", "VARCHAR", "finish_reason", "why the model stopped",
          "gen_ai.response.finish_reasons"),
    _told("duration_ms", "DOUBLE", "duration_ms", "how long what ended took"),
    _told("queue_ms", "DOUBLE", "queue_ms", "how long it waited for its turn", "na.queue_wait_ms"),
    _told("ttft_ms", "DOUBLE", "ttft_ms", "time to the first token",
          "gen_ai.response.time_to_first_chunk"),
    _told("decode_ms", "DOUBLE", "decode_ms", "time of the tokens after the first", "na.decode_ms"),
    Column(name="input_tokens", type="BIGINT", meaning="tokens read",
           otel="gen_ai.usage.input_tokens",
           sql="coalesce(TRY_CAST(payload ->> '$.usage.input_tokens' AS BIGINT),"
               " TRY_CAST(payload ->> 'input_tokens' AS BIGINT))"),
    Column(name="output_tokens", type="BIGINT", meaning="tokens written",
           otel="gen_ai.usage.output_tokens",
           sql="coalesce(TRY_CAST(payload ->> '$.usage.output_tokens' AS BIGINT),"
               " TRY_CAST(payload ->> 'output_tokens' AS BIGINT))"),
    _told("cached_tokens", "BIGINT", "$.usage.cached_tokens",
          "tokens read out of a cache, a part of `input_tokens`",
          "gen_ai.usage.cache_read.input_tokens"),
    _told("reasoning_tokens", "BIGINT", "$.usage.reasoning_tokens",
          "tokens of thoughts, a part of `output_tokens`", "gen_ai.usage.reasoning.output_tokens"),
    Column(name="cost_usd", type="DOUBLE", meaning="US dollars; NULL where nobody knows",
           otel="na.cost_usd",
           sql="coalesce(TRY_CAST(payload ->> '$.usage.cost_usd' AS DOUBLE),"
               " TRY_CAST(payload ->> 'cost_usd' AS DOUBLE))"),
    _told("price_version", "VARCHAR", "$.usage.price_version", "the list of prices behind the cost",
          "na.price_version"),
    _told("gpu_s", "DOUBLE", "$.usage.gpu_s",
          "its share of the time of the engine's GPU, in seconds; NULL without one",
          "na.gpu_seconds"),
    _told("context_length", "BIGINT", "context_length", "tokens that the model can hold",
          "na.context_length"),
    _told("memory_bytes", "BIGINT", "memory_bytes", "the most memory, or that after a cell",
          "na.memory_bytes"),
    _told("execution_id", "VARCHAR", "execution_id", "the execution of a task", "na.execution.id"),
    _told("task_id", "VARCHAR", "task_id", "the task", "na.task.id"),
    _told("agent_version", "VARCHAR", "agent_version", "which state of the agent's configuration",
          "gen_ai.agent.version"),
    _told("notebook", "VARCHAR", "notebook", "the name of the notebook's file", "na.notebook"),
    _told("forked_from", "VARCHAR", "forked_from", "the conversation that this one is a fork of",
          "na.conversation.forked_from"),
    _told("cell_id", "VARCHAR", "cell_id", "the cell of the notebook", "na.cell.id"),
    _told("n_messages", "BIGINT", "n_messages", "messages that a model call read", "na.n_messages"),
    _told("message_count", "BIGINT", "message_count", "messages of the conversation after a run",
          "na.conversation.message_count"),
    _told("n_dropped", "BIGINT", "n_dropped", "messages left out because they did not fit"),
    Column(name="n_tool_calls", type="BIGINT", meaning="tool calls that a model asked for at once",
           sql="CASE WHEN type = 'model_finished' THEN"
               " json_array_length(payload -> 'tool_calls')::BIGINT END"),
    _told("input_chars", "BIGINT", "input_chars", "length of what a run was asked"),
    Column(name="content_bytes", type="BIGINT", meaning="length of what a tool gave back",
           sql="CASE WHEN type = 'tool_finished' THEN"
               " octet_length(encode(payload ->> 'content'))::BIGINT END"),
    Column(name="arguments_bytes", type="BIGINT",
           meaning="length of what a tool was given, as JSON",
           sql="CASE WHEN type = 'tool_started' THEN"
               " octet_length(encode(payload ->> 'arguments'))::BIGINT END"),
    Column(name="via", type="VARCHAR", otel="na.approval.via",
           meaning="who let a tool call run, or refused it: `person`, `policy`, an earlier answer",
           sql="CASE type WHEN 'tool_started' THEN nullif(payload ->> 'allowed_by', '')"
               " WHEN 'approval_decided' THEN coalesce(payload ->> 'via', 'person') END"),
    _private("person", "who decided, changed an agent or set a budget, where it says so", "by"),
    _told("effect", "VARCHAR", "effect", "what a tool call does: `read`, `write`, …"),
    _told("scope", "VARCHAR", "scope", "for which calls a decision holds: `once`, `conversation`"),
    Column(name="findings", type="JSON", meaning="what was noticed about a tool call, as a list",
           sql="TRY_CAST(payload ->> 'findings' AS JSON)", is_private=True),
    _private("feedback", "what a person said when refusing a call"),
    _private("error_message", "why a run, an execution or its cell failed, in words"),
    _told("scheduled_for", "TIMESTAMPTZ", "scheduled_for", "when a schedule's tick was due"),
    _told("late_s", "DOUBLE", "late_s", "how much later than that it was"),
    Column(name="skip_reason", type="VARCHAR", meaning="why nothing came of a tick",
           sql="CASE type WHEN 'schedule_skipped' THEN payload ->> 'reason' END"),
    _told("task_name", "VARCHAR", "task_name", "what the task of a tick is called"),
    _told("n_runs", "BIGINT", "n_runs", "runs of an execution"),
    _told("memory_delta_bytes", "BIGINT", "memory_delta_bytes",
          "memory after a cell less that before"),
    _told("after_run_id", "VARCHAR", "after_run_id", "the run that ended last before a cell"),
    _told("changed_by_run_id", "VARCHAR", "changed_by_run_id",
          "the run that wrote a cell, or changed what it uses"),
    _told("rating", "VARCHAR", "rating", "of an answer: `good` or `bad`"),
    Column(name="agent_name", type="VARCHAR", otel="gen_ai.agent.name",
           meaning="what an agent is called from then on",
           sql="CASE WHEN type IN ('agent_created', 'agent_updated') THEN"
               " nullif(payload ->> 'name', '') END"),
)  # fmt: skip
EVENT_COLUMNS = LINE_COLUMNS + TAKEN_COLUMNS
"""The columns of ``events`` in SQL, in compacted files and in exports."""


def with_taken(source: str) -> str:
    """A SELECT of all columns of ``source``, a SELECT of lines, and the taken ones after them.

    All fields are found in one reading of a payload; one by one each would read it anew.
    """
    paths = list(dict.fromkeys(path for each in TAKEN_COLUMNS for path in _FIELD.findall(each.sql)))
    places = {path: f"told[{number}]" for number, path in enumerate(paths, start=1)}
    taken = ", ".join(
        f"{_FIELD.sub(lambda found: places[found[1]], column.sql)} AS {column.name}"
        for column in TAKEN_COLUMNS
    )
    told = ", ".join(f"'{path if path.startswith('$') else f'$.{path}'}'" for path in paths)
    return (
        f"SELECT * EXCLUDE (told), {taken}"  # noqa: S608 - columns of our own
        f" FROM (SELECT *, payload ->> [{told}] AS told FROM ({source}))"
    )
