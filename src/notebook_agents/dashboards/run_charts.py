"""Charts of runs: how many, out of what, how fast, and what failed."""

from __future__ import annotations

from notebook_agents.dashboards.charts import Chart, Rows
from notebook_agents.dashboards.figures import Figure, Series, bars, lines, shortened
from notebook_agents.dashboards.filters import SOURCES
from notebook_agents.dashboards.run_phases import dominant

STATUSES = ("succeeded", "running", "cancelled", "timed_out", "interrupted", "failed")
LOOKS = {
    "succeeded": 2,
    "running": 4,
    "cancelled": 7,
    "timed_out": 1,
    "interrupted": 3,
    "failed": 5,
}
"""Places in the palette: the same for a status in every chart."""
TOKENS = """
SELECT
    strftime(date_trunc('{bucket}', started), '{format}') AS time_utc,
    model,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(output_tokens)::BIGINT AS output_tokens,
    sum(input_tokens + output_tokens)::BIGINT AS tokens
FROM runs GROUP BY ALL ORDER BY time_utc, model"""
COUNTS = """
SELECT
    strftime(date_trunc('{bucket}', started), '{format}') AS time_utc,
    status, count(*) AS runs
FROM runs GROUP BY ALL ORDER BY time_utc, status"""
BY_SOURCE = """
SELECT dialect AS source, status, count(*) AS runs
FROM runs GROUP BY ALL ORDER BY source, status"""
NOTEBOOKS = """
SELECT
    coalesce(notebook, '') AS notebook,
    count(*) AS runs,
    sum(input_tokens + output_tokens)::BIGINT AS tokens,
    round(sum(duration_ms) / 1000, 1) AS seconds,
    sum(cost_usd) AS cost_usd
FROM runs GROUP BY ALL ORDER BY runs DESC, notebook LIMIT 20"""
USERS = """
SELECT
    user_id AS user,
    count(*) AS runs,
    sum(input_tokens + output_tokens)::BIGINT AS tokens,
    round(sum(duration_ms) / 1000, 1) AS seconds,
    sum(cost_usd) AS cost_usd
FROM runs GROUP BY ALL ORDER BY runs DESC, user LIMIT 20"""
PHASES = """
SELECT
    phase,
    round(sum(ms) / 1000, 3) AS seconds,
    round(100 * sum(ms) / sum(sum(ms)) OVER (), 1) AS percent,
    round(quantile_cont(ms, 0.95) / 1000, 3) AS p95_s_of_a_run
FROM phases GROUP BY phase ORDER BY seconds DESC"""
LATENCY = """
SELECT
    strftime(date_trunc('{bucket}', started), '{format}') AS time_utc,
    count(*) AS runs,
    round(quantile_cont(duration_ms, 0.5) / 1000, 3) AS p50_s,
    round(quantile_cont(duration_ms, 0.9) / 1000, 3) AS p90_s,
    round(quantile_cont(duration_ms, 0.95) / 1000, 3) AS p95_s,
    round(quantile_cont(duration_ms, 0.99) / 1000, 3) AS p99_s
FROM runs WHERE ended IS NOT NULL GROUP BY ALL ORDER BY time_utc"""
TTFT = """
SELECT
    strftime(date_trunc('{bucket}', started), '{format}') AS time_utc,
    model,
    count(ttft_ms) AS runs,
    round(quantile_cont(ttft_ms, 0.5), 1) AS p50_ttft_ms,
    round(quantile_cont(ttft_ms, 0.95), 1) AS p95_ttft_ms,
    round(quantile_cont(tokens_per_s, 0.5), 1) AS p50_tokens_per_s
FROM runs WHERE ttft_ms > 0 GROUP BY ALL ORDER BY time_utc, model"""
ERRORS = """
SELECT error_type AS error, 'run' AS of, count(*) AS times, arg_max(run_id, started) AS newest_run
FROM runs WHERE error_type IS NOT NULL GROUP BY ALL
UNION ALL
SELECT error_type, 'tool', count(*), max(run_id)
FROM calls WHERE error_type IS NOT NULL GROUP BY ALL
ORDER BY times DESC, error LIMIT 20"""


def _over_time(rows: Rows, by: str, value: str, unit: str, looks: dict[str, int]) -> Figure:
    times = sorted({row["time_utc"] for row in rows})
    found = {(row["time_utc"], str(row[by])): row[value] for row in rows}
    names = sorted(
        {name for _, name in found}, key=lambda n: (list(looks).index(n) if n in looks else 99, n)
    )
    groups = []
    for name in names:
        clicks = [{by: name} if by == "model" else {"time": time} for time in times]
        heights = [found.get((time, name), 0) for time in times]
        groups.append(
            Series(name=name, places=times, lengths=heights, clicks=clicks, look=looks.get(name))
        )
    return bars(groups, unit)


def _tokens(rows: Rows) -> Figure:
    return _over_time(rows, "model", "tokens", "tokens, in and out", {})


def _counts(rows: Rows) -> Figure:
    return _over_time(rows, "status", "runs", "runs", LOOKS)


