"""Toolsets: tools that belong together, named as classes are, in groups.

A toolset is there when one of its tools is. Which toolset a tool belongs to is said here for the
tools of this package; any other tool belongs to the toolset of its category, so that the tools of
plugins have a place too, and so have those of tool servers: all of them are one toolset.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.outside_tools import ANY_OUTSIDE, is_outside, offered

if TYPE_CHECKING:
    from notebook_agents.core.tools import Tools, ToolSpec
    from notebook_agents.core.users import Actor

CORE_GROUP = "Core Tools"
OUTSIDE = "MCPTools"
"""The toolset of all tools of somebody's tool servers."""
GROUPS: Mapping[str, str] = MappingProxyType(
    {"demo": "Demo Tools", "voice": "Voice Tools", "retrieval": "RAG Tools"}
)
"""The group of a category; all others are core tools."""
PLUGIN_MODULE = "notebook_agents.tools"
"""Where tools come from that do not say where they were made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolset:
    """Tools that are given to an agent together."""

    name: str
    tools: tuple[str, ...]
    module: str
    """The Python module or package that its tools are made in."""
    doc: str
    is_essential: bool = False
    """Every agent has it, whatever else was chosen for it."""
    group: str = CORE_GROUP


@dataclass(frozen=True, slots=True)
class _Kind:
    doc: str
    tools: tuple[str, ...] = ()
    is_essential: bool = False


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "WorkspaceTools": _Kind(
            "Tools that look at the files of the working directory",
            ("list_files", "file_reader", "search_files"),
            is_essential=True,
        ),
        "ThinkTools": _Kind("A place to write a thought down", ("think",), is_essential=True),
        "FileTools": _Kind(
            "Tools that write and change files of the working directory",
            ("file_writer", "file_editor"),
        ),
        "TextTools": _Kind("Tools for text manipulation", ("text_compare", "text_statistics")),
        "CodeTools": _Kind(
            "Tools that run Python, look at its variables and analyze code",
            ("python_executor", "inspect_variable", "code_analyzer"),
        ),
        "ShellTools": _Kind("A command line in the sandbox", ("shell",)),
        "DataTools": _Kind("SQL over the files of the working directory", ("database_query",)),
        "WebTools": _Kind("Pages and searches of the web", ("web_fetch", "web_search")),
        "RagTools": _Kind("Search in what uploaded files say", ("search_uploads",)),
        OUTSIDE: _Kind("Tools of your MCP servers"),
    }
)


class Toolsets:
    """Which toolsets there are, and what is in them."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def list(self, actor: Actor) -> tuple[Toolset, ...]:
        """Those that somebody's tools make; the essential ones first."""
        return toolsets_of(await self._tools.specs_for(actor))

    def tools_of(self, names: Sequence[str]) -> tuple[str, ...]:
        """The tools of some toolsets and of the essential ones, each once.

        Those of tool servers are meant as they are when a run begins. Raises InvalidRequest on the
        field ``tools`` when there is no such toolset.
        """
        toolsets = toolsets_of(self._tools.specs())
        known = {toolset.name for toolset in toolsets}
        if self._tools.has_outside:
            known.add(OUTSIDE)
        for name in names:
            if name not in known:
                raise _unknown(name, known)
        wanted = [t for t in toolsets if t.is_essential or t.name in names]
        outside = (ANY_OUTSIDE,) if OUTSIDE in names else ()
        return (*dict.fromkeys(tool for toolset in wanted for tool in toolset.tools), *outside)

    async def of_tools(self, actor: Actor, tools: Sequence[str]) -> tuple[str, ...]:
        """The names of the toolsets of which a tool is among these, or is meant by a pattern."""
        specs = offered(await self._tools.specs_for(actor), tools)
        return tuple(toolset.name for toolset in toolsets_of(specs))


def toolsets_of(specs: Iterable[ToolSpec]) -> tuple[Toolset, ...]:
    """Those that these tools make; the essential ones first."""
    members: dict[str, list[ToolSpec]] = {name: [] for name in _KINDS}
    for spec in specs:
        members.setdefault(_toolset_of(spec), []).append(spec)
    found = [_toolset(name, some) for name, some in members.items() if some]
    return tuple(sorted(found, key=lambda toolset: not toolset.is_essential))


def _toolset_of(spec: ToolSpec) -> str:
    if is_outside(spec.name):
        return OUTSIDE
    for name, kind in _KINDS.items():
        if spec.name in kind.tools:
            return name
    words = "".join(c if c.isalnum() else " " for c in spec.category).split()
    return "".join(f"{word[0].upper()}{word[1:]}" for word in words) + "Tools"


def _toolset(name: str, specs: Sequence[ToolSpec]) -> Toolset:
    kind = _KINDS.get(name)
    return Toolset(
        name=name,
        tools=tuple(spec.name for spec in specs),
        module=_common_module(spec.module for spec in specs),
        doc=kind.doc if kind else "; ".join(spec.title for spec in specs),
        is_essential=kind is not None and kind.is_essential,
        group=GROUPS.get(specs[0].category, CORE_GROUP),
    )


def _common_module(modules: Iterable[str]) -> str:
    """The innermost package that holds all of the modules."""
    paths = [module.split(".") for module in modules if module]
    common: list[str] = []
    for level in zip(*paths, strict=False):
        if len(set(level)) > 1:
            break
        common.append(level[0])
    return ".".join(common) or PLUGIN_MODULE


def _unknown(name: str, known: Iterable[str]) -> InvalidRequest:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"available: {', '.join(names)}"
    return InvalidRequest(
        f"there is no toolset {name!r:.80}; {hint}", field="tools", reason="Toolset not found"
    )
