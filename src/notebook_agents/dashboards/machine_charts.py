"""Charts of what runs work on: the engine and its GPU, money, schedules, ways to clients."""

from __future__ import annotations

from collections import Counter
from typing import Any

from notebook_agents.dashboards.charts import Chart, Rows
from notebook_agents.dashboards.figures import (
    AXIS_CHARS,
    Figure,
    Series,
    bars,
    lines,
    shortened,
    strip,
)

LETTERS = {
    "succeeded": "✓", "failed": "F", "timed_out": "T", "interrupted": "I", "skipped": "s",
    "running": "r", "cancelled": "c",
}  # fmt: skip
LOOKS = {"succeeded": 2, "failed": 5, "timed_out": 1, "interrupted": 3, "skipped": 7, "running": 4,
         "cancelled": 6}  # fmt: skip
GPU = """
SELECT
    strftime(bucket, '%Y-%m-%d %H:%M') AS time_utc,
    device,
    utilization_percent,
    round(100 * memory_used_bytes / memory_total_bytes, 1) AS memory_percent,
    round(memory_used_bytes / 1e9, 2) AS memory_gb,
    round(100 * kv_used_bytes / nullif(kv_total_bytes, 0), 1) AS kv_percent,
    batch_mean, tokens_per_s, tokens_per_gpu_s, queue_wait_p95_ms, energy_wh
FROM v_gpu_ts
WHERE bucket >= date_trunc('hour', $since) AND bucket < $until
ORDER BY time_utc, device"""
LOAD = """
SELECT
    strftime(bucket, '%Y-%m-%d %H:%M') AS time_utc,
    runs_queued, runs_finished, max_in_flight, max_queue_depth
FROM v_throughput_ts
WHERE bucket >= date_trunc('hour', $since) AND bucket < $until
ORDER BY time_utc"""
COST = """
SELECT
    strftime(date_trunc('{bucket}', started), '{format}') AS time_utc,
    model,
    sum(cost_usd) AS cost_usd,
    sum(model_calls)::BIGINT AS calls,
    sum(uncosted_calls)::BIGINT AS uncosted_calls
FROM runs GROUP BY ALL ORDER BY time_utc, model"""
BUDGET = """
SELECT
    strftime(begins, '%Y-%m-%d') AS begins_utc, period, user_id AS user,
    limit_usd, spent_usd, projected_usd, pct, is_over, uncosted_calls
FROM v_budget
WHERE begins + INTERVAL 1 MONTH >= $since AND begins < $until
ORDER BY begins DESC, period, user LIMIT 12"""
SCHEDULES = """
SELECT
    strftime(scheduled_for, '%Y-%m-%d %H:%M') AS time_utc,
    coalesce(name, task_id) AS task, status, skip_reason,
    round(late_ms / 1000, 1) AS late_s,
    round(duration_ms / 1000, 2) AS seconds,
    cost_usd, error_type AS error, consecutive_failures, execution_id, task_id
FROM v_schedules
LEFT JOIN (
    SELECT task_id, arg_max(task_name, ts) AS name
    FROM events
    WHERE type IN ('schedule_fired', 'schedule_skipped') AND task_name IS NOT NULL
    GROUP BY task_id
) USING (task_id)
WHERE scheduled_for >= $since AND scheduled_for < $until
ORDER BY scheduled_for DESC LIMIT 500"""
API = """
SELECT
    coalesce(nullif(dialect, ''), 'other') AS api,
    coalesce(sum(n) FILTER (status < 400), 0)::BIGINT AS answered,
    coalesce(sum(n) FILTER (status >= 400 AND status < 500), 0)::BIGINT AS refused,
    coalesce(sum(n) FILTER (status >= 500), 0)::BIGINT AS failed,
    coalesce(sum(n) FILTER (status = 429), 0)::BIGINT AS rate_limited,
    coalesce(sum(n) FILTER (status IN (401, 403)), 0)::BIGINT AS not_allowed
FROM (
    SELECT
        dialect,
        TRY_CAST(status AS INTEGER) AS status,
        TRY_CAST(payload ->> 'n' AS BIGINT) AS n
    FROM events WHERE type = 'requests_served' AND ts >= $since AND ts < $until
)
GROUP BY api ORDER BY answered + refused + failed DESC, api"""
STREAMS = """
SELECT
    transport || ' ' || coalesce(nullif(dialect, ''), 'other') AS stream,
    count(*) FILTER (reason = 'finished') AS finished,
    count(*) FILTER (reason = 'client_gone') AS client_gone,
    count(*) FILTER (reason NOT IN ('finished', 'client_gone')) AS other,
    count(*) FILTER (is_resumed) AS resumed,
    sum(events)::BIGINT AS events,
    sum(dropped)::BIGINT AS dropped,
    round(max(max_lag_ms), 1) AS max_lag_ms
FROM v_streams WHERE closed_at >= $since AND closed_at < $until
GROUP BY stream ORDER BY count(*) DESC, stream"""
WEBHOOKS = """
SELECT
    webhook,
    count(*) FILTER (is_last AND status = 'delivered') AS delivered,
    count(*) FILTER (is_last AND status = 'retrying') AS waiting,
    count(*) FILTER (is_last AND status = 'failed') AS given_up,
    count(*) AS attempts,
    round(quantile_cont(latency_ms, 0.95), 1) AS p95_ms,
    arg_max(error_type, ts) AS last_error
FROM (
    SELECT
        (payload ->> 'host') || ' · ' || (payload ->> 'event_type') AS webhook,
        ts, status, error_type,
        TRY_CAST(payload ->> 'latency_ms' AS DOUBLE) AS latency_ms,
        row_number() OVER (PARTITION BY payload ->> 'delivery_id' ORDER BY ts DESC) = 1 AS is_last
    FROM events WHERE type = 'webhook_attempted' AND ts >= $since AND ts < $until
)
GROUP BY webhook ORDER BY attempts DESC, webhook LIMIT 20"""


