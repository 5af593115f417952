"""The dashboard: what ran, how fast, with which tools and errors, by the record alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from notebook_agents.magics.errors import AgentError
from notebook_agents.widgets import dashboard_queries as queries
from notebook_agents.widgets.chart_card import Chart, ChartCard, Rows
from notebook_agents.widgets.charts import bars
from notebook_agents.widgets.dashboard_queries import SOURCES, Filters, statement, together
from notebook_agents.widgets.panel import LABELS, WIDE, Panel, button
from notebook_agents.widgets.run_inspector import RunInspector
from notebook_agents.widgets.tables import NOTHING, Table, shown

if TYPE_CHECKING:
    from notebook_agents.magics.session import Session

RANGES = {"24 hours": 1.0, "7 days": 7.0, "30 days": 30.0, "90 days": 90.0, "Everything": None}
EMPTY = (
    "Nothing was recorded in this time. Ask something, such as %agent What is 6 * 7?, then press"
    " Refresh; or choose a longer time."
)
MORE = "More than this: %agent sql SELECT … FROM v_runs, v_tools, v_run_timeline, v_run_phases"
GRID = {"grid_template_columns": "repeat(auto-fit, minmax(min(400px, 100%), 1fr))", "width": "100%"}


def _tokens(rows: Rows) -> dict[str, Any]:
    models = sorted({str(row["model"]) for row in rows})
    times = sorted({row["time_utc"] for row in rows})
    counts = {(row["time_utc"], str(row["model"])): row["tokens"] for row in rows}
    groups = [(model, times, [counts.get((time, model), 0) for time in times]) for model in models]
    return bars(groups, "tokens, in and out")


def _phases(rows: Rows) -> dict[str, Any]:
    places = [row["phase"] for row in rows]
    return bars([("seconds", places, [row["seconds"] for row in rows])], "seconds", is_flat=True)


def _tools(rows: Rows) -> dict[str, Any]:
    places = [f"{row['tool']} · p95 {shown(row['p95_ms'])} ms" for row in rows]
    kinds = ("succeeded", "denied", "failed")
    return bars([(k, places, [row[k] for row in rows]) for k in kinds], "calls", is_flat=True)


def _errors(rows: Rows) -> dict[str, Any]:
    places = [f"{row['error']} ({row['of']})" for row in rows]
    return bars([("times", places, [row["times"] for row in rows])], "times", is_flat=True)


def _by_source(rows: Rows) -> dict[str, Any]:
    groups = []
    for state in sorted({row["status"] for row in rows}):
        mine = [row for row in rows if row["status"] == state]
        places = [SOURCES.get(row["source"], row["source"]) for row in mine]
        groups.append((state, places, [row["runs"] for row in mine]))
    return bars(groups, "runs", is_flat=True)


CHARTS = (
    Chart(name="tokens", title="Tokens over time, by model (UTC)", sql=queries.TOKENS,
          figure=_tokens, bar="tokens"),
    Chart(name="phases", title="Where the time went", sql=queries.PHASES, figure=_phases,
          bar="seconds"),
    Chart(name="tools", title="Tools: how their calls ended", sql=queries.TOOLS, figure=_tools,
          bar="succeeded"),
    Chart(name="errors", title="Errors by kind", sql=queries.ERRORS, figure=_errors, bar="times"),
    Chart(name="sources", title="Runs by source", sql=queries.BY_SOURCE, figure=_by_source,
          bar="runs"),
)  # fmt: skip


class Dashboard(Panel):
    """Figures over the owner's runs, with filters, and a way into each run."""

    heading = "Agent runs"

    def __init__(self, session: Session, filters: Filters | None = None) -> None:
        super().__init__(session)
        self.filters = filters or Filters()
        self.totals: dict[str, Any] = {}
        self.runs: Rows = ()
        self._is_offering = False
        self.cards = [ChartCard(chart, self, self._query) for chart in CHARTS]
        self._make_controls()
        self.refresh()
        for control in (self.range, self.model, self.source):
            self.on_change(control, self._filter)
        self.on_change(self.listed, self._inspect)
        controls = ipywidgets.HBox(
            [self.range, self.model, self.source, self.reload], layout={"flex_flow": "row wrap"}
        )
        charts = ipywidgets.GridBox(self.cards, layout=GRID)
        more = ipywidgets.HTML(f'<p class="na-dim">{escape(MORE)}</p>')
        self.fill(controls, self.tiles, charts, self.listed, self.inspected, more)

    def refresh(self) -> None:
        """Read everything anew."""
        also = {"totals": queries.TOTALS, "recent": queries.RECENT, "choices": queries.CHOICES}
        found = self._read({chart.name: chart.sql for chart in CHARTS} | also)
        self.totals = found["totals"][0] if found["totals"] else {}
        self.runs = found["recent"]
        self._offer(found["choices"])
        for card in self.cards:
            card.draw(found[card.chart.name], statement(card.chart.sql, self.filters))
        self._draw_totals()
        self.listed.options = [("Choose a run to inspect it", "")] + [
            (_run_label(row), row["run_id"]) for row in self.runs
        ]
        self.said.value = ""
        self.rest()

    def lines(self) -> list[str]:
        """What is looked at, and the totals in words."""
        if not self.totals.get("runs"):
            return [self._looked_at(), EMPTY]
        totals = " · ".join(f"{label} {value}" for label, value in self._tiles())
        return [self._looked_at(), totals]

    def tables(self) -> list[Table]:
        """Each chart as a table, and the newest runs."""
        if not self.totals.get("runs"):
            return []
        cells = tuple(tuple(row.values()) for row in self.runs)
        columns = tuple(self.runs[0]) if self.runs else ()
        runs = Table(caption="Newest runs (times in UTC)", columns=columns, rows=cells)
        return [*(card.chart.table(card.rows) for card in self.cards), runs]

    def __repr__(self) -> str:
        return f"<Dashboard: {self._looked_at()}, {self.totals.get('runs', 0)} runs>"

    def _make_controls(self) -> None:
        days = self.filters.days
        ranges = list(RANGES.items())
        if days not in RANGES.values():
            ranges.insert(0, (f"{days:g} days", days))
        style = {"style": {"description_width": "auto"}, "layout": {"width": "230px"}}
        self.range = ipywidgets.Dropdown(description="Time", options=ranges, value=days, **style)
        self.model = ipywidgets.Dropdown(description="Model", **style)
        self.source = ipywidgets.Dropdown(description="Source", **style)
        self._offer([{"model": self.filters.model, "dialect": self.filters.source}])
        self.reload = self.on_click(button("Refresh", "Read the record again"), self.refresh)
        self.tiles = ipywidgets.HTML()
        self.listed = ipywidgets.Select(
            description="Newest runs", rows=8, layout=WIDE, style=LABELS
        )
        self.listed.add_class("na-listbox")
        self.inspected = ipywidgets.VBox()

    def _offer(self, known: Rows) -> None:
        """The models and sources that can be chosen, with what is chosen."""
        filters = self.filters
        models = sorted({filters.model, *(row["model"] or "" for row in known)} - {""})
        sources = sorted({filters.source, *(row["dialect"] or "" for row in known)} - {""})
        self._is_offering = True  # new options change the value for a moment
        _set(self.model, [("All", ""), *((name, name) for name in models)], filters.model)
        named = [(SOURCES.get(name, name), name) for name in sources]
        _set(self.source, [("All", ""), *named], filters.source)
        self._is_offering = False

    def _filter(self) -> None:
        if self._is_offering:
            return
        wished = replace(
            self.filters,
            days=self.range.value,
            model=self.model.value or "",
            source=self.source.value or "",
        )
        if wished != self.filters:
            self.filters = wished
            self.refresh()

    def _inspect(self) -> None:
        chosen = self.listed.value
        self.inspected.children = (RunInspector(self.session, chosen),) if chosen else ()

    def _read(self, templates: dict[str, str]) -> dict[str, Rows]:
        table = self._query(together(templates, self.filters))
        if not table.rows:
            return dict.fromkeys(templates, ())
        values = zip(templates, table.rows[0], strict=True)
        return {name: json.loads(text) if text else [] for name, text in values}

    def _query(self, sql: str) -> Table:
        owner_id = self.actor.user_id
        found = self.core(lambda core: core.analytics.query(sql, owner_id=owner_id))
        return Table(caption="", columns=found.columns, rows=found.rows)

    def _looked_at(self) -> str:
        filters = self.filters
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        told = "Everything" if filters.days is None else f"The last {filters.days:g} days"
        parts = [f"{told}, until {now}"]
        parts += [f"model {filters.model}"] if filters.model else []
        parts += [f"source {SOURCES.get(filters.source, filters.source)}"] if filters.source else []
        return " · ".join(parts)

    def _tiles(self) -> list[tuple[str, str]]:
        t = self.totals
        success = f"{t['succeeded'] / t['finished']:.0%}" if t["finished"] else NOTHING
        tiles = [
            ("runs", shown(t["runs"])),
            ("succeeded", success),
            ("latency, p50", _seconds(t["p50_s"])),
            ("latency, p95", _seconds(t["p95_s"])),
            ("first token, p50", _seconds(t["ttft_s"])),
            ("tokens in", shown(t["input_tokens"])),
            ("tokens out", shown(t["output_tokens"])),
            ("tokens/s, p50", shown(t["tokens_per_s"])),
            ("calls denied", shown(t["denied"])),
        ]
        if t["cost_usd"] is not None:
            tiles.append(("cost, where known", f"${t['cost_usd']:.4f}"))
        return tiles

    def _draw_totals(self) -> None:
        if not self.totals.get("runs"):
            self.tiles.value = f"<p>{escape(self._looked_at())}</p><p><b>{escape(EMPTY)}</b></p>"
            return
        tiles = "".join(
            f'<div class="na-tile" role="listitem"><b>{escape(value)}</b>{escape(label)}</div>'
            for label, value in self._tiles()
        )
        self.tiles.value = (
            f"<p>{escape(self._looked_at())}</p>"
            f'<div class="na-tiles" role="list" aria-label="Totals">{tiles}</div>'
        )


def filters_of(
    *, days: float | None = 7, model: str | None = None, source: str | None = None
) -> Filters:
    """What somebody wants to see; AgentError when that is no time."""
    if days is not None and not 0 < days <= 36_500:
        raise AgentError("the dashboard looks back more than 0 and at most 36500 days")
    known = {name: dialect for dialect, name in SOURCES.items()}
    return Filters(days=days, model=model or "", source=known.get(source or "", source or ""))


def _set(control: Any, options: list[tuple[str, str]], value: str) -> None:
    if list(control.options) != options:
        control.options = options
    control.value = value


def _seconds(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{shown(float(value))} s" if value >= 1 else f"{shown(float(value) * 1000)} ms"


def _run_label(row: dict[str, Any]) -> str:
    source = SOURCES.get(row["source"], row["source"])
    took = NOTHING if row["seconds"] is None else f"{row['seconds']:,.2f} s"
    verdict = f"mostly {row['verdict']}" if row["verdict"] else ""
    told = f"{row['time_utc']} UTC  {row['status']:<10} {took:>10}  {verdict:<15}"
    return f"{told} {row['model']}  ({source})"
