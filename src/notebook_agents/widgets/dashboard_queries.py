"""The SQL behind each part of the dashboard: whole statements, to be read, changed and used."""

from __future__ import annotations

import re
from dataclasses import dataclass

from notebook_agents.core.errors import InvalidRequest

SOURCES = {
    "magic": "notebook",
    "schedule": "schedule",
    "python": "Python",
    "mcp": "MCP",
}
"""Where runs come from, in words; others are named as they are."""
HOURLY_DAYS = 2
"""Up to so many days, time is told by the hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which runs are looked at."""

    days: float | None = 7
    """Back from now; None is everything."""
    model: str = ""
    source: str = ""
    """The API that asked, as ``dialect`` in the views; empty is any."""

    @property
    def sql(self) -> str:
        """One SELECT for these runs."""
        conditions = []
        if self.days is not None:
            conditions.append(f"started >= now() - INTERVAL '{self.days * 24:g} hours'")
        if self.model:
            conditions.append(f"model = {_quoted(self.model)}")
        if self.source:
            conditions.append(f"dialect = {_quoted(self.source)}")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT * FROM v_runs{where}"  # noqa: S608 - quoted, and read-only

    @property
    def bucket(self) -> str:
        """The unit of time along the axis of charts."""
        return "hour" if self.days is not None and self.days <= HOURLY_DAYS else "day"


TOTALS = """
SELECT
    count(*) AS runs,
    count(*) FILTER (status <> 'running') AS finished,
    count(*) FILTER (status = 'succeeded') AS succeeded,
    quantile_cont(duration_ms, 0.5) / 1000 AS p50_s,
    quantile_cont(duration_ms, 0.95) / 1000 AS p95_s,
    quantile_cont(ttft_ms, 0.5) / 1000 AS ttft_s,
    coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens,
    coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens,
    quantile_cont(tokens_per_s, 0.5) AS tokens_per_s,
    sum(cost_usd) AS cost_usd,
    (SELECT count(*) FROM events WHERE type = 'tool_finished' AND payload ->> 'status' = 'denied'
     AND run_id IN (SELECT run_id FROM runs)) AS denied
FROM runs"""
TOKENS = """
SELECT
    strftime(date_trunc('{bucket}', started), '{format}') AS time_utc,
    model,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(output_tokens)::BIGINT AS output_tokens,
    sum(input_tokens + output_tokens)::BIGINT AS tokens
FROM runs GROUP BY ALL ORDER BY time_utc, model"""
PHASES = """
SELECT
    phase,
    round(sum(ms) / 1000, 3) AS seconds,
    round(100 * sum(ms) / sum(sum(ms)) OVER (), 1) AS percent,
    round(quantile_cont(ms, 0.95) / 1000, 3) AS p95_s_of_a_run
FROM v_run_phases WHERE run_id IN (SELECT run_id FROM runs)
GROUP BY phase ORDER BY seconds DESC"""
TOOLS = """
SELECT
    payload ->> 'name' AS tool,
    count(*) FILTER (payload ->> 'status' = 'succeeded') AS succeeded,
    count(*) FILTER (payload ->> 'status' = 'denied') AS denied,
    count(*) FILTER (payload ->> 'status' NOT IN ('succeeded', 'denied')) AS failed,
    round(quantile_cont((payload ->> 'duration_ms')::DOUBLE, 0.5), 1) AS p50_ms,
    round(quantile_cont((payload ->> 'duration_ms')::DOUBLE, 0.95), 1) AS p95_ms
FROM events WHERE type = 'tool_finished' AND run_id IN (SELECT run_id FROM runs)
GROUP BY tool ORDER BY count(*) DESC LIMIT 20"""
ERRORS = """
SELECT error_type AS error, 'run' AS of, count(*) AS times FROM runs
WHERE error_type IS NOT NULL GROUP BY ALL
UNION ALL
SELECT payload ->> 'error_type', 'tool', count(*) FROM events
WHERE type = 'tool_finished' AND payload ->> 'error_type' <> ''
AND run_id IN (SELECT run_id FROM runs) GROUP BY ALL
ORDER BY times DESC, error LIMIT 20"""
BY_SOURCE = """
SELECT dialect AS source, status, count(*) AS runs
FROM runs GROUP BY ALL ORDER BY source, status"""
RECENT = """
SELECT
    strftime(started, '%Y-%m-%d %H:%M:%S') AS time_utc, dialect AS source, model, status,
    round(duration_ms / 1000, 2) AS seconds,
    round(ttft_ms / 1000, 3) AS ttft_s,
    input_tokens, output_tokens, tool_calls,
    verdict, error_type AS error, run_id
FROM (SELECT * FROM runs ORDER BY started DESC LIMIT 50)
LEFT JOIN (SELECT run_id, arg_max(phase, ms) AS verdict FROM v_run_phases GROUP BY run_id)
    USING (run_id)
ORDER BY started DESC"""
CHOICES = """
SELECT DISTINCT model, dialect FROM v_runs"""


def statement(template: str, filters: Filters) -> str:
    """A whole SELECT over the runs that the filters leave."""
    return f"WITH runs AS ({filters.sql}){_filled(template, filters)}"


def _filled(template: str, filters: Filters) -> str:
    form = "%Y-%m-%d %H:%M" if filters.bucket == "hour" else "%Y-%m-%d"
    return template.replace("{bucket}", filters.bucket).replace("{format}", form)


def together(templates: dict[str, str], filters: Filters) -> str:
    """One SELECT that answers several, each as a JSON list: log and views are then read once."""
    for name in templates:
        if not re.fullmatch(r"[a-z_]+", name):
            raise InvalidRequest(f"{name!r} is no name of a column", field="sql")
    columns = ", ".join(
        f"(SELECT to_json(list(t)) FROM ({_filled(text, filters)}) AS t) AS {name}"  # noqa: S608
        for name, text in templates.items()
    )
    once = [
        f"{view} AS MATERIALIZED (SELECT * FROM main.{view})"  # noqa: S608
        for view in ("v_runs", "v_run_phases")
    ]
    return f"WITH {', '.join(once)}, runs AS MATERIALIZED ({filters.sql}) SELECT {columns}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