def _gpu(rows: Rows) -> Figure:
    names = {"utilization_percent": "GPU", "memory_percent": "GPU memory", "kv_percent": "KV cache"}
    if has_gpu(rows):
        return lines(_by_device(rows, names), "percent")
    return lines(_by_device(rows, {"tokens_per_s": "tokens per second"}), "tokens per second")


def _by_device(rows: Rows, names: dict[str, str]) -> list[Series]:
    groups = []
    for device in sorted({row["device"] for row in rows}):
        mine = [row for row in rows if row["device"] == device]
        times = [row["time_utc"] for row in mine]
        for column, name in names.items():
            if any(row[column] is not None for row in mine):
                heights = [row[column] for row in mine]
                groups.append(Series(name=f"{name} ({device})", places=times, lengths=heights))
    return groups


def has_gpu(rows: Rows) -> bool:
    """Whether any of the samples of an engine tells of a GPU."""
    return any(row["utilization_percent"] is not None or row["device"] != "cpu" for row in rows)


def _gpu_note(rows: Rows) -> str:
    if not rows or has_gpu(rows):
        return ""
    return "No GPU: the engine works on the CPU, so that its tokens per second are drawn."


def _load(rows: Rows) -> Figure:
    times = [row["time_utc"] for row in rows]
    names = {"max_in_flight": "working", "max_queue_depth": "waiting"}
    groups = [
        Series(name=name, places=times, lengths=[row[column] for row in rows])
        for column, name in names.items()
    ]
    return lines(groups, "runs at once, at most")


def _cost(rows: Rows) -> Figure:
    is_known = any(row["cost_usd"] is not None for row in rows)
    column, unit = (
        ("cost_usd", "US dollars") if is_known else ("uncosted_calls", "calls of unknown cost")
    )
    times = sorted({row["time_utc"] for row in rows})
    found = {(row["time_utc"], str(row["model"])): row[column] for row in rows}
    groups = [
        Series(
            name=shortened(model),
            places=times,
            lengths=[found.get((time, model)) for time in times],
            clicks=[{"model": model}] * len(times),
        )
        for model in sorted({model for _, model in found})
    ]
    return bars(groups, unit)


def _cost_note(rows: Rows) -> str:
    unknown = sum(row["uncosted_calls"] or 0 for row in rows)
    if not unknown:
        return ""
    why = "they have no known price, or were broken off"
    return f"The cost of {unknown:,} calls of models is unknown and in no sum: {why}."


def _budget(rows: Rows) -> Figure:
    places = [f"{row['period']} of {row['begins_utc']}" for row in rows]
    if len({row["user"] for row in rows}) > 1:
        places = [f"{place} · {row['user']}" for place, row in zip(places, rows, strict=True)]
    names = {
        "spent_usd": ("spent", 0),
        "projected_usd": ("projected", 1),
        "limit_usd": ("limit", 7),
    }
    groups = [
        Series(name=name, places=places, lengths=[row[column] for row in rows], look=look)
        for column, (name, look) in names.items()
    ]
    figure = bars(groups, "US dollars", is_flat=True)
    figure["layout"] |= {"barmode": "group", "height": figure["layout"]["height"] + 20 * len(rows)}
    return figure


def _budget_note(rows: Rows) -> str:
    over = sum(bool(row["is_over"]) for row in rows)
    unknown = sum(row["uncosted_calls"] or 0 for row in rows)
    told = [f"{over} of these periods went over their limit."] if over else []
    told += [f"The cost of {unknown:,} calls is unknown, and not counted."] if unknown else []
    return " ".join(told)


