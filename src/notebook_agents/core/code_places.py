"""Where a piece of code reads or writes: inside the working folder, elsewhere, or who knows."""

from __future__ import annotations

import posixpath
import re
from typing import Literal, TypeAlias

Where: TypeAlias = Literal["inside", "outside", "unseen"]
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
DEVICES = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})
"""Writing there changes nothing."""
HOT_FILES = re.compile(
    r"(?:^|/)(?:\.[^/]+|[^/]+\.(?:py|pyi|pyx|so|pth|sh|bash|zsh|bat|cmd|exe|ps1|desktop|service)"
    r"|makefile|dockerfile|crontab)(?:/|$)",
    re.IGNORECASE,
)
"""Files that somebody may run or import later, and hidden ones, which configure programs."""


def is_address(text: str | None) -> bool:
    """Whether a text names something that is not a file of this machine."""
    return text is not None and bool(ADDRESS.match(text.lstrip()))


def where(text: str | None, folder: str) -> Where:
    """Where a file of this name is, for code that runs in ``folder``; links are not followed."""
    if text is None:
        return "unseen"
    text = text.replace("\\", "/").removeprefix("file://")
    if text in DEVICES:
        return "inside"
    if not text or text.startswith("~") or "$" in text or "\0" in text or is_address(text):
        return "outside"
    if re.match(r"[A-Za-z]:", text):
        return "outside"
    path = posixpath.normpath(text)
    if posixpath.isabs(path):
        root = posixpath.normpath(folder) if folder else ""
        is_below = bool(root) and posixpath.commonpath([root, path]) == root
        return "inside" if is_below else "outside"
    return "outside" if path == ".." or path.startswith("../") else "inside"


def is_hot(text: str) -> bool:
    """Whether a file may be run, imported or read as settings by programs later."""
    return bool(HOT_FILES.search(text.replace("\\", "/")))
