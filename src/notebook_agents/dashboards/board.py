"""The whole board: every chart's rows, the totals and the newest runs, out of one pass of the log.

The notebook's dashboard and the server's page show the same: both call `load_board`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.dashboards import comparing, machine_charts, run_charts, tool_charts
from notebook_agents.dashboards.charts import Chart, Rows, filled, parts_of, statement
from notebook_agents.dashboards.figures import literal
from notebook_agents.dashboards.filters import SOURCES, Filters, in_words
from notebook_agents.dashboards.naming import labelled
from notebook_agents.dashboards.tables import NOTHING, shown

if TYPE_CHECKING:
    from notebook_agents.core.analytics import Analytics

CHARTS: tuple[Chart, ...] = (
    *run_charts.CHARTS, *tool_charts.CHARTS, *machine_charts.CHARTS, *comparing.CHARTS,
)  # fmt: skip
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
    coalesce(sum(uncosted_calls), 0)::BIGINT AS uncosted_calls,
    (SELECT count(*) FROM calls WHERE status = 'denied') AS denied,
    (SELECT sum(TRY_CAST(payload ->> 'period_s' AS DOUBLE)) / 3600 FROM events
     WHERE type = 'engine_sampled' AND ts >= $since AND ts < $until
     AND payload ->> 'device' <> 'cpu') AS gpu_hours
FROM runs"""
NEWEST = """
SELECT
    strftime(started, '%Y-%m-%d %H:%M:%S') AS time_utc, dialect AS source, notebook, model, status,
    round(duration_ms / 1000, 2) AS seconds,
    round(ttft_ms / 1000, 3) AS ttft_s,
    input_tokens, output_tokens, tool_calls,
    verdict, error_type AS error, user_id AS user, run_id
FROM (SELECT * FROM runs ORDER BY started DESC LIMIT 50)
LEFT JOIN (SELECT run_id, arg_max(phase, ms) AS verdict FROM phases GROUP BY run_id)
    USING (run_id)
ORDER BY started DESC, run_id"""
CHOICES = """
SELECT DISTINCT
    model, dialect AS source, notebook, user_id AS user,
    agent_id AS agent, agent_version AS version
FROM events WHERE type = 'run_queued' LIMIT 5000"""
NAMES = """
SELECT agent_id AS agent, arg_max(agent_name, ts) AS name, arg_max(user_id, ts) AS user
FROM events
WHERE type IN ('agent_created', 'agent_updated') AND agent_name IS NOT NULL
GROUP BY agent_id LIMIT 1000"""
MAX_NAMED = 1000
"""Users whose names are looked up."""
FIRST = tuple(
    chart.name for chart in CHARTS if chart.group in ("What ran", "How fast", "What failed")
)
"""What is read and shown before the rest, with the totals: a reader begins there."""
LATER = tuple(chart.name for chart in CHARTS if chart.name not in FIRST)
OTHERS = {"totals": TOTALS, "newest": NEWEST, "choices": CHOICES, "names": NAMES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A chart with what its query gave."""

    chart: Chart
    sql: str
    parameters: Mapping[str, Any]
    """What ``$name`` in it stands for."""
    rows: Rows = ()
    error: str = ""
    """Why there are no rows, when the query failed."""
    about: str = ""
    """What is counted, under these filters."""

    def figure(self) -> dict[str, Any] | None:
        """A plotly figure as JSON; None where there is nothing to draw, or other columns."""
        return drawing(self.chart, self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything that a dashboard shows at one moment."""

    filters: Filters
    totals: Mapping[str, Any] = field(default_factory=dict)
    charts: tuple[Drawn, ...] = ()
    newest: Rows = ()
    """The newest runs, with the phase that took most of each as ``verdict``."""
    choices: Rows = ()
    """What the filters can be set to: rows of model, source, notebook, user, agent, version."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Of agents, by their ids."""
    owners: Mapping[str, str] = field(default_factory=dict)
    """Ids of the users whose agents these are, by the agents' ids."""
    users: Mapping[str, str] = field(default_factory=dict)
    """Names of users by their ids, in views of administrators."""

    @property
    def is_empty(self) -> bool:
        """Whether no run was found."""
        return not self.totals.get("runs")

    def with_users(self, users: Mapping[str, str]) -> Board:
        """With the names of users in place of their ids, where they are known."""
        newest = [row | {"user": users.get(row["user"], row["user"])} for row in self.newest]
        charts = tuple(
            replace(drawn, rows=[{"name": users.get(row["user"])} | row for row in drawn.rows])
            if drawn.chart.is_for_admins
            else drawn
            for drawn in self.charts
        )
        return replace(self, users=users, newest=newest, charts=charts)

    def offered(self, name: str) -> list[tuple[str, str]]:
        """What a filter can be set to, as (label, value): what was recorded, and what is chosen."""
        values = {str(row[name]) for row in self.choices if row.get(name)}
        if chosen := getattr(self.filters, name):
            values.add(chosen)
        names = {"source": SOURCES, "agent": self.names, "user": self.users}.get(name, {})
        owners = {agent: self.users.get(id, "") for agent, id in self.owners.items()}
        return labelled(values, names, owners if name == "agent" else {})

    @property
    def versions(self) -> dict[str, str]:
        """Labels of the versions of the chosen agent, else of all."""
        return comparing.version_labels(self.choices, self.names, self.filters.agent)

    def joined(self, other: Board) -> Board:
        """With the charts that another one read of the same filters."""
        found = {drawn.chart.name: drawn for drawn in (*self.charts, *other.charts)}
        charts = tuple(found[chart.name] for chart in CHARTS if chart.name in found)
        return replace(self, charts=charts)


async def load_board(
    analytics: Analytics,
    filters: Filters,
    owner_id: str | None,
    *,
    names: tuple[str, ...] = (),
    has_totals: bool = True,
) -> Board:
    """Read a whole board, or of its charts only those of these names.

    Without ``has_totals`` nothing else is read: no totals, runs or choices.
    With ``owner_id`` of that owner's runs alone. None is everybody's and for administrators: the
    caller must have made sure. A chart whose query fails says so, and the others are there.
    """
    if filters.user and owner_id is not None:
        raise InvalidRequest("only administrators can look at one user's runs", field="user")
    charts = _allowed(names, owner_id)
    wanted = (OTHERS if has_totals else {}) | {chart.name: chart.sql for chart in charts}
    found, errors = await _read(analytics, wanted, filters, owner_id)
    if "totals" in errors:
        raise InvalidRequest(errors["totals"], field="sql")
    totals = found.get("totals") or ({},)
    return Board(
        filters=filters,
        totals=dict(totals[0]),
        charts=_drawn(charts, filters, found, errors),
        newest=[in_words(row) for row in found.get("newest", ())],
        choices=found.get("choices", ()),
        names={row["agent"]: row["name"] for row in found.get("names", ())},
        owners={row["agent"]: row["user"] for row in found.get("names", ())},
    )


def kpis(totals: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The totals in words: (what, how much)."""
    if not totals.get("runs"):
        return []
    success = f"{totals['succeeded'] / totals['finished']:.0%}" if totals["finished"] else NOTHING
    tiles = [
        ("runs", shown(totals["runs"])),
        ("succeeded", success),
        ("latency, p50", seconds(totals["p50_s"])),
        ("latency, p95", seconds(totals["p95_s"])),
        ("first token, p50", seconds(totals["ttft_s"])),
        ("tokens in", shown(totals["input_tokens"])),
        ("tokens out", shown(totals["output_tokens"])),
        ("tokens/s, p50", shown(totals["tokens_per_s"])),
        ("calls denied", shown(totals["denied"])),
        ("cost", cost(totals["cost_usd"], totals["uncosted_calls"])),
    ]
    if totals["gpu_hours"]:
        tiles.append(("GPU hours", shown(float(totals["gpu_hours"]))))
    return tiles


def cost(usd: float | None, uncosted_calls: int) -> str:
    """Money in words; what nobody knows is unknown, and never $0."""
    if usd is None:
        return "unknown" if uncosted_calls else NOTHING
    known = f"${usd:,.4f}" if usd < 1 else f"${usd:,.2f}"
    return f"{known} + unknown" if uncosted_calls else known


def seconds(value: float | None) -> str:
    """A time in the unit that suits it."""
    if value is None:
        return NOTHING
    return f"{shown(float(value))} s" if value >= 1 else f"{shown(float(value) * 1000)} ms"


def run_label(row: Mapping[str, Any]) -> str:
    """One of the newest runs in a line."""
    took = NOTHING if row["seconds"] is None else f"{row['seconds']:,.2f} s"
    verdict = f"mostly {row['verdict']}" if row["verdict"] else ""
    told = f"{row['time_utc']} UTC  {row['status']:<10} {took:>10}  {verdict:<15}"
    return f"{told} {row['model']}  ({row['source']})"


def drawing(chart: Chart, rows: Rows) -> dict[str, Any] | None:
    """The figure of rows that may be of a query of somebody's own."""
    if not rows:
        return None
    try:
        drawn: dict[str, Any] = literal(chart.figure(rows))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    return drawn


def together(statements: Mapping[str, str], filters: Filters) -> str:
    """One SELECT that answers several, each as a JSON list: what they share is read once."""
    for name in statements:
        if not re.fullmatch(r"[a-z_]+", name):
            raise InvalidRequest(f"{name!r} is no name of a column", field="sql")
    columns = ", ".join(
        f"(SELECT to_json(list(t)) FROM ({filled(text, filters)}) AS t) AS {name}"  # noqa: S608
        for name, text in statements.items()
    )
    parts = parts_of(list(statements.values()), filters)
    once = ", ".join(f"{name} AS MATERIALIZED ({text})" for name, text in parts.items())
    return f"WITH {once} SELECT {columns}" if once else f"SELECT {columns}"


def _allowed(names: tuple[str, ...], owner_id: str | None) -> list[Chart]:
    """The charts of these names, or all, that this owner may see."""
    return [
        chart
        for chart in CHARTS
        if (not names or chart.name in names) and (owner_id is None or not chart.is_for_admins)
    ]


def _drawn(
    charts: list[Chart], filters: Filters, found: Mapping[str, Rows], errors: Mapping[str, str]
) -> tuple[Drawn, ...]:
    drawn = []
    for chart in charts:
        sql, error = statement(chart.sql, filters), errors.get(chart.name, "")
        bound, rows = filters.bound(sql), found[chart.name]
        about = chart.explained(filters)
        drawn.append(
            Drawn(chart=chart, sql=sql, parameters=bound, rows=rows, error=error, about=about)
        )
    return tuple(drawn)


async def _read(
    analytics: Analytics, wanted: Mapping[str, str], filters: Filters, owner_id: str | None
) -> tuple[dict[str, Rows], dict[str, str]]:
    """Rows by name, and why some could not be read."""
    try:
        return await _read_together(analytics, wanted, filters, owner_id), {}
    except InvalidRequest as error:
        if len(wanted) == 1:
            return dict.fromkeys(wanted, ()), dict.fromkeys(wanted, error.message)
    found: dict[str, Rows] = {}
    errors: dict[str, str] = {}
    for name, sql in wanted.items():  # one of them fails: which?
        rows, failed = await _read(analytics, {name: sql}, filters, owner_id)
        found |= rows
        errors |= failed
    return found, errors


async def _read_together(
    analytics: Analytics, wanted: Mapping[str, str], filters: Filters, owner_id: str | None
) -> dict[str, Rows]:
    sql = together(wanted, filters)
    table = await analytics.query(sql, owner_id=owner_id, parameters=filters.bound(sql))
    if not table.rows:
        return dict.fromkeys(wanted, ())
    values = zip(wanted, table.rows[0], strict=True)
    return {name: json.loads(text) if text else () for name, text in values}
