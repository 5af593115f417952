"""One chart of the dashboard with its table, its numbers as CSV, and the SQL behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from notebook_agents.widgets.charts import output
from notebook_agents.widgets.panel import WIDE, button
from notebook_agents.widgets.tables import Table, download

if TYPE_CHECKING:
    from notebook_agents.widgets.panel import Panel

Rows = Sequence[dict[str, Any]]
EMPTY = "Nothing in this time."


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a chart shows and how it is drawn."""

    name: str
    title: str
    sql: str
    """See `dashboard_queries`."""
    figure: Callable[[Rows], dict[str, Any]]
    """From rows to the JSON of a plotly figure; KeyError where a column is missing."""
    bar: str
    """The column that is drawn as bars in the table."""

    def table(self, rows: Rows) -> Table:
        """The same as a table."""
        columns = tuple(rows[0]) if rows else ()
        cells = tuple(tuple(row.values()) for row in rows)
        return Table(caption=self.title, columns=columns, rows=cells, bar=self.bar, empty=EMPTY)


class ChartCard(ipywidgets.VBox):  # type: ignore[misc]
    """A chart and what stands behind it."""

    def __init__(self, chart: Chart, panel: Panel, query: Callable[[str], Table]) -> None:
        super().__init__()
        self.chart = chart
        self.rows: Rows = ()
        self._query = query
        self.picture = ipywidgets.Output()
        self.shows_table = _toggle("Table", "The same numbers as a table")
        self.shows_sql = _toggle("SQL", "The query behind this chart, to read and to change")
        self.link = ipywidgets.HTML()
        self.table = ipywidgets.HTML(layout={"display": "none", "overflow": "auto"})
        about = f"The query behind “{chart.title}”"
        self.sql = ipywidgets.Textarea(layout=WIDE | {"height": "180px"}, tooltip=about)
        self.run = panel.on_click(button("Run", "Draw what this query gives"), self.run_own)
        self.editor = ipywidgets.VBox([self.sql, self.run], layout={"display": "none"})
        self.shows_table.observe(self._toggle, "value")
        self.shows_sql.observe(self._toggle, "value")
        top = ipywidgets.HTML(f"<h4>{escape(chart.title)}</h4>")
        bar = ipywidgets.HBox(
            [self.shows_table, self.shows_sql, self.link], layout={"align_items": "center"}
        )
        self.children = (top, self.picture, bar, self.table, self.editor)

    def draw(self, rows: Rows, sql: str) -> None:
        """Show what a statement gave."""
        self.rows = rows
        self.sql.value = sql
        table = self.chart.table(rows)
        self.table.value = table.as_html()
        self.link.value = download(f"{self.chart.name}.csv", table.as_csv(), "text/csv", "CSV")
        if not rows:
            empty = {"output_type": "display_data", "data": {"text/plain": EMPTY}, "metadata": {}}
            self.picture.outputs = (empty,)
            return
        try:
            self.picture.outputs = (output(self.chart.figure(rows), table.as_text()),)
        except KeyError:  # a query of the person's own, with other columns
            self.picture.outputs = ()
            self.shows_table.value = True

    def run_own(self) -> None:
        """Draw what the edited query gives."""
        sql = self.sql.value
        found = self._query(sql)
        self.draw([dict(zip(found.columns, row, strict=True)) for row in found.rows], sql)

    def _toggle(self, _change: Any) -> None:
        self.table.layout.display = "block" if self.shows_table.value else "none"
        self.editor.layout.display = "flex" if self.shows_sql.value else "none"


def _toggle(text: str, about: str) -> Any:
    layout = {"width": "auto"}
    return ipywidgets.ToggleButton(description=text, tooltip=about, layout=layout)
