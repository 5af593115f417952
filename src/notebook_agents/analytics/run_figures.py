"""Figures over runs that the dialects report, counted by the views."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from notebook_agents.core.agents import AgentStatistics
from notebook_agents.core.analytics import RunTotals

STATISTICS_SQL = """
SELECT
    agent_id,
    count(*) FILTER (status <> 'running'),
    count(*) FILTER (status = 'succeeded'),
    coalesce(avg(duration_ms), 0),
    coalesce(avg(duration_ms - coalesce(queue_ms, 0)), 0),
    coalesce(sum(input_tokens + output_tokens) FILTER (status <> 'running'), 0),
    max(started)
FROM v_runs WHERE list_contains($agent_ids, agent_id) GROUP BY agent_id"""
TOTALS_SQL = """
SELECT
    count(*) FILTER (status <> 'running'),
    count(*) FILTER (status = 'succeeded'),
    coalesce(avg(duration_ms), 0),
    coalesce(quantile_cont(duration_ms, 0.95), 0),
    coalesce(quantile_cont(duration_ms, 0.99), 0),
    coalesce(sum(input_tokens + output_tokens) FILTER (status <> 'running'), 0),
    max(started),
    sum(cost_usd)
FROM v_runs WHERE started >= $since AND ($owner IS NULL OR user_id = $owner)"""


def statistics_of(row: tuple[Any, ...]) -> AgentStatistics:
    """The figures of one agent."""
    return AgentStatistics(
        n_runs=row[1],
        n_succeeded=row[2],
        mean_duration_ms=row[3],
        mean_work_ms=row[4],
        n_tokens=int(row[5]),
        last_started=row[6].astimezone(UTC),
    )


def totals_of(row: tuple[Any, ...]) -> RunTotals:
    """The figures of a period."""
    return RunTotals(
        n_runs=row[0],
        n_succeeded=row[1],
        mean_duration_ms=row[2],
        p95_duration_ms=row[3],
        p99_duration_ms=row[4],
        n_tokens=int(row[5]),
        last_started=None if row[6] is None else row[6].astimezone(UTC),
        cost_usd=row[7],
    )
