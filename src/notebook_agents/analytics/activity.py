"""The sums over the whole log that Prometheus is told, in one statement over the views."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from notebook_agents.core.activity import (
    RUN_BOUNDS_S,
    WAIT_BOUNDS_S,
    Activity,
    Histogram,
    RequestKind,
)

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Table


def _times(figure: str, column: str, bounds_s: tuple[float, ...]) -> str:
    """The rows of a histogram: its buckets, and the sum under no bound."""
    return f"""
    SELECT '{figure}', unnest(map_keys(found))::VARCHAR, NULL, NULL, NULL,
        unnest(map_values(found))::DOUBLE
    FROM (SELECT histogram({column} / 1000, {list(bounds_s)}) AS found FROM runs)
    UNION ALL
    SELECT '{figure}', NULL, NULL, NULL, NULL, sum({column}) / 1000 FROM runs"""  # noqa: S608 - of ours


ACTIVITY_SQL = f"""
WITH runs AS MATERIALIZED (
    SELECT
        status,
        CASE WHEN status <> 'running' THEN duration_ms END AS duration_ms,
        queue_ms,
        nullif(ttft_ms, 0) AS ttft_ms
    FROM v_runs
),
costs AS MATERIALIZED (
    SELECT
        model,
        sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens,
        sum(cost_usd) AS cost_usd,
        sum(uncosted_calls) AS uncosted_calls
    FROM v_cost GROUP BY model
),
calls AS MATERIALIZED (
    SELECT tool_name, status, count(*) AS n
    FROM events WHERE type = 'tool_finished' GROUP BY tool_name, status
)
SELECT 'requests' AS figure, dialect AS a, method AS b, route AS c, status::VARCHAR AS d,
    requests::DOUBLE AS n
FROM v_api
UNION ALL
SELECT 'today', NULL, NULL, NULL, NULL, sum(TRY_CAST(payload ->> 'n' AS BIGINT))
FROM events
WHERE type = 'requests_served'
    AND ts >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
UNION ALL
SELECT 'runs', status, NULL, NULL, NULL, count(*) FROM runs GROUP BY status
UNION ALL {_times("run_times", "duration_ms", RUN_BOUNDS_S)}
UNION ALL {_times("queue_times", "queue_ms", WAIT_BOUNDS_S)}
UNION ALL {_times("first_token_times", "ttft_ms", WAIT_BOUNDS_S)}
UNION ALL
SELECT 'tokens', 'input', model, NULL, NULL, input_tokens FROM costs
UNION ALL
SELECT 'tokens', 'output', model, NULL, NULL, output_tokens FROM costs
UNION ALL
SELECT 'costs_usd', model, NULL, NULL, NULL, cost_usd FROM costs WHERE cost_usd IS NOT NULL
UNION ALL
SELECT 'uncosted_calls', model, NULL, NULL, NULL, uncosted_calls FROM costs
UNION ALL
SELECT 'tool_calls', tool_name, status, NULL, NULL, n FROM calls
UNION ALL
SELECT 'webhook_attempts', status, NULL, NULL, NULL, count(*)
FROM events WHERE type = 'webhook_attempted' GROUP BY status
UNION ALL
SELECT 'streams', transport, reason, NULL, NULL, count(*) FROM v_streams GROUP BY transport, reason
"""  # noqa: S608 - nothing in it is anybody's
Row = tuple[Any, ...]


def activity_of(table: Table) -> Activity:
    """The figures out of the answer to `ACTIVITY_SQL`."""
    found: dict[str, list[Row]] = {}
    for figure, *row in table.rows:
        found.setdefault(figure, []).append(tuple(row))
    return Activity(
        requests={
            RequestKind(dialect=dialect or "", method=method, route=route, status=int(status)): int(
                n
            )
            for dialect, method, route, status, n in found.get("requests", ())
        },
        n_requests_today=sum(int(row[-1] or 0) for row in found.get("today", ())),
        runs=_by_one(found.get("runs", ())),
        run_times=_histogram(found["run_times"]),
        queue_times=_histogram(found["queue_times"]),
        first_token_times=_histogram(found["first_token_times"]),
        tokens=_by_two(found.get("tokens", ())),
        costs_usd={row[0] or "": float(row[-1]) for row in found.get("costs_usd", ())},
        uncosted_calls=_by_one(found.get("uncosted_calls", ())),
        tool_calls=_by_two(found.get("tool_calls", ())),
        webhook_attempts=_by_one(found.get("webhook_attempts", ())),
        streams=_by_two(found.get("streams", ())),
    )


def _by_one(rows: Iterable[Row]) -> dict[str, int]:
    return {row[0] or "": int(row[-1] or 0) for row in rows}


def _by_two(rows: Iterable[Row]) -> dict[tuple[str, str], int]:
    return {(row[0] or "", row[1] or ""): int(row[-1] or 0) for row in rows}


def _histogram(rows: Iterable[Row]) -> Histogram:
    counts = {float(row[0]): int(row[-1]) for row in rows if row[0] is not None and row[-1]}
    return Histogram(
        counts=counts, sum_s=sum(float(row[-1] or 0) for row in rows if row[0] is None)
    )
