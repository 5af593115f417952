"""The cells of Excel workbooks as comma separated text, sheet by sheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl

from notebook_agents.attachments.archives import check_archive
from notebook_agents.attachments.reading import Piece

ROWS_OF_A_PIECE = 200
MAX_ROWS = 200_000
MAX_COLUMNS = 500


def pieces(path: Path) -> Iterator[Piece]:
    """Some rows of a sheet after the other; formulas as their last values."""
    check_archive(path)
    with path.open("rb") as file:  # of a path it would judge the name
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        names = book.sheetnames
        for number, name in enumerate(names):
            rows = book[name].iter_rows(values_only=True, max_col=MAX_COLUMNS)
            yield from _sheet(name, rows, number / len(names))


def _sheet(name: str, rows: Iterable[tuple[Any, ...]], progress: float) -> Iterator[Piece]:
    remaining, first = iter(islice(rows, MAX_ROWS)), 1
    while some := list(islice(remaining, ROWS_OF_A_PIECE)):
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows(filter(None, map(_cells, some)))
        last = first + len(some) - 1
        yield Piece(f"sheet {name}, rows {first}-{last}", buffer.getvalue(), progress)
        first = last + 1


def _cells(row: tuple[Any, ...]) -> list[str]:
    """The cells up to the last that has something."""
    texts = ["" if value is None else str(value) for value in row]
    while texts and not texts[-1]:
        texts.pop()
    return texts
