"""What `file_writer` and `file_editor` do inside the tool kernel: whole files, at once or not.

A file is written beside its place under a hidden name and then moved there, so nobody ever reads
half of it, and a link in its place is replaced and not followed.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from notebook_agents.confinement.protected import is_protected
from notebook_agents.tools.beneath import (
    FileMissing,
    FileUnreadable,
    PathDenied,
    checked_parts,
    identified,
    opened,
)
from notebook_agents.tools.deadlines import TooLong, limited_time
from notebook_agents.tools.reading import names_here

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_DIFF_CHARS = 64 * 1024
MAX_DIFF_LINES = 20_000
"""Beyond it a diff is not computed but told from the piece that was replaced."""
MAX_NAMED_LINES = 5
DIFF_SECONDS = 5.0
MODE = 0o666
"""Of new files, less what the umask takes away."""
SAME = (errno.EROFS, errno.EACCES, errno.EPERM)


class FileUnwritable(Exception):
    """The file cannot be written."""


class EditDenied(Exception):
    """The text to replace is not there, or not just once."""


def write_file(root: str, path: str, content: str) -> dict[str, Any]:
    """Write a text as a whole file; folders on the way are made."""
    parts = _named(root, path)
    with _folder_of(root, parts) as folder:
        is_there = _check_place(folder, parts[-1], path)
        _put(folder, parts[-1], content.encode(errors="surrogatepass"), path)
    return {
        "path": "/".join(parts),
        "n_lines": len(content.splitlines()),
        "size_bytes": len(content.encode(errors="surrogatepass")),
        "replaced": is_there,
    }


def edit_file(
    root: str, path: str, old_text: str, new_text: str, *, replace_all: bool
) -> dict[str, Any]:
    """Replace a piece of a text file; the diff says what changed."""
    parts = _named(root, path)
    before = _text(root, path)
    if "\r\n" in before and "\r" not in old_text:
        # What a model was shown has plain line ends.
        old_text, new_text = (t.replace("\n", "\r\n") for t in (old_text, new_text))
    n_found = before.count(old_text)
    if old_text == new_text:
        raise EditDenied("the new text is the same as the old text")
    if n_found == 0:
        raise EditDenied(f"the text is not in {path!r}{_nearest(before, old_text)}")
    if n_found > 1 and not replace_all:
        raise EditDenied(
            f"the text is {n_found} times in {path!r}, on {_lines(before, old_text)}; give more of"
            " the text around it, or replace_all"
        )
    after = before.replace(old_text, new_text)
    with _folder_of(root, parts) as folder:
        _check_place(folder, parts[-1], path)
        _put(folder, parts[-1], after.encode(), path)
    return {"path": "/".join(parts), "n_replaced": n_found, "diff": _shown(before, after, path)}


def _shown(before: str, after: str, path: str) -> str:
    """The diff; the file is written by now, so it must not take long."""
    try:
        with limited_time(DIFF_SECONDS):
            return diff(before, after, path)
    except TooLong:
        return f"--- {path}\n+++ {path}\ntoo much changed to compare it"


def diff(before: str, after: str, path: str, other: str = "", *, n_context: int = 3) -> str:
    """What changed, as a unified diff of bounded length."""
    old, new = before.splitlines(), after.splitlines()
    # Most edits touch one place: comparing what lies between is enough, and quick.
    n_same = _n_same(old, new)
    n_end = min(_n_same(old[n_same:][::-1], new[n_same:][::-1]), len(old), len(new))
    first = max(0, n_same - n_context)
    last = max(0, n_end - n_context)
    old, new = old[first : len(old) - last], new[first : len(new) - last]
    names = f"--- {path}\n+++ {other or path}\n"
    if len(old) + len(new) > MAX_DIFF_LINES:
        return f"{names}{len(old)} lines became {len(new)}, from line {first + 1} on"
    found = list(difflib.unified_diff(old, new, n=n_context, lineterm=""))[2:]
    text = names + "\n".join(_numbered(line, first) for line in found)
    return text if len(text) <= MAX_DIFF_CHARS else f"{text[:MAX_DIFF_CHARS]}\n..."


def _n_same(some: list[str], others: list[str]) -> int:
    pairs = zip(some, others, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(some), len(others)))


def _numbered(line: str, n_before: int) -> str:
    """A line of a diff of a part, as the whole's: only headers of places have numbers."""
    if not line.startswith("@@") or not n_before:
        return line
    parts = line.split(" ")
    for at in (1, 2):
        start, *rest = parts[at][1:].split(",")
        parts[at] = parts[at][0] + ",".join([str(int(start) + n_before), *rest])
    return " ".join(parts)


