"""Where a piece of code reads or writes: inside the working folder, elsewhere, or who knows."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
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

OWN_FOLDERS = (
    ("NOTEBOOK_AGENTS_HOME", ""),
    ("JUPYTER_CONFIG_DIR", ""),
    ("JUPYTER_RUNTIME_DIR", ""),
    ("JUPYTER_DATA_DIR", "runtime"),
    ("JUPYTER_DATA_DIR", "notebook-agents"),
)
"""Variables that say where keys and records are; the usual places are known by their names."""
_OWN_NAMES = (
    r"token_key(?:\.retired)?|store\.db(?:-\w+)?|admin_password|(?:jupyter|notebook)_cookie_secret"
    r"|(?:jpserver|nbserver)-\d[\w-]*\.(?:json|html)|kernel-[\da-f-]{8,}\.json|jupyter(?:_server)?_config\.json"
)
_OWN_FILE = re.compile(_OWN_NAMES, re.IGNORECASE)
_OWN_PLACE = re.compile(
    rf"""/(?:{_OWN_NAMES})(?![\w.-])|(?:^|[/'"])jupyter/(?:runtime|notebook-agents)(?![\w.-])""",
    re.IGNORECASE,
)


def is_own(text: str, folder: str, *, is_path: bool = False) -> bool:
    """Whether a text names the data folder of the product or of Jupyter, or one of its files."""
    if is_path:
        if _OWN_FILE.fullmatch(posixpath.basename(text.rstrip("/"))):
            return True
        text = text.removeprefix("file://")
        text = posixpath.normpath(posixpath.join(folder, posixpath.expanduser(text)))
    if _OWN_PLACE.search(text):
        return True
    return any(f"{own}/" in text or text.endswith(own) for own in _own_folders(folder))


def _own_folders(folder: str) -> Iterator[str]:
    """Those that the environment names, but for one that the working folder lies in."""
    for variable, part in OWN_FOLDERS:
        named = os.environ.get(variable, "")
        own = posixpath.normpath(posixpath.join(posixpath.expanduser(named), part))
        if posixpath.isabs(own) and not f"{folder.rstrip('/')}/".startswith(f"{own}/"):
            yield own


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
