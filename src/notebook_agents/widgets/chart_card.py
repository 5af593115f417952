"""One chart of the dashboard with its table, its numbers as files, and the SQL behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from notebook_agents.core.analytics import Table as Answer
from notebook_agents.dashboards import board
from notebook_agents.dashboards.charts import Chart, Rows
from notebook_agents.dashboards.filters import told
from notebook_agents.dashboards.pictures import picture
from notebook_agents.dashboards.tables import Table, download
from notebook_agents.widgets.chart_view import ChartView
from notebook_agents.widgets.panel import WIDE, alert, button

if TYPE_CHECKING:
    from notebook_agents.widgets.dashboard import Dashboard

PARQUET = "application/vnd.apache.parquet"
OWN = "From your own query; Reset shows the chart's again."
NOT_DRAWN = "These columns are not those of the chart: here they are as a table."


class ChartCard(ipywidgets.VBox):  # type: ignore[misc]
    """A chart and what stands behind it."""

    def __init__(self, chart: Chart, panel: Dashboard, controls: tuple[Any, ...] = ()) -> None:
        """``controls`` stand between the title and the picture."""
        super().__init__()
        self.chart = chart
        self.rows: Rows = ()
        self.is_own = False
        """Whether it shows a query that the person wrote, which a refresh leaves alone."""
        self._panel = panel
        self._given: tuple[str, Mapping[str, Any]] = ("", {})
        self.view = ChartView(lambda wish: panel.attempt(lambda: panel.follow(wish), self._refuse))
        self.said = ipywidgets.HTML()
        self.shows_table = _toggle("Table", "The same numbers as a table")
        self.shows_sql = _toggle("SQL", "The query behind this chart, to read and to change")
        self.table = ipywidgets.HTML(layout={"display": "none", "overflow": "auto"})
        self.sql = ipywidgets.Textarea(layout=WIDE | {"height": "180px"})
        self.editor = ipywidgets.VBox(layout={"display": "none"})
        self._make_files()
        self._make_editor()
        for toggle in (self.shows_table, self.shows_sql):
            toggle.observe(self._open, "value")
        self.top = ipywidgets.HTML()
        self._explain(chart.about)
        bar = ipywidgets.HBox(
            [self.shows_table, self.shows_sql, self.link, self.parquet],
            layout={"align_items": "center"},
        )
        self.children = (self.top, *controls, self.view, self.said, bar, self.table, self.editor)
        self.add_class("na-card")

    def draw(self, drawn: board.Drawn) -> None:
        """Show what the chart's own statement gave; what the person wrote stays until a reset."""
        self._given = (drawn.sql, drawn.parameters)
        self._explain(drawn.about)
        if self.is_own:
            return
        written = self.sql.value
        is_draft = written != self._shown_sql
        self._show_sql(drawn.sql)
        if is_draft:
            self.sql.value = written
        self._show(drawn.rows, drawn.error)

    def still(self) -> Table:
        """What it shows where no script runs."""
        drawn = picture(self.view.figure, self.chart.title)
        return replace(self.chart.table(self.rows), picture=drawn)

    def run_own(self) -> None:
        """Draw what the edited query gives."""
        sql = self.sql.value
        found = self._panel.query(sql)
        self.is_own = sql.strip() != self._given[0].strip()
        self._shown_sql = sql
        self.refused.value = ""
        self._show([dict(zip(found.columns, row, strict=True)) for row in found.rows])

    def reset(self) -> None:
        """Take back what the person wrote."""
        self._show_sql(self._given[0])
        self.run_own()

    def save_parquet(self) -> None:
        """Have the page save the rows as a Parquet file."""
        columns = tuple(self.rows[0]) if self.rows else ()
        answer = Answer(columns=columns, rows=tuple(tuple(row.values()) for row in self.rows))
        content = self._panel.core(lambda core: core.analytics.parquet(answer))
        self.view.save(f"{self.chart.name}.parquet", PARQUET, content)

    def _show(self, rows: Rows, error: str = "") -> None:
        self.rows = rows
        table = self.chart.table(rows)
        figure = board.drawing(self.chart, rows)
        self.view.title = self.chart.title
        self.view.label = f"{self.chart.title}. {self._words()} The table has the same numbers."
        self.view.figure = figure or {}
        self.view.layout.display = "block" if figure else "none"
        self.table.value = table.as_html()
        self.link.value = download(f"{self.chart.name}.csv", table.as_csv(), "text/csv", "CSV")
        self.link.layout.display = self.parquet.layout.display = "flex" if rows else "none"
        self._say(error or (NOT_DRAWN if rows and not figure else self._words()), bool(error))
        if rows and not figure:
            self.shows_table.value = True

    def _words(self) -> str:
        """What must be said beside the numbers."""
        if not self.is_own:
            return self.chart.note(self.rows) if self.rows else self.chart.empty
        try:
            return f"{self.chart.note(self.rows)} {OWN}".strip()
        except (IndexError, KeyError, TypeError):  # other rows than the chart's
            return OWN

    def _say(self, text: str, is_bad: bool) -> None:
        told = alert(text) if is_bad else f'<span class="na-dim">{escape(text)}</span>'
        self.said.value = told
        self.said.layout.display = "block" if text else "none"

    def _refuse(self, text: str) -> None:
        """Why a click led nowhere, below the picture."""
        self._say(text, is_bad=True)

    def _refuse_sql(self, text: str) -> None:
        """What is wrong with the query, below its buttons."""
        self.refused.value = alert(text)

    def _explain(self, about: str) -> None:
        title = f"<h4>{escape(self.chart.title)}</h4>"
        self.top.value = f'{title}<p class="na-dim">{escape(about)}</p>'

    def _show_sql(self, sql: str) -> None:
        self.sql.value = self._shown_sql = sql
        self.parameters.value = f"<pre>{escape(told(self._given[1]))}</pre>"

    def _make_files(self) -> None:
        self.link = ipywidgets.HTML()
        self.parquet = button("Parquet", "Save the numbers as a Parquet file")
        self._panel.on_click(self.parquet, self.save_parquet, self._refuse)

    def _make_editor(self) -> None:
        self._shown_sql = ""
        self.sql.tooltip = f"The query behind “{self.chart.title}”"
        self.sql.add_class("na-code")
        self.parameters = ipywidgets.HTML()
        self.run = self._click("Run", "Draw what this query gives", self.run_own)
        self.back = self._click("Reset", "Take back what was changed", self.reset)
        buttons = ipywidgets.HBox([self.run, self.back])
        self.refused = ipywidgets.HTML()
        self.editor.children = (self.sql, self.parameters, buttons, self.refused)

    def _click(self, text: str, about: str, work: Callable[[], None]) -> Any:
        return self._panel.on_click(button(text, about), work, self._refuse_sql)

    def _open(self, _change: Any) -> None:
        self.table.layout.display = "block" if self.shows_table.value else "none"
        self.editor.layout.display = "flex" if self.shows_sql.value else "none"


def _toggle(text: str, about: str) -> Any:
    layout = {"width": "auto"}
    return ipywidgets.ToggleButton(description=text, tooltip=about, layout=layout)