def _schedules(rows: Rows) -> Figure:
    names = _task_names(rows)
    groups = []
    for status in sorted({row["status"] for row in rows}, key=lambda each: LOOKS.get(each, 9)):
        mine = [row for row in rows if row["status"] == status]
        groups.append(
            Series(
                name=status,
                places=[row["time_utc"] for row in mine],
                lengths=[names[row["task_id"]] for row in mine],
                words=[_tick(row) for row in mine],
                look=LOOKS.get(status, 7),
            )
        )
    return strip(groups, LETTERS)


def _task_names(rows: Rows) -> dict[str, str]:
    """What stands at each task's row, by its id; of two of one name with a part of their ids."""
    names = {row["task_id"]: _task_name(row) for row in rows}
    found = Counter(names.values())
    return {
        id: name if found[name] == 1 else f"{shortened(name, AXIS_CHARS - 10)} {_end_of(id)}"
        for id, name in names.items()
    }


def _task_name(row: dict[str, Any]) -> str:
    task, id = str(row["task"]), str(row["task_id"])
    return _end_of(id) if task == id else shortened(task, AXIS_CHARS)


def _end_of(id: str) -> str:
    """The end of an id, whose random part tells tasks apart."""
    return id if len(id) <= 12 else f"…{id[-8:]}"


def _tick(row: dict[str, Any]) -> str:
    told = [f"{row['time_utc']} UTC", row["status"], row["skip_reason"], row["error"]]
    told += [f"{row['late_s']:g} s late"] if row["late_s"] else []
    told += [f"took {row['seconds']:g} s"] if row["seconds"] is not None else []
    return " · ".join(filter(None, told))


def _stacked(name: str, looks: dict[str, int], unit: str) -> Any:
    def figure(rows: Rows) -> Figure:
        places = [shortened(row[name]) for row in rows]
        groups = [
            Series(name=column.replace("_", " "), places=places,
                   lengths=[row[column] for row in rows], look=look)
            for column, look in looks.items()
        ]  # fmt: skip
        return bars(groups, unit, is_flat=True)

    return figure


def _streams_note(rows: Rows) -> str:
    dropped = sum(row["dropped"] or 0 for row in rows)
    return f"{dropped:,} events were dropped for clients that fell behind." if dropped else ""


CHARTS = (
    Chart(name="cost", title="Cost over time, by model (UTC)", group="Money", sql=COST,
          about="Money, where the price is known; what is not known is never taken for 0.",
          figure=_cost, bar="cost_usd", note=_cost_note),
    Chart(name="budget", title="Budgets", group="Money", sql=BUDGET, figure=_budget,
          about="Of each period (UTC) what was spent, and what will be at this pace.",
          bar="spent_usd", note=_budget_note,
          empty="No budget is set in this time; a budget warns and stops nothing."),
    Chart(name="schedules", title="Scheduled tasks, tick by tick (UTC)", group="Schedules",
          about="Each moment at which a task was due, and what came of it.", sql=SCHEDULES,
          figure=_schedules, bar="seconds", empty="No task was due in this time."),
    Chart(name="gpu", title="GPU and engine (UTC)", group="Engine", sql=GPU, figure=_gpu,
          about="The engine of this machine by the hour; batch, energy and queue are in the table.",
          bar="tokens_per_s", note=_gpu_note,
          empty="No engine of a server was sampled in this time, so that nothing is known of a"
                " GPU. A server samples its engine every 30 s while it works."),
    Chart(name="load", title="Runs at once (UTC)", group="Engine", sql=LOAD, figure=_load,
          about="The most runs of an hour that worked, or waited for their turn, at once.",
          bar="max_in_flight"),
    Chart(name="api", title="Requests by API", group="Health", sql=API,
          figure=_stacked("api", {"answered": 2, "refused": 1, "failed": 5}, "requests"),
          about="Answers below 400, from 400, and from 500 on.", bar="answered",
          empty="No server answered a request in this time."),
    Chart(name="streams", title="Streams to clients", group="Health", sql=STREAMS,
          figure=_stacked("stream", {"finished": 2, "client_gone": 4, "other": 5}, "streams"),
          about="Sockets and streamed answers by how they ended.", bar="finished",
          note=_streams_note, empty="No stream of a server ended in this time."),
    Chart(name="webhooks", title="Webhooks", group="Health", sql=WEBHOOKS,
          figure=_stacked("webhook", {"delivered": 2, "waiting": 1, "given_up": 5}, "letters"),
          about="Letters tried in this time, by what had become of them at its end; given up are"
                " those not tried again.",
          bar="delivered", empty="No webhook was sent anything in this time."),
)  # fmt: skip