def _named(root: str, path: str) -> list[str]:
    parts = checked_parts(path, done="written")
    if not parts:
        raise PathDenied(f"{path!r} is a folder")
    if any(is_protected(part) for part in parts):
        raise PathDenied(f"{path!r} is protected: interpreters and editors run it by themselves")
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return identified(root_fd, parts)
    finally:
        os.close(root_fd)


def _text(root: str, path: str) -> str:
    try:
        with opened(root, path) as fd:
            if os.fstat(fd).st_size > MAX_FILE_BYTES:
                raise FileUnreadable(f"{path!r} is larger than {MAX_FILE_BYTES} bytes")
            with os.fdopen(os.dup(fd), "rb") as file:
                content = file.read(MAX_FILE_BYTES)
    except FileMissing as error:
        raise FileMissing(f"{error}; files here: {names_here(root)}") from None
    try:
        if b"\0" not in content:
            return content.decode()
    except UnicodeDecodeError:
        pass
    raise FileUnreadable(f"{path!r} is not a text file in UTF-8")


def _lines(text: str, piece: str) -> str:
    """``lines 1, 5, 9``: where a piece begins."""
    numbers: list[str] = []
    at = text.find(piece)
    while at >= 0 and len(numbers) < MAX_NAMED_LINES:
        numbers.append(str(text.count("\n", 0, at) + 1))
        at = text.find(piece, at + len(piece))
    return f"lines {', '.join(numbers)}{' and more' if at >= 0 else ''}"


def _nearest(text: str, piece: str) -> str:
    """A line that only differs by spaces from the first one of a piece that was not found."""
    wanted = piece.strip().splitlines()[0].split() if piece.strip() else []
    for number, line in enumerate(text.splitlines(), start=1):
        if wanted and line.split() == wanted:
            return f"; line {number} is like its first line, look at spaces and what follows"
    return "; read the file and copy the text exactly"


@contextmanager
def _folder_of(root: str, parts: list[str]) -> Iterator[int]:
    """A descriptor of the folder that a file is in, made where it is missing."""
    for n_parts in range(1, len(parts)):
        _make_folder(root, parts[:n_parts])
    with opened(root, "/".join(parts[:-1]) or ".", folder=True) as fd:
        yield fd


def _make_folder(root: str, parts: list[str]) -> None:
    with opened(root, "/".join(parts[:-1]) or ".", folder=True) as fd:
        try:
            os.mkdir(parts[-1], dir_fd=fd)
        except FileExistsError:
            pass
        except OSError as error:
            raise _unwritable("/".join(parts), error) from None


def _check_place(folder: int, name: str, path: str) -> bool:
    """Whether a file is there; PathDenied when it is something that files do not replace."""
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from None
    if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
        return True
    kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
    raise PathDenied(f"{path!r} is {kind}")


def _put(folder: int, name: str, content: bytes, path: str) -> None:
    beside = f".{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(beside, flags, MODE, dir_fd=folder)
        try:
            with os.fdopen(fd, "wb") as file:
                _keep_mode(folder, name, file.fileno())
                file.write(content)
            os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside, dir_fd=folder)
            raise
    except OSError as error:
        raise _unwritable(path, error) from None


def _keep_mode(folder: int, name: str, fd: int) -> None:
    """A script stays one that can be run."""
    with contextlib.suppress(OSError):
        known = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISREG(known.st_mode):
            os.fchmod(fd, stat.S_IMODE(known.st_mode) & 0o777)


def _unwritable(path: str, error: OSError) -> FileUnwritable:
    why = os.strerror(error.errno or 0)
    hint = "; only a conversation's own folder is writable" if error.errno in SAME else ""
    return FileUnwritable(f"{path!r} cannot be written: {why}{hint}")
