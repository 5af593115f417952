"""Tables of panels: as HTML that needs no script, as aligned text, and as CSV."""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import dataclass
from html import escape
from typing import Any

from notebook_agents.core.formatting import format_cell

NOTHING = "-"
MAX_TEXT_WIDTH = 48
FORMULA_SIGNS = (*"=+-@\t\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that spreadsheets compute, also in the wide letters of East Asia."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a panel shows in rows."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...] = ()
    bar: str = ""
    """The column whose numbers are drawn as bars as well."""
    empty: str = "Nothing yet."
    picture: str = ""
    """The same as SVG, to stand above it."""

    def as_html(self) -> str:
        """A table with a caption and column heads."""
        if not self.rows:
            return f"<p><b>{escape(self.caption)}</b>: {escape(self.empty)}</p>"
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.columns)
        body = "".join(f"<tr>{self._cells(row)}</tr>" for row in self.rows)
        return (
            f"{self.picture}<table><caption>{escape(self.caption)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def as_text(self) -> str:
        """Aligned columns below the caption."""
        if not self.rows:
            return f"{self.caption}: {self.empty}"
        lines = [self.columns, *(tuple(map(shown, row)) for row in self.rows)]
        lines = [tuple(" ".join(cell.split())[:MAX_TEXT_WIDTH] for cell in line) for line in lines]
        widths = [max(len(line[at]) for line in lines) for at in range(len(self.columns))]
        aligned = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([self.caption, *aligned])

    def as_csv(self) -> str:
        """The values as they are, for spreadsheets."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(map(_safe, self.columns))
        writer.writerows(
            ["" if value is None else _safe(value) for value in row] for row in self.rows
        )
        return file.getvalue()

    def _cells(self, row: tuple[Any, ...]) -> str:
        return "".join(
            f'<td style="text-align: {"right" if _is_number(value) else "left"}">'
            f"{self._bar(name, value)}{escape(shown(value))}</td>"
            for name, value in zip(self.columns, row, strict=True)
        )

    def _bar(self, name: str, value: Any) -> str:
        if name != self.bar or not _is_number(value):
            return ""
        numbers = [cell for row in self.rows if _is_number(cell := row[self.columns.index(name)])]
        share = value / max([*numbers, 1e-9])
        return f'<span aria-hidden="true">{"█" * round(12 * share)}</span> '


def shown(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
    if isinstance(value, int):
        return f"{value:,}"
    return format_cell(value) if not isinstance(value, str) else value


def download(name: str, content: bytes | str, media_type: str, label: str) -> str:
    """A link that saves a file without asking a server."""
    data = content.encode() if isinstance(content, str) else content
    address = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    return f'<a download="{escape(name)}" href="{address}">{escape(label)}</a>'


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _safe(value: Any) -> Any:
    """A spreadsheet must not take text for a formula."""
    if not isinstance(value, str):
        return value
    # A carriage return is put between quotes by nobody, and begins a row where a file is read.
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
