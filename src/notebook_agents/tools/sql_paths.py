"""Which files a query may read: those that its own text names, as far as they may be seen.

The database can be told which paths it may open, but not to leave hidden files alone, and it
follows links. So what may be read is not a folder but the literal paths of the query, each of them
judged as the tools for files judge theirs. A path that is put together while the query runs is not
among them. Runs inside tool kernels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from glob import has_magic, iglob
from itertools import islice
from pathlib import Path, PurePosixPath

import duckdb

from notebook_agents.tools.beneath import (
    FileMissing,
    FileUnreadable,
    PathDenied,
    checked_parts,
    opened,
)

LITERAL = re.compile(rb"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"|\$(\w*)\$(.*?)\$\3\$", re.DOTALL)
NAMES = (duckdb.token_type.string_const, duckdb.token_type.identifier)
MAX_MATCHES = 10_000
"""Files of one pattern."""
MAX_PATHS = 10_000
"""Of all patterns of a query together."""
MAX_DEPTH = 2
"""A literal can be a query with literals of its own."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a query names."""

    paths: tuple[str, ...]
    """What may be read, absolute; patterns among it."""
    missing: frozenset[str]
    """What would be files of the folder if they were there."""
    hidden: frozenset[str]
    """What is hidden, or leads to something hidden."""
    texts: frozenset[str]
    """All literals of the query, whatever they mean."""


def named(root: str, query: str) -> Named:
    """The files of the folder that the literals of a query name."""
    place = Path(root).resolve()
    paths: dict[str, None] = {}
    missing: set[str] = set()
    hidden: set[str] = set()
    texts = dict.fromkeys(_literals(query, MAX_DEPTH))
    for text in texts:
        relative = text.removeprefix(f"{place}/")
        try:
            found = _matches(place, relative) if has_magic(relative) else _file(place, relative)
        except _Hidden:
            hidden.add(text)
        except FileMissing:
            missing.add(text)
        else:
            paths |= dict.fromkeys(found)
    return Named(
        tuple(islice(paths, MAX_PATHS)), frozenset(missing), frozenset(hidden), frozenset(texts)
    )


class _Hidden(Exception):
    """Files of that name are hidden."""


def _literals(query: str, depth: int) -> Iterator[str]:
    """The texts and quoted names, as the database's own reader of SQL finds them."""
    content = query.encode(errors="replace")
    for start, kind in duckdb.tokenize(query):
        found = LITERAL.match(content, start) if kind in NAMES else None
        if found is None:
            continue
        single, double, _tag, dollars = (part or b"" for part in found.groups())
        text = (single.replace(b"''", b"'") or double.replace(b'""', b'"') or dollars).decode()
        yield text
        if depth and any(mark in text for mark in "'\"$"):
            yield from _literals(text, depth - 1)


def _file(place: Path, text: str) -> list[str]:
    """The file, if it may be read; nothing when the text is no path of one."""
    if has_hidden_part(text):
        raise _Hidden
    try:
        parts = checked_parts(text)
        with opened(str(place), text):
            return [str(place.joinpath(*parts))]
    except PathDenied as error:
        if "hidden" in str(error):
            raise _Hidden from None
        return []
    except FileUnreadable:
        return []


def _matches(place: Path, pattern: str) -> list[str]:
    """The pattern and the files it matches; none of it when one of them must not be read."""
    if pattern.startswith("/") or ".." in pattern.split("/") or ":" in pattern.split("/")[0]:
        return []
    if has_hidden_part(pattern):
        raise _Hidden
    found = [str(place / PurePosixPath(pattern))]
    # Not Path.glob: that one leaves out what is hidden, and the database may not.
    matching = iglob(pattern, root_dir=place, recursive=True, include_hidden=True)  # noqa: PTH207
    for name in islice(matching, MAX_MATCHES):
        if not (place / name).is_dir():
            inner = _file(place, name)
            if not inner:
                return []
            found += inner
    return found


def has_hidden_part(text: str) -> bool:
    """Numbers such as .5 do not count, nor do dots that shorten or lead up."""
    parts = re.split(r"[/\\\\]", text)
    return any(p.startswith(".") and p.strip(".") and not p[1:].isdigit() for p in parts)
