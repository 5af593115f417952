"""The copies of files that tools see, in the folder ``uploads`` of a conversation's workspace.

Code in the sandbox may put a link wherever it can write. So the folder is opened without following
links, and a copy takes its name with one rename.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path, PurePosixPath

from notebook_agents.core.attachments import MAX_NAME_BYTES

FOLDER = "uploads"
MAX_TRIES = 1000
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def put(workspace: str, name: str, content: Path | bytes, *, encoding: str = "") -> str:
    """Write a copy under the name, or one like it that is free; empty when nothing can be.

    A file of text in another ``encoding`` is copied as UTF-8.
    """
    try:
        with _folder(workspace, is_made=True) as folder:
            free = _free(folder, _plain(name))
            _write(folder, free, content, encoding)
    except OSError:  # the sandbox's own doing, such as a link in place of the folder
        return ""
    return f"{FOLDER}/{free}"


def remove(workspace: str, path: str) -> None:
    """Remove a copy, whatever it has become."""
    with suppress(OSError), _folder(workspace, is_made=False) as folder:
        os.unlink(PurePosixPath(path).name, dir_fd=folder)


@contextmanager
def _folder(workspace: str, *, is_made: bool) -> Iterator[int]:
    root = os.open(workspace, _DIRECTORY)
    try:
        if is_made:
            with suppress(FileExistsError):
                os.mkdir(FOLDER, 0o700, dir_fd=root)
        folder = os.open(FOLDER, _DIRECTORY, dir_fd=root)
    finally:
        os.close(root)
    try:
        yield folder
    finally:
        os.close(folder)


def _free(folder: int, name: str) -> str:
    path = PurePosixPath(name)
    for number in count(2):
        try:
            os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return name
        if number > MAX_TRIES:
            raise FileExistsError(name)
        name = f"{path.stem} ({number}){path.suffix}"
    raise AssertionError("count does not end")


def _write(folder: int, name: str, content: Path | bytes, encoding: str) -> None:
    temporary = f".{uuid.uuid4().hex}"
    with os.fdopen(os.open(temporary, _NEW, 0o600, dir_fd=folder), "wb") as target:
        if isinstance(content, bytes):
            target.write(content)
        elif encoding:
            with content.open(encoding=encoding, errors="replace", newline="") as text:
                while chunk := text.read(1 << 20):
                    target.write(chunk.encode())
        else:
            with content.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def _plain(name: str) -> str:
    """A name that the tools for files take: neither hidden nor ending with a dot or space."""
    name = name.replace(":", "_").replace("%", "_").replace("/", "_").strip(". ") or "file"
    room = MAX_NAME_BYTES - len(" (1000).txt")
    while len(name.encode()) > room:
        stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
        name = f"{stem[:-1]}{suffix}" if stem[:-1] else name[:-1]
    return name
