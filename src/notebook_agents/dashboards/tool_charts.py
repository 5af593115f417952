"""Charts of tool calls: how they ended, how long they took, their order, who allowed them."""

from __future__ import annotations

from notebook_agents.dashboards.charts import Chart, Rows
from notebook_agents.dashboards.figures import Figure, Series, bars
from notebook_agents.dashboards.tables import shown

ENDS = {"succeeded": 2, "denied": 1, "failed": 5}
"""How calls end, with the places in the palette."""
TOOLS = """
SELECT
    tool_name AS tool,
    count(*) FILTER (status = 'succeeded') AS succeeded,
    count(*) FILTER (status = 'denied') AS denied,
    count(*) FILTER (status NOT IN ('succeeded', 'denied')) AS failed,
    round(quantile_cont(duration_ms, 0.5), 1) AS p50_ms,
    round(quantile_cont(duration_ms, 0.95), 1) AS p95_ms
FROM calls GROUP BY tool ORDER BY count(*) DESC, tool LIMIT 20"""
TIMES = """
SELECT
    tool_name AS tool,
    count(*) AS calls,
    round(sum(duration_ms) / 1000, 3) AS seconds,
    round(quantile_cont(duration_ms, 0.5), 1) AS p50_ms,
    round(quantile_cont(duration_ms, 0.95), 1) AS p95_ms,
    round(max(duration_ms), 1) AS max_ms
FROM calls WHERE status <> 'denied' GROUP BY tool ORDER BY p95_ms DESC, tool LIMIT 20"""
SEQUENCES = """
SELECT
    sequence,
    sum(occurrences)::BIGINT AS occurrences,
    sum(runs)::BIGINT AS runs,
    round(100 * sum(success_rate * occurrences) / sum(occurrences), 1) AS succeeded_percent,
    round(sum(mean_ms * occurrences) / sum(occurrences), 1) AS mean_ms
FROM v_tool_sequences
WHERE contains(lower(sequence), lower($find))
GROUP BY sequence, length ORDER BY occurrences DESC, length DESC, sequence LIMIT 15"""
APPROVALS = """
SELECT
    tool,
    count(*) FILTER (decision = 'allowed' AND decided_by = 'person') AS allowed,
    count(*) FILTER (decision = 'allowed' AND decided_by <> 'person') AS allowed_by_rule,
    count(*) FILTER (decision = 'denied') AS denied,
    count(*) FILTER (decision = 'waiting') AS waiting,
    count(*) FILTER (decision = 'unanswered') AS unanswered,
    round(quantile_cont(waited_s, 0.5), 1) AS p50_wait_s,
    round(quantile_cont(waited_s, 0.95), 1) AS p95_wait_s
FROM v_approvals WHERE run_id IN (SELECT run_id FROM runs)
GROUP BY tool ORDER BY count(*) DESC, tool LIMIT 20"""


def _tools(rows: Rows) -> Figure:
    places = [f"{row['tool']} · p95 {shown(row['p95_ms'])} ms" for row in rows]
    groups = [
        Series(name=end, places=places, lengths=[row[end] for row in rows], look=look)
        for end, look in ENDS.items()
    ]
    return bars(groups, "calls", is_flat=True)


def _times(rows: Rows) -> Figure:
    places = [row["tool"] for row in rows]
    groups = [
        Series(name=name, places=places, lengths=[row[f"{name}_ms"] for row in rows])
        for name in ("p50", "p95")
    ]
    figure = bars(groups, "milliseconds", is_flat=True)
    height = figure["layout"]["height"] + 10 * len(places)
    figure["layout"] |= {"barmode": "group", "height": height}
    return figure


def _sequences(rows: Rows) -> Figure:
    places = [f"{row['sequence']} · {shown(row['succeeded_percent'])} % ok" for row in rows]
    counts = [row["occurrences"] for row in rows]
    clicks = [{"find": row["sequence"]} for row in rows]
    group = Series(name="times", places=places, lengths=counts, clicks=clicks)
    return bars([group], "times", is_flat=True)


def _approvals(rows: Rows) -> Figure:
    places = [row["tool"] for row in rows]
    looks = {"allowed": 2, "allowed_by_rule": 4, "denied": 5, "waiting": 1, "unanswered": 0}
    groups = [
        Series(name=n.replace("_", " "), places=places, lengths=[row[n] for row in rows], look=look)
        for n, look in looks.items()
    ]
    return bars(groups, "calls", is_flat=True)


CHARTS = (
    Chart(name="tools", title="Tools: how their calls ended", group="Tools", sql=TOOLS,
          about="Calls of the runs' tools.", figure=_tools, bar="succeeded"),
    Chart(name="tool_times", title="Tools: how long their calls took", group="Tools", sql=TIMES,
          about="Calls that were denied took no time and are left out.", figure=_times,
          bar="p95_ms"),
    Chart(name="approvals", title="Tools: who allowed their calls", group="Tools", sql=APPROVALS,
          about="Answers about tool calls; a rule is a policy or an earlier answer.",
          figure=_approvals, bar="denied", empty="No call needed an answer in this time."),
    Chart(name="sequences", title="Tools: what follows what", group="Tools", sql=SEQUENCES,
          about="Two to four calls in a row; loops and thrashing show here. All that was ever"
                " recorded is counted: the filters above do not apply, only the box below.",
          figure=_sequences, bar="occurrences",
          empty="No two calls of tools followed each other in a run, or none that you look for."),
)  # fmt: skip
