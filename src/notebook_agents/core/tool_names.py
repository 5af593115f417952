"""What coding agents call the tools that we have under names of our own.

Clients of such agents send the names they know; what has no other name keeps ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.outside_tools import SEPARATOR

OURS: Mapping[str, str] = MappingProxyType(
    {
        "Read": "file_reader",
        "Write": "file_writer",
        "Edit": "file_editor",
        "Bash": "shell",
        "Glob": "list_files",
        "Grep": "search_files",
        "WebFetch": "web_fetch",
        "WebSearch": "web_search",
    }
)
"""Our tool for each of Claude Code's names."""
OUTSIDE_PREFIX = "mcp__"
"""What the names of tools of tool servers begin with there."""
THEIRS: Mapping[str, str] = MappingProxyType({ours: theirs for theirs, ours in OURS.items()})


def ours(name: str) -> str:
    """Our name of a tool; any other name stays as it is."""
    return OURS.get(name, name)


def theirs(name: str) -> str:
    """Claude Code's name of a tool of ours; ours where it has none."""
    return THEIRS.get(name, name)


def outside(name: str) -> str:
    """The name or pattern of tools of tool servers that is meant; empty for any other name.

    Coding agents write ``mcp__server__tool``, and ``mcp__server`` for all tools of a server.
    """
    words = name.removeprefix(OUTSIDE_PREFIX)
    if words == name or SEPARATOR in words:
        return words if SEPARATOR in words else ""
    return f"{words}{SEPARATOR}*"


def to_ours(
    names: Iterable[str], known: Collection[str], *, field: str = "tools"
) -> tuple[str, ...]:
    """Our names of tools, each once, in the order they are first named.

    Args:
        names: Claude Code's names, ours, or both.
        known: The tools there are, by our names.
        field: Where the names stand in the request.

    Raises:
        InvalidRequest: there is no such tool; the message says which is nearest.
    """
    found: dict[str, None] = {}
    for name in names:
        if ours(name) not in known and (elsewhere := outside(name)):
            found[elsewhere] = None  # whether it is there is known when it is used
            continue
        if ours(name) not in known:
            raise _unknown(name, known, field)
        found[ours(name)] = None
    return tuple(found)


def _unknown(name: str, known: Collection[str], field: str) -> InvalidRequest:
    names = sorted(known)
    spellings = {spelling.lower(): spelling for spelling in (*OURS, *names)}
    spellings = {low: word for low, word in spellings.items() if ours(word) in known}
    close = difflib.get_close_matches(name.lower(), spellings, n=1, cutoff=0.5)
    hint = f"did you mean {spellings[close[0]]!r}?" if close else f"available: {', '.join(names)}"
    return InvalidRequest(
        f"there is no tool {name!r:.80}; {hint}", field=field, reason="Tool not found"
    )
