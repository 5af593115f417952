"""What a call would do to a text file, as a diff for the cards of a chat panel."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MAX_CHARS = 50_000
"""Of either text; comparing longer ones takes too long for a card."""


def edit_diff(name: str, arguments: Mapping[str, Any]) -> str:
    """What the editor of files replaces; empty for any other tool."""
    if name != "file_editor":
        return ""
    return _diff(arguments.get("path"), arguments.get("old_text"), arguments.get("new_text"))


def write_diff(name: str, arguments: Mapping[str, Any], folder: Path) -> str:
    """What the writer of files would change in a folder as it is now; empty for any other tool."""
    path = arguments.get("path")
    if name != "file_writer" or not isinstance(path, str):
        return ""
    try:
        target = folder / path
        is_short = not target.exists() or target.stat().st_size <= MAX_CHARS
        before = target.read_text(encoding="utf-8") if is_short and target.is_file() else ""
    except (OSError, ValueError):
        return ""
    return _diff(path, before, arguments.get("content")) if is_short else ""


def _diff(path: Any, before: Any, after: Any) -> str:
    if not isinstance(before, str) or not isinstance(after, str):
        return ""
    if max(len(before), len(after)) > MAX_CHARS:
        return ""
    lines = difflib.unified_diff(_lines(before), _lines(after), str(path), str(path), lineterm="")
    return "\n".join(lines)


def _lines(text: str) -> list[str]:
    """Told apart by line feeds alone: other characters that end a line must be seen."""
    return text.removesuffix("\n").split("\n") if text else []
