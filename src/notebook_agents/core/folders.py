"""Reads a folder that code in a sandbox may have filled: regular files only, never through a link.

Each name is opened relative to the folder it stands in and looked at afterwards, so that nothing
can be put in its place between a check and its use.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from notebook_agents.core.errors import InvalidRequest

MAX_FILES = 10_000
"""In a folder that is copied or packed, and in the folders in it."""
MAX_BYTES = 1 << 30
"""Of all of them."""
MAX_DEPTH = 64
"""Folders in folders."""
_COPIED_BYTES = 1 << 20
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderLimits:
    """How much of a folder is read before that is refused."""

    max_files: int = MAX_FILES
    """Folders, and what is left out, count too."""
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFile:
    """A regular file, open for reading until the next one is asked for."""

    path: str
    """Below the folder, with slashes."""
    size_bytes: int
    modified_s: int
    """Epoch seconds."""
    is_executable: bool
    content: BinaryIO


def regular_files(root: str, limits: FolderLimits) -> Iterator[FolderFile]:
    """The files of a folder and its sub folders, sorted; links and what is no file are left out.

    Raises:
        InvalidRequest: there are more files or bytes than the limits say, or folders too deep.
    """
    n_bytes = 0
    try:
        descriptor = os.open(root, _FLAGS | os.O_DIRECTORY)
    except OSError:
        return  # it is gone, or code in the sandbox put something else in its place
    try:
        for file in _Walk(limits).files(descriptor):
            n_bytes += file.size_bytes
            if n_bytes > limits.max_bytes:
                raise InvalidRequest(f"the folder has more than {limits.max_bytes >> 20} MiB")
            yield file
    finally:
        os.close(descriptor)


def copy_folder(source: str, target: str, limits: FolderLimits) -> None:
    """Copy the regular files of a folder into one that is there and empty."""
    for file in regular_files(source, limits):
        path = Path(target, file.path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("xb") as copy:
            left = file.size_bytes
            while left and (chunk := file.content.read(min(left, _COPIED_BYTES))):
                left -= copy.write(chunk)
        os.utime(path, (file.modified_s, file.modified_s))
        path.chmod(0o700 if file.is_executable else 0o600)


class _Walk:
    """One way through a folder; counts what it comes by, also what is left out."""

    def __init__(self, limits: FolderLimits) -> None:
        self._limits = limits
        self._n_entries = 0

    def files(self, folder: int, above: str = "", depth: int = 0) -> Iterator[FolderFile]:
        """What lies in an open folder."""
        if depth > MAX_DEPTH:
            raise InvalidRequest(f"the folder has more than {MAX_DEPTH} folders in each other")
        for name in self._names(folder):
            try:
                descriptor = os.open(name, _FLAGS, dir_fd=folder)
            except OSError:
                continue  # a link, a socket, or gone meanwhile
            try:
                about = os.fstat(descriptor)
                if stat.S_ISDIR(about.st_mode):
                    yield from self.files(descriptor, f"{above}{name}/", depth + 1)
                elif stat.S_ISREG(about.st_mode):
                    with os.fdopen(descriptor, "rb", closefd=False) as content:
                        yield _file(above + name, about, content)
            finally:
                os.close(descriptor)

    def _names(self, folder: int) -> list[str]:
        names = []
        with os.scandir(folder) as entries:
            for entry in entries:
                self._n_entries += 1
                if self._n_entries > self._limits.max_files:
                    raise InvalidRequest(f"the folder has more than {self._limits.max_files} files")
                names.append(entry.name)
        return sorted(names)


def _file(path: str, about: os.stat_result, content: BinaryIO) -> FolderFile:
    return FolderFile(
        path=path,
        size_bytes=about.st_size,
        modified_s=int(about.st_mtime),
        is_executable=bool(about.st_mode & stat.S_IXUSR),
        content=content,
    )


def remove_folder(folder: str | os.PathLike[str]) -> None:
    """Remove a folder, whatever code has put into it; blocks, and never fails.

    Folders may be nested deeper than descriptors or recursion of this process reach, and may have
    lost their permissions; the system's own program minds neither.
    """
    remove, change = shutil.which("rm"), shutil.which("chmod")
    for command in ([remove, "-rf"], [change, "-R", "u+rwX"], [remove, "-rf"]):
        if command[0] is None or not os.path.lexists(folder):
            break
        with contextlib.suppress(OSError):
            subprocess.run(  # noqa: S603 - our own words and a path of ours, no shell
                [*map(str, command), "--", os.fspath(folder)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
    shutil.rmtree(folder, ignore_errors=True)