def _by_source(rows: Rows) -> Figure:
    groups = []
    for state in sorted({row["status"] for row in rows}):
        mine = [row for row in rows if row["status"] == state]
        groups.append(
            Series(
                name=state,
                places=[SOURCES.get(row["source"], row["source"]) for row in mine],
                lengths=[row["runs"] for row in mine],
                clicks=[{"source": row["source"]} for row in mine],
                look=LOOKS.get(state),
            )
        )
    return bars(groups, "runs", is_flat=True)


def _ranked(rows: Rows, by: str, unknown: str) -> Figure:
    places = [shortened(row[by]) if row[by] else unknown for row in rows]
    clicks = [{by: row[by]} if row[by] else None for row in rows]
    counts = [row["runs"] for row in rows]
    return bars(
        [Series(name="runs", places=places, lengths=counts, clicks=clicks)], "runs", is_flat=True
    )


def _notebooks(rows: Rows) -> Figure:
    return _ranked(rows, "notebook", "outside of notebooks")


def _users(rows: Rows) -> Figure:
    named = [row | {"user": row.get("name") or row["user"]} for row in rows]
    figure = _ranked(named, "user", "nobody")
    figure["data"][0]["customdata"] = [
        {"user": row["user"]} if row["user"] else None for row in rows
    ]
    return figure


def _phases(rows: Rows) -> Figure:
    places = [row["phase"] for row in rows]
    seconds = [row["seconds"] for row in rows]
    return bars([Series(name="seconds", places=places, lengths=seconds)], "seconds", is_flat=True)


def _dominant(rows: Rows) -> str:
    longest = max(rows, key=lambda row: row["seconds"], default=None)
    return dominant(longest["phase"], f"{longest['percent']} %") if longest else ""


def _latency(rows: Rows) -> Figure:
    times = [row["time_utc"] for row in rows]
    clicks = [{"time": time} for time in times]
    groups = [
        Series(name=name, places=times, lengths=[row[f"{name}_s"] for row in rows], clicks=clicks)
        for name in ("p50", "p90", "p95", "p99")
    ]
    return lines(groups, "seconds, waiting included")


def _first_token(rows: Rows) -> Figure:
    groups = []
    for number, model in enumerate(sorted({str(row["model"]) for row in rows})):
        mine = [row for row in rows if str(row["model"]) == model]
        clicks = [{"model": model}] * len(mine)
        for part, name in (("p50", "p50_ttft_ms"), ("p95", "p95_ttft_ms")):
            groups.append(
                Series(
                    name=f"{shortened(model)} {part}",
                    places=[row["time_utc"] for row in mine],
                    lengths=[row[name] for row in mine],
                    clicks=clicks,
                    look=2 * number + (part == "p95"),
                )
            )
    return lines(groups, "milliseconds")


def _errors(rows: Rows) -> Figure:
    places = [f"{row['error']} ({row['of']})" for row in rows]
    clicks = [{"run_id": run} if (run := row.get("newest_run")) else None for row in rows]
    times = [row["times"] for row in rows]
    group = Series(name="times", places=places, lengths=times, clicks=clicks, look=5)
    return bars([group], "times", is_flat=True)


CHARTS = (
    Chart(name="tokens", title="Tokens over time, by model (UTC)", group="What ran", sql=TOKENS,
          about="Tokens that models read and wrote in the runs that began then.",
          figure=_tokens, bar="tokens"),
    Chart(name="runs", title="Runs over time, by how they ended (UTC)", group="What ran",
          about="Runs by the time at which they began.", sql=COUNTS, figure=_counts, bar="runs"),
    Chart(name="sources", title="Runs by source", group="What ran", sql=BY_SOURCE,
          about="Where the runs were asked for: a notebook, a schedule, or an API.",
          figure=_by_source, bar="runs"),
    Chart(name="notebooks", title="Runs by notebook", group="What ran", sql=NOTEBOOKS,
          about="The notebooks in which most was asked.", figure=_notebooks, bar="runs"),
    Chart(name="users", title="Runs by user", group="What ran", sql=USERS, figure=_users,
          about="Who asked most.", bar="runs", is_for_admins=True),
    Chart(name="phases", title="Where the time went", group="How fast", sql=PHASES,
          about="The time of all these runs; person is waiting for an answer about tool calls,"
                " other is what no phase tells of.",
          figure=_phases, bar="seconds", note=_dominant),
    Chart(name="latency", title="Latency over time (UTC)", group="How fast", sql=LATENCY,
          about="From when a run was accepted to its end.", figure=_latency, bar="p95_s"),
    Chart(name="first_token", title="Time to the first token, by model (UTC)", group="How fast",
          about="From a model call's turn to its first token; tokens per second are in the table.",
          sql=TTFT, figure=_first_token, bar="p50_ttft_ms"),
    Chart(name="errors", title="Errors by kind", group="What failed", sql=ERRORS, figure=_errors,
          about="Of runs and of tool calls; a call that was denied counts as DENIED.", bar="times",
          empty="Nothing failed in this time."),
)  # fmt: skip
