"""Writes and removes the files that undo puts back, and follows no link on the way to them.

What is kept of a change names a file below the working folder, by a path that had no links. If one
of its folders is a link by now, undoing would write or remove somewhere else, so it is refused.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

IS_A_LINK = "a folder on the way to it is a link by now"
HAS_DESCRIPTORS = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")
"""Whether folders can be held open, so that nobody can put a link in their place meanwhile."""
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder: one that is held open, or its path where that cannot be done."""

    fd: int | None
    path: Path

    def of(self, name: str) -> str:
        return name if self.fd is not None else str(self.path / name)


def write(folder: Path, path: str, content: bytes, mode: int) -> None:
    """Write a file in place of what is there, whole or not at all; OSError when a way is a link."""
    *folders, name = Path(path).parts
    beside = f".{secrets.token_hex(8)}.tmp"
    with _opened(folder, folders, is_made=True) as place:
        try:
            with os.fdopen(os.open(place.of(beside), _NEW, 0o600, dir_fd=place.fd), "wb") as file:
                file.write(content)
            os.chmod(place.of(beside), mode, dir_fd=place.fd)
            os.replace(place.of(beside), place.of(name), src_dir_fd=place.fd, dst_dir_fd=place.fd)
        except BaseException:
            with suppress(OSError):
                os.unlink(place.of(beside), dir_fd=place.fd)
            raise


def remove(folder: Path, path: str) -> None:
    """Remove a file, or a link in its place, if there is one; OSError as above."""
    *folders, name = Path(path).parts
    with suppress(FileNotFoundError), _opened(folder, folders, is_made=False) as place:
        os.unlink(place.of(name), dir_fd=place.fd)


@contextmanager
def _opened(folder: Path, folders: list[str], *, is_made: bool) -> Iterator[_Place]:
    if not HAS_DESCRIPTORS:
        yield _Place(None, _unlinked(folder, folders, is_made=is_made))
        return
    fd = os.open(folder, _FOLDER & ~getattr(os, "O_NOFOLLOW", 0))
    try:
        for name in folders:
            inner = _step(fd, name, is_made=is_made)
            os.close(fd)
            fd = inner
        yield _Place(fd, folder)
    finally:
        os.close(fd)


def _step(fd: int, name: str, *, is_made: bool) -> int:
    if is_made:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=fd)
    try:
        return os.open(name, _FOLDER, dir_fd=fd)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise OSError(errno.ELOOP, IS_A_LINK) from None
        raise


def _unlinked(folder: Path, folders: list[str], *, is_made: bool) -> Path:
    for name in folders:
        folder = folder / name
        if folder.is_symlink():
            raise OSError(errno.ELOOP, IS_A_LINK)
        if is_made:
            folder.mkdir(exist_ok=True)
    return folder
