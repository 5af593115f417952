"""Completion of what a prompt names: ``@variable``, ``&function``, ``@cell:n``, ``@file:path``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

MAX_OFFERED = 100
_PROMPT = re.compile(r"\s*(?:[\w, ]+=\s*)?%%?agent(?:\s|$)")
_CELL = re.compile(r"\s*%%agent\s")
_WORD = re.compile(r"(?:^|[\s(\[{,;:\"'])([@&][^\s\"']*)$")
_OURS = frozenset({"In", "Out", "exit", "quit", "open", "get_ipython"})
_KINDS = ("@file:", "@cell:")


class MentionCompleter:
    """An entry of IPython's ``custom_matchers``."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace

    @context_matcher()  # type: ignore[untyped-decorator]
    def match(self, context: CompletionContext) -> SimpleMatcherResult:
        """Complete in the line of ``%agent`` and anywhere in the cell of ``%%agent``."""
        line = context.line_with_cursor[: context.cursor_position]
        is_prompt = _PROMPT.match(line) or _CELL.match(context.full_text)
        found = _WORD.search(line) if is_prompt else None
        names = mentions(found[1], self._namespace, Path.cwd()) if found else []
        return {
            "completions": [SimpleCompletion(text=name, type="mention") for name in names],
            "matched_fragment": found[1] if found and names else context.token,
            "suppress": bool(names),
        }


def mentions(word: str, namespace: Mapping[str, Any], folder: Path) -> list[str]:
    """What ``word``, which begins with ``@`` or ``&``, could become; the newest names first."""
    if word.startswith("@file:"):
        names = [f"@file:{name}" for name in _files(word.removeprefix("@file:"), folder)]
    elif word.startswith("@cell:"):
        names = [f"@cell:{number}" for number in range(len(namespace.get("In", [])) - 2, 0, -1)]
    else:
        names = [f"{word[0]}{name}" for name in _variables(namespace, are_called=word[0] == "&")]
        names += _KINDS if word[0] == "@" else ()
    return [name for name in names if name.startswith(word)][:MAX_OFFERED]


def _variables(namespace: Mapping[str, Any], *, are_called: bool) -> list[str]:
    return [
        name
        for name, value in reversed(list(namespace.items()))
        if not name.startswith("_") and name not in _OURS and (callable(value) or not are_called)
    ]


def _files(start: str, folder: Path) -> list[str]:
    """Paths below the folder that begin so; one with spaces stands in quotes."""
    start = start.lstrip("\"'")
    parent, _, _ = start.rpartition("/")
    place = folder / Path(parent).expanduser()
    if not place.is_dir():
        return []
    entries = sorted(entry for entry in place.iterdir() if not entry.name.startswith("."))
    prefix = f"{parent}/" if parent else ""
    paths = [f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}" for entry in entries]
    return [f'"{path}"' if " " in path else path for path in paths]
