"""The lines that tell a model what there is: data frames and files, by name and columns.

``Dataframes: df(price, qty); logs(host, latency)``
``Files: data/sales.csv(region, price, qty); notes.txt``

The bundled model is trained on exactly this form and copies names out of it, so a name that would
be read as something else is left out rather than changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

MAX_COLUMNS = 12
MAX_NAME_CHARS = 60
MAX_LINE_CHARS = 1500
MORE = "..."
BETWEEN_THINGS = "; "
BETWEEN_COLUMNS = ", "


@dataclass(frozen=True, slots=True)
class Outline:
    """One thing as a line tells of it."""

    text: str
    name: str
    columns: tuple[str, ...] = ()


def outline_line(label: str, outlines: Iterable[str]) -> str:
    """``label: one; another``, or nothing when there is nothing to say."""
    shown = BETWEEN_THINGS.join(filter(None, outlines))
    return shortened_line(f"{label}: {shown}", MAX_LINE_CHARS) if shown else ""


def shortened_line(line: str, max_chars: int) -> str:
    """The line with the columns of its first things only, or with its first things only.

    Nothing when not even one fits.
    """
    label, things = line.partition(": ")[0], read_line(line)
    shown = [thing.text for thing in things]
    n_over = len(line) - max_chars
    for place in reversed(range(len(shown))):
        if n_over <= 0:
            break
        n_over -= len(shown[place]) - len(things[place].name)
        shown[place] = things[place].name
    while shown and n_over > 0:
        n_over -= len(BETWEEN_THINGS) + len(shown.pop())
    return f"{label}: {BETWEEN_THINGS.join(shown)}" if shown else ""


def read_line(line: str) -> list[Outline]:
    """The things that a line tells of."""
    return [_read(text) for text in line.partition(": ")[2].split(BETWEEN_THINGS) if text]


def _read(text: str) -> Outline:
    # A name with brackets has no columns behind it, and does not end with one: it is a file's.
    if not text.endswith(")"):
        return Outline(text, text)
    name, _, columns = text[:-1].partition("(")
    return Outline(text, name, tuple(columns.split(BETWEEN_COLUMNS)))


def outline(name: str, columns: Sequence[object] = ()) -> str:
    """``name(first, second)``, the name alone where columns cannot be told, or nothing.

    Columns beyond the first dozen, and those with very long names, become one ``...`` at the end.
    """
    if not name.isprintable() or BETWEEN_THINGS in name:
        return ""
    names = [" ".join(str(column).split()) for column in islice(columns, MAX_COLUMNS)]
    if not names or not all(map(_is_plain, names)) or {"(", ")"} & set(name):
        return name
    shown = [column for column in names if len(column) <= MAX_NAME_CHARS]
    if len(shown) < len(columns):
        shown.append(MORE)
    return f"{name}({BETWEEN_COLUMNS.join(shown)})"


def _is_plain(column: str) -> bool:
    separators = (BETWEEN_THINGS, BETWEEN_COLUMNS, "(", ")")
    return column.isprintable() and column != "" and not any(s in column for s in separators)
