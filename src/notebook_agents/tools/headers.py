"""`FileHeaders`: answers the core's TableHeaders port by reading the first bytes of a file.

This is the one place where the server itself looks into files that anybody may have written, so it
opens them as the tools do (beneath the folder, regular files only), reads little, and takes them
apart with the standard library: DuckDB and Arrow see them in tool kernels only.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from itertools import islice

from notebook_agents.core.outlines import MAX_COLUMNS
from notebook_agents.tools.beneath import FileMissing, FileUnreadable, PathDenied, opened
from notebook_agents.tools.parquet import MAX_METADATA_BYTES, column_names, metadata_range

MAX_CSV_BYTES = 64 * 1024
MAX_KNOWN = 1000
"""Files whose columns are remembered."""
MAX_KEPT = MAX_COLUMNS + 1
"""Columns of a file that are remembered: one more than are told of says that there are more."""
MAX_KEPT_CHARS = 200
"""Of a name; far more than is told of."""
DELIMITERS = ",;\t|"

_Version = tuple[int, int]
"""Size and time of the last change: what tells one content of a file from another."""


class FileHeaders:
    """The first columns of CSV, TSV and Parquet files; reads a file again when it has changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[_Version, tuple[str, ...]]] = {}

    def columns(self, folder: str, path: str) -> tuple[str, ...]:
        """The first columns of a file, empty when they cannot be told; never raises."""
        try:
            with opened(folder, path) as fd:
                status = os.fstat(fd)
                version = status.st_size, status.st_mtime_ns
                known = self._known.get((folder, path))
                if known is None or known[0] != version:
                    known = version, _columns(fd, path.lower(), status.st_size)
                    self._remember((folder, path), known)
                return known[1]
        except (PathDenied, FileMissing, FileUnreadable, OSError):
            return ()

    def _remember(self, key: tuple[str, str], known: tuple[_Version, tuple[str, ...]]) -> None:
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[key] = known


def _columns(fd: int, path: str, size: int) -> tuple[str, ...]:
    """As much as is remembered; nothing when it cannot be told."""
    try:
        return tuple(name[:MAX_KEPT_CHARS] for name in islice(_names(fd, path, size), MAX_KEPT))
    except ValueError:
        return ()


def _names(fd: int, path: str, size: int) -> Iterable[str]:
    if path.endswith(".parquet"):
        start, length = metadata_range(os.pread(fd, 8, max(size - 8, 0)), size)
        return column_names(os.pread(fd, min(length, MAX_METADATA_BYTES), start))
    content = os.pread(fd, MAX_CSV_BYTES, 0)
    return _header(content, "\t" if path.endswith(".tsv") else DELIMITERS, size <= len(content))


def _header(content: bytes, delimiters: str, is_whole: bool) -> tuple[str, ...]:
    """The first row of a CSV file if it can be nothing but a header."""
    text = content.decode("utf-8-sig", errors="surrogateescape")
    if not is_whole:
        text = text[: text.rfind("\n") + 1]
    candidates = [rows for delimiter in delimiters if (rows := _first_rows(text, delimiter))]
    header = max(candidates, key=_fitness)[0] if candidates else ()
    cells = [" ".join(cell.split()) for cell in header]
    is_header = len(set(cells)) == len(cells) and not any(map(_is_value, cells))
    return tuple(header) if is_header else ()


def _first_rows(text: str, delimiter: str) -> list[list[str]]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[list[str]] = []
    try:
        for row in rows:
            found.append(row)
            if len(found) == 2:
                break
    except csv.Error:
        pass
    return found


def _fitness(rows: Sequence[Sequence[str]]) -> tuple[bool, int]:
    """The right delimiter cuts both rows into the same number of cells, and into the most."""
    n_cells = len(rows[0])
    return n_cells == len(rows[-1]) > 1, n_cells


def _is_value(cell: str) -> bool:
    """Whether it is empty or a number, which no column is called."""
    try:
        float(cell or "0")
    except ValueError:
        return "\0" in cell
    return True
