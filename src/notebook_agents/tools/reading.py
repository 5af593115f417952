"""What the file tools do inside the tool kernel: read lines, list folders; bounded both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from notebook_agents.tools.beneath import (
    FileMissing,
    FileUnreadable,
    PathDenied,
    checked_parts,
    is_shown,
    opened,
)

MAX_READ_BYTES = 16 * 1024 * 1024
MAX_KEPT_CHARS = 1024 * 1024
MAX_ENTRIES = 10_000
MAX_DEPTH = 20
MAX_NAMED = 20
SNIFF_BYTES = 8192


def read_lines(
    root: str, path: str, start_line: int, max_lines: int, *, max_chars: int = MAX_KEPT_CHARS
) -> dict[str, Any]:
    """Some lines of a text file, and how many there are."""
    try:
        with opened(root, path) as fd:
            content = _content(fd)
    except FileMissing as error:
        raise FileMissing(f"{error}; files here: {names_here(root)}") from None
    if b"\0" in content[:SNIFF_BYTES]:
        raise FileUnreadable(f"{path!r} is not a text file")
    text = content.decode("utf-8-sig", errors="replace")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    wanted = lines[start_line - 1 :][:max_lines]
    kept = _within(wanted, max_chars)
    return {
        "path": path,
        "lines": [line.rstrip("\r") for line in kept],
        "start_line": start_line,
        "n_lines": len(lines),
        "is_complete": len(content) < MAX_READ_BYTES,
    }


def list_folder(root: str, path: str, pattern: str) -> dict[str, Any]:
    """The names in a folder that match; folders end with a slash, hidden entries are left out."""
    parts = checked_parts(path)
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise PathDenied(f"pattern {pattern!r} leaves the folder")
    try:
        with opened(root, path, folder=True) as fd:
            names = sorted(_matching(fd, pattern))
    except FileMissing:
        raise FileMissing(f"no folder {path!r} in the working directory") from None
    prefix = "".join(f"{part}/" for part in parts)
    return {"path": path, "files": [prefix + _printable(name) for name in names]}


def names_here(root: str) -> str:
    """The names in the folder as one line for a message."""
    names = list_folder(root, ".", "*")["files"]
    rest = len(names) - MAX_NAMED
    named = ", ".join(names[:MAX_NAMED]) or "none"
    return f"{named} and {rest} more" if rest > 0 else named


def _content(fd: int) -> bytes:
    chunks: list[bytes] = []
    room = MAX_READ_BYTES
    while room > 0 and (chunk := os.read(fd, min(room, 1024 * 1024))):
        chunks.append(chunk)
        room -= len(chunk)
    return b"".join(chunks)


def _within(lines: list[str], room: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if room <= 0:
            break
        kept.append(line[:room])
        room -= len(line) + 1
    return kept


def _matching(fd: int, pattern: str) -> Iterator[str]:
    is_deep = "/" in pattern
    base = pattern.removeprefix("**/")
    for name in _entries(fd, "", MAX_DEPTH if is_deep else 1):
        bare = name.rstrip("/")
        candidates = (bare, bare.rpartition("/")[2]) if base != pattern else (bare,)
        if any(fnmatchcase(candidate, base) for candidate in candidates):
            yield name


def _entries(fd: int, prefix: str, depth: int) -> Iterator[str]:
    """Walk without following links out; the whole walk is bounded."""
    pending: list[tuple[int, str, int]] = [(os.dup(fd), prefix, depth)]
    n_seen = 0
    try:
        while pending:
            folder, prefix, depth = pending.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    n_seen += 1
                    if n_seen > MAX_ENTRIES:
                        os.close(folder)
                        return
                    leads_out = entry.is_symlink() and not is_shown(folder, entry.name)
                    if entry.name.startswith(".") or leads_out:
                        continue
                    is_folder = entry.is_dir()
                    yield f"{prefix}{entry.name}{'/' if is_folder else ''}"
                    if depth > 1 and entry.is_dir(follow_symlinks=False):
                        inner = _open_folder(folder, entry.name)
                        if inner >= 0:
                            pending.append((inner, f"{prefix}{entry.name}/", depth - 1))
            os.close(folder)
    finally:
        for folder, _, _ in pending:
            os.close(folder)


def _open_folder(folder: int, name: str) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError:
        return -1


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)[1:-1]
