"""Tables out of the HTML that data frames show themselves with; nothing else of HTML is read."""

from __future__ import annotations

from html.parser import HTMLParser

from notebook_agents.core.markup import read_markup
from notebook_agents.core.report_documents import Grid

MAX_ROWS = 200
MAX_CELL_CHARS = 300
MAX_SPAN = 200
MAX_COLUMNS = 1000


class _Tables(HTMLParser):
    """Collects the cells of the first table; styles, scripts and everything outside is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.head: list[list[str]] = []
        self.body: list[list[str]] = []
        self.n_left_out = 0
        """Rows of the body beyond those that are kept."""
        self._row: list[str] | None = None
        self._cell: list[str] | None = None
        self._is_head = False
        self._n_tables = 0
        self._n_rows_below: dict[int, int] = {}
        """Of columns, how many rows more the cell above reaches into."""
        self._span = (1, 1)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a row or a cell."""
        if tag == "table":
            self._n_tables += 1
        elif self._n_tables != 1:
            return
        elif tag in ("thead", "tbody"):
            self._is_head = tag == "thead"
        elif tag == "tr":
            self._row = []
        elif tag in ("th", "td") and self._row is not None:
            self._cell = []
            given = dict(attrs)
            self._span = (_number(given.get("colspan")), _number(given.get("rowspan")))
            self._skip_what_reaches_down(self._row)

    def handle_data(self, data: str) -> None:
        """Text of a cell."""
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened."""
        if tag in ("th", "td") and self._cell is not None and self._row is not None:
            self._put(self._row, " ".join("".join(self._cell).split())[:MAX_CELL_CHARS])
            self._cell = None
        elif tag == "tr" and self._row is not None:
            self._skip_what_reaches_down(self._row)
            rows = self.head if self._is_head else self.body
            if len(rows) < MAX_ROWS:
                rows.append(self._row)
            else:
                self.n_left_out += not self._is_head
            self._row = None

    def _put(self, row: list[str], text: str) -> None:
        n_columns, n_rows = self._span
        n_columns = min(n_columns, MAX_COLUMNS - len(row))
        for _ in range(n_columns):
            self._n_rows_below[len(row)] = n_rows - 1
            row.append("")
        if n_columns > 0:
            row[-1] = text

    def _skip_what_reaches_down(self, row: list[str]) -> None:
        """Leave the columns empty that a cell further up takes in this row, too."""
        while self._n_rows_below.get(len(row), 0) > 0:
            self._n_rows_below[len(row)] -= 1
            row.append("")


def _number(text: str | None) -> int:
    return max(1, min(int(text[:9]), MAX_SPAN)) if text and text.isdecimal() else 1


def grid_of_html(html: str) -> Grid | None:
    """The first table of a piece of HTML; None when it has none."""
    parser = _Tables()
    read_markup(parser, html)
    head, body = parser.head, parser.body
    if not body:
        return None
    n_columns = max(map(len, [*head, *body]))
    names = [""] * n_columns
    for row in head:  # names of several lines, such as that of the index below the others
        for n, cell in enumerate(row):
            names[n] = " ".join(filter(None, (names[n], cell)))
    rows = tuple(tuple(row + [""] * (n_columns - len(row))) for row in body)
    return Grid(columns=tuple(names), rows=rows, n_left_out=parser.n_left_out)
