"""The paths of OpenAPI from the patterns of our route tables.

A pattern is a path with groups: a capturing one is a parameter, ``(?:a|b)`` stands for several
paths, and what a ``?`` follows may be left out, in which case the longer path is the one that is
described, except for a slash at the end. Anything else does not belong into a route table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

ANY_SEGMENT, ANY_SEGMENTS = "[^/]+", ".+"
_SPECIAL = frozenset(".*+[]^$|?)")
_NAMED = re.compile(r"\?P<(\w+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A group of a pattern."""

    name: str
    pattern: str
    """What it matches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A path with ``{names}``."""

    path: str = ""
    parameters: tuple[Parameter, ...] = field(default=())

    def __add__(self, other: Template) -> Template:
        """One after the other."""
        return Template(
            path=self.path + other.path, parameters=(*self.parameters, *other.parameters)
        )


def templates(pattern: str, names: Sequence[str]) -> list[Template]:
    """Every path that a pattern stands for; ``names`` are those of its unnamed groups.

    ValueError for a pattern that is more than a path with groups, or has another number of them.
    """
    given = list(names)
    found = _sequence(pattern, given, pattern)
    if given:
        raise ValueError(f"{pattern!r} has fewer groups than {list(names)}")
    return found


def _sequence(text: str, names: list[str], whole: str) -> list[Template]:
    """Everything that a piece of a pattern without alternatives stands for."""
    found, at = [Template()], 0
    while at < len(text):
        piece, at = _piece_at(text, at)
        is_optional = text[at : at + 1] == "?"
        at += is_optional
        if is_optional and piece == "/":
            continue
        options = _options(piece, names, whole)
        found = [before + option for before in found for option in options]
    return found


def _piece_at(text: str, at: int) -> tuple[str, int]:
    """The next character, escaped or not, or group, and where the text goes on behind it."""
    if text[at] == "\\":
        return text[at : at + 2], at + 2
    if text[at] != "(":
        return text[at], at + 1
    depth, end = 0, at
    while True:
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        end += 1
        if depth == 0:
            return text[at:end], end


def _options(piece: str, names: list[str], whole: str) -> list[Template]:
    if piece.startswith("(?:"):
        return [
            option
            for part in _alternatives(piece[3:-1])
            for option in _sequence(part, names, whole)
        ]
    if piece.startswith("("):
        inner = piece[1:-1]
        if named := _NAMED.match(inner):
            name, inner = named.group(1), inner[named.end() :]
            if name in names:
                names.remove(name)
        elif names:
            name = names.pop(0)
        else:
            raise ValueError(f"{whole!r} has a group without a name")
        parameter = Parameter(name=name, pattern=inner)
        return [Template(path=f"{{{name}}}", parameters=(parameter,))]
    if piece in _SPECIAL:
        raise ValueError(f"{whole!r} is more than a path with groups: {piece!r}")
    return [Template(path=piece.removeprefix("\\"))]


def _alternatives(text: str) -> list[str]:
    """The parts between bars that are in no group."""
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
