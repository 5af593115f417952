"""Opens what lies beneath a folder and nothing else, whatever the path or the links in it say.

The operating system itself resolves the path (``openat2`` with ``RESOLVE_BENEATH``), so there is no
moment between a check and its use. Where it cannot, each part is opened in turn and links are not
followed at all. Runs inside tool kernels: standard library only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from urllib.parse import unquote

SYS_OPENAT2 = 437
"""The same number on every architecture."""
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_BENEATH = 0x08
OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
OUTSIDE = (errno.EXDEV, errno.ELOOP)
NOT_SUPPORTED = (errno.ENOSYS, errno.EPERM, errno.E2BIG)
MAX_PATH_CHARS = 4096
LIBC = ctypes.CDLL(None, use_errno=True)


class PathDenied(Exception):
    """The path leaves the folder, or is of a kind that is not read."""


class FileMissing(Exception):
    """There is nothing of that name."""


class FileUnreadable(Exception):
    """There is something, but it cannot be read."""


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


@contextmanager
def opened(root: str, path: str, *, folder: bool = False) -> Iterator[int]:
    """A descriptor of a regular file, or of a folder, beneath ``root``.

    Raises:
        PathDenied: the path leaves the folder or names something that is neither.
        FileMissing: there is no such file.
    """
    parts = checked_parts(path)
    flags = OPEN_FLAGS | (os.O_DIRECTORY if folder else 0)
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = _open(root_fd, parts, flags, path)
    finally:
        os.close(root_fd)
    try:
        mode = os.fstat(fd).st_mode
        if not (stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode)):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise PathDenied(f"{path!r} is {kind}")
        yield fd
    finally:
        os.close(fd)


def checked_parts(path: str) -> list[str]:
    """The parts of a relative path; PathDenied when it tries to be anything else."""
    if not path or len(path) > MAX_PATH_CHARS or not path.isprintable():
        raise PathDenied(f"{path!r:.80} is not a path")
    if path[0] in "/~" or "\\" in path or ":" in path.split("/")[0] or "%2e" in path.lower():
        raise PathDenied(f"{path!r} is outside the working directory; use a relative path")
    parts = [part for part in PurePosixPath(path).parts if part != "."]
    for part in parts:
        if part.startswith("..") or not unquote(part).strip(". ;"):
            raise PathDenied(f"{path!r} is outside the working directory; use a relative path")
        if part.startswith("."):
            raise PathDenied(f"{path!r} is hidden; hidden files are not read")
        if part.endswith((".", " ")):
            raise PathDenied(f"{path!r} ends with a dot or a space")
    return parts


def is_beneath(folder_fd: int, name: str) -> bool:
    """Whether an entry of a folder, links followed, lies in the folder."""
    try:
        os.close(_openat2(folder_fd, name, os.O_PATH | os.O_CLOEXEC))
    except OSError as error:
        if error.errno in NOT_SUPPORTED:
            return not stat.S_ISLNK(os.stat(name, dir_fd=folder_fd, follow_symlinks=False).st_mode)
        return False
    return True


def _open(root_fd: int, parts: list[str], flags: int, path: str) -> int:
    try:
        return _open_beneath(root_fd, parts, flags)
    except OSError as error:
        if error.errno in OUTSIDE:
            message = f"{path!r} leads outside the working directory"
            raise PathDenied(message) from None
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise FileMissing(f"no file {path!r} in the working directory") from None
        if error.errno in (errno.ENXIO, errno.ENODEV):
            raise PathDenied(f"{path!r} is not a regular file") from None
        raise FileUnreadable(f"{path!r} cannot be read: {os.strerror(error.errno or 0)}") from None


def _open_beneath(root_fd: int, parts: list[str], flags: int) -> int:
    try:
        return _openat2(root_fd, "/".join(parts) or ".", flags)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
    return _open_in_turn(root_fd, parts, flags)


def _openat2(root_fd: int, path: str, flags: int) -> int:
    how = _OpenHow(flags, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
    fd: int = LIBC.syscall(
        SYS_OPENAT2, root_fd, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how)
    )
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return fd


def _open_in_turn(root_fd: int, parts: list[str], flags: int) -> int:
    """Open part after part; a link anywhere is refused."""
    fd = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root_fd)
    try:
        for part in parts[:-1]:
            step = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            inner = os.open(part, step, dir_fd=fd)
            os.close(fd)
            fd = inner
        return os.open(parts[-1] if parts else ".", flags | os.O_NOFOLLOW, dir_fd=fd)
    finally:
        os.close(fd)
