"""Opens what lies beneath a folder and nothing else, whatever the path or the links in it say.

The operating system itself resolves the path (``openat2`` with ``RESOLVE_BENEATH`` and without
links), so there is no moment between a check and its use. Links are read here and their targets
judged like any path, then opened in the same way: a link is no way to what is hidden. Where the
system cannot, each part is opened in turn and links are not followed at all. Runs inside tool
kernels: standard library only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import PurePosixPath
from unicodedata import normalize
from urllib.parse import unquote

SYS_OPENAT2 = 437
"""The same number on every architecture."""
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
OUTSIDE = (errno.EXDEV, errno.ELOOP)
NOT_SUPPORTED = (errno.ENOSYS, errno.EPERM, errno.E2BIG)
MAX_PATH_CHARS = 4096
MAX_LINKS = 40
"""On the way to one file; as many as the system itself follows."""
MAX_TWINS = 10_000
"""Entries of a folder among which another spelling of a name is looked for."""
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
        fd = _open(root_fd, identified(root_fd, parts), flags, path)
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


def checked_parts(path: str, *, done: str = "read") -> list[str]:
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
            raise PathDenied(f"{path!r} is hidden; hidden files are not {done}")
        if part.endswith((".", " ")):
            raise PathDenied(f"{path!r} ends with a dot or a space")
    return parts


def identified(root_fd: int, parts: Sequence[str]) -> list[str]:
    """The parts as they are spelled on disk; what is not there yet is composed (NFC).

    The same letters can be written in several ways, and to people they are one name.
    """
    if all(part.isascii() for part in parts):
        return list(parts)
    found: list[str] = []
    for part in parts:
        found.append(_spelled(root_fd, found, part))
    return found


def is_shown(folder_fd: int, name: str) -> bool:
    """Whether a link in a folder leads to something in it that is not hidden."""
    try:
        _resolved(folder_fd, [name])
    except (OSError, PathDenied):
        return False
    return is_beneath(folder_fd, name)


def is_beneath(folder_fd: int, name: str) -> bool:
    """Whether an entry of a folder, links followed, lies in the folder."""
    try:
        os.close(_openat2(folder_fd, name, os.O_PATH | os.O_CLOEXEC, RESOLVE_BENEATH))
    except OSError as error:
        if error.errno in NOT_SUPPORTED:
            return not stat.S_ISLNK(os.stat(name, dir_fd=folder_fd, follow_symlinks=False).st_mode)
        return False
    return True


def _open(root_fd: int, parts: Sequence[str], flags: int, path: str) -> int:
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


def _open_beneath(root_fd: int, parts: Sequence[str], flags: int) -> int:
    try:
        return _openat2(root_fd, "/".join(parts) or ".", flags)
    except OSError as error:
        if error.errno in NOT_SUPPORTED:
            return _open_in_turn(root_fd, parts, flags)
        if error.errno != errno.ELOOP:
            raise
    # What the links say may change meanwhile; then the second try meets a link, and that is it.
    return _openat2(root_fd, "/".join(_resolved(root_fd, parts)) or ".", flags)


def _resolved(root_fd: int, parts: Sequence[str]) -> list[str]:
    """Where the parts lead, links followed; PathDenied at something hidden or outside."""
    found: list[str] = []
    pending, n_links = list(reversed(parts)), 0
    while pending:
        part = pending.pop()
        if part == "..":
            if not found:
                raise OSError(errno.EXDEV, "leads outside")
            found.pop()
        elif _is_hidden(part):
            raise PathDenied(f"{'/'.join(parts)!r} leads to what is hidden; that is not read")
        elif (target := _target(root_fd, [*found, part])) is None:
            found.append(part)
        else:
            n_links += 1
            if target.startswith("/") or n_links > MAX_LINKS:
                raise OSError(errno.EXDEV, "leads outside")
            pending += [step for step in reversed(target.split("/")) if step not in ("", ".")]
    return found


def _target(root_fd: int, parts: Sequence[str]) -> str | None:
    try:
        return os.readlink("/".join(parts), dir_fd=root_fd)
    except OSError:  # no link, or nothing at all
        return None


def _is_hidden(part: str) -> bool:
    return part.startswith(".") and part not in (".", "..")


def _spelled(root_fd: int, folder: Sequence[str], part: str) -> str:
    """How an entry of a folder is spelled that reads like this."""
    composed = normalize("NFC", part)
    try:
        fd = _open_beneath(root_fd, folder, OPEN_FLAGS | os.O_DIRECTORY)
    except (OSError, PathDenied):
        return composed
    try:
        if _is_there(fd, part):
            return part
        with os.scandir(fd) as entries:
            names = (entry.name for entry in islice(entries, MAX_TWINS))
            return next((n for n in names if normalize("NFC", n) == composed), composed)
    finally:
        os.close(fd)


def _is_there(folder_fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except OSError:
        return False
    return True


def _openat2(
    root_fd: int, path: str, flags: int, resolve: int = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
) -> int:
    how = _OpenHow(flags, 0, resolve | RESOLVE_NO_MAGICLINKS)
    fd: int = LIBC.syscall(
        SYS_OPENAT2, root_fd, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how)
    )
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return fd


def _open_in_turn(root_fd: int, parts: Sequence[str], flags: int) -> int:
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
