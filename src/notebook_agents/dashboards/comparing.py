"""Charts that compare versions of an agent: by their runs, and by how their answers were judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notebook_agents.dashboards.charts import Chart, Rows
from notebook_agents.dashboards.figures import Figure, Series, bars, intervals

MAX_NAMED = 3
"""Agents that are named of those that share a version."""
VERSIONS = """
WITH pairs AS (
    SELECT * FROM v_ab
    WHERE ($agent = '' OR agent_id = $agent)
    AND ($version_a = '' OR $version_a IN (version_a, version_b))
    AND ($version_b = '' OR $version_b IN (version_a, version_b))
)
SELECT
    metric, version_a, version_b, n_a, n_b, mean_a, mean_b, difference, low, high, method, agent_id
FROM pairs
WHERE (agent_id, version_a, version_b) = (
    SELECT (agent_id, version_a, version_b) FROM pairs
    ORDER BY least(n_a, n_b) DESC, version_b DESC, version_a DESC LIMIT 1
)
ORDER BY metric"""
SCORES = """
SELECT
    dataset,
    agent_version,
    count(*) AS n,
    round(avg(value), 6) AS mean,
    round(quantile_cont(value, 0.1), 6) AS p10,
    round(count(*) FILTER (is_passed) / nullif(count(is_passed), 0), 4) AS pass_rate,
    round(mean - first_value(mean) OVER (
        PARTITION BY dataset, agent_id ORDER BY min(ts), agent_version
    ), 6) AS delta_vs_baseline
FROM (
    SELECT
        (payload ->> 'dataset') || coalesce(' ' || nullif(payload ->> 'dataset_version', ''), '')
            || ' · ' || (payload ->> 'scorer') AS dataset,
        agent_id,
        coalesce(agent_version, '') AS agent_version,
        TRY_CAST(payload ->> 'value' AS DOUBLE) AS value,
        TRY_CAST(payload ->> 'is_passed' AS BOOLEAN) AS is_passed,
        ts
    FROM events WHERE type = 'score_recorded' AND ts >= $since AND ts < $until
)
GROUP BY dataset, agent_id, agent_version ORDER BY dataset, max(ts) LIMIT 40"""


def version_labels(choices: Rows, names: Mapping[str, str], agent: str) -> dict[str, str]:
    """Versions of the chosen agent, else of all, with the names of all agents that share one.

    Agents of the same instructions, tools and model are one version under several names.
    """
    sharing: dict[str, set[str]] = {}
    for row in choices:
        if row.get("version") and agent in ("", row["agent"]):
            sharing.setdefault(str(row["version"]), set()).add(str(row["agent"]))
    return {
        version: f"{_named([names.get(id, id) for id in agents])} · {version}"
        for version, agents in sharing.items()
    }


def _named(agents: list[str]) -> str:
    """A few names, and how many more there are."""
    told = sorted({*agents})
    more = f" and {len(told) - MAX_NAMED} more" if len(told) > MAX_NAMED else ""
    same = f" ({len(agents)} agents)" if len(agents) > len(told) else ""
    return f"{', '.join(told[:MAX_NAMED])}{more}{same}"


def _versions(rows: Rows) -> Figure:
    """Each metric in percent of the older version's, so that one axis holds all."""
    drawn = [row for row in rows if row["mean_a"]]
    ends = [
        None if row["low"] is None else (_percent(row, "low"), _percent(row, "high"))
        for row in drawn
    ]
    middles = [_percent(row, "difference") for row in drawn]
    figure = intervals([row["metric"] for row in drawn], middles, ends)
    figure["layout"]["xaxis"]["title"] = {"text": "difference, percent of the older version"}
    return figure


def _percent(row: dict[str, Any], column: str) -> float:
    return round(100 * float(row[column]) / abs(float(row["mean_a"])), 2)


def _versions_note(rows: Rows) -> str:
    if not rows:
        return ""
    first = rows[0]
    sure = [
        f"{row['metric']} {'rose' if row['difference'] > 0 else 'fell'}"
        for row in rows
        if row["low"] is not None and (row["low"] > 0 or row["high"] < 0)
    ]
    told = f"{first['version_b']} ({first['n_b']} runs) against"
    told += f" {first['version_a']} ({first['n_a']} runs)"
    found = f"{', '.join(sure)}." if sure else "every difference may be chance."
    return f"{told}, with 95 % intervals: {found}"


def _scores(rows: Rows) -> Figure:
    places = [f"{row['dataset']} · {row['agent_version'] or 'no version'}" for row in rows]
    means = [row["mean"] for row in rows]
    return bars([Series(name="mean", places=places, lengths=means)], "mean score", is_flat=True)


CHARTS = (
    Chart(name="versions", title="Two versions of an agent compared", group="Compare",
          about="Two states of an agent's configuration; a bar that crosses the line may be chance."
                " All that was ever recorded is counted: of the filters above only the agent"
                " applies.",
          sql=VERSIONS, figure=_versions, note=_versions_note,
          empty="No agent ran in two versions. A version is a state of an agent's instructions,"
                " model, tools and settings."),
    Chart(name="scores", title="Scores by version", group="Compare", sql=SCORES, figure=_scores,
          about="How answers were judged, by set of questions and version of the agent.",
          bar="mean", empty="No answer was scored in this time."),
)  # fmt: skip
