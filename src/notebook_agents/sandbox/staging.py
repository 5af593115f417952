"""Copies of a workspace for one call, and what it made, taken back.

At level ``high`` a kernel never touches a workspace: it reads copies and writes to one folder among
them. Whatever code made there is looked at as a stranger's: no links, no devices, no pipes, no
names that people run things from, bounded in number and size. All functions block.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from notebook_agents.confinement.protected import is_protected
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.sandbox.fileview import covered_entries
from notebook_agents.sandbox.plan import OUTPUTS, LaunchPlan

MAX_DEPTH = 16
RESERVED = re.compile("con|prn|aux|nul|(?:com|lpt)[0-9]", re.IGNORECASE)
"""Names that are devices on Windows, whatever their ending."""


@dataclass(slots=True)
class Allowance:
    """How much may still be copied."""

    n_files: int
    n_bytes: int

    def take(self, size: int) -> bool:
        """Count one file; whether there was room for it."""
        if self.n_files < 1 or size > self.n_bytes:
            return False
        self.n_files -= 1
        self.n_bytes -= size
        return True


def stage(plan: LaunchPlan, allowance: Allowance) -> None:
    """Copy the regular files of the workspace that a sandbox may see; the copies are read-only."""
    plan.folder.mkdir(mode=0o700)
    plan.outputs.mkdir(mode=0o700)
    left_out = {*covered_entries(plan.workspace, plan.private), plan.workspace / OUTPUTS}
    with _opened(str(plan.workspace)) as source:
        for path, fd in _files(source.fd, plan.workspace, left_out, MAX_DEPTH):
            target = plan.folder / path.relative_to(plan.workspace)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _copy(fd, str(target), allowance):
                raise InvalidRequest(
                    f"the workspace {str(plan.workspace)!r} is too large to be copied for level"
                    " 'high'; give it a folder with the data of this call",
                    field="workspace",
                )
            target.chmod(0o400)


def take_back(plan: LaunchPlan, allowance: Allowance) -> tuple[str, ...]:
    """Move what a call made into the workspace's ``outputs``; what was left out, in words.

    Nothing comes back into a workspace that may not be written to.
    """
    if not any(plan.outputs.iterdir()):
        return ()
    if not plan.is_writable:
        return ("files in 'outputs' were dropped: the workspace is read-only",)
    goal, events = plan.workspace / OUTPUTS, []
    with _opened(str(plan.outputs)) as source:
        for path, fd in _files(source.fd, plan.outputs, set(), MAX_DEPTH):
            relative = path.relative_to(plan.outputs)
            if any(is_protected(part, plan.protected) for part in relative.parts):
                events.append(f"{relative.name!r} was not taken back: a protected name")
            elif not all(map(is_plain, relative.parts)) or os.fstat(fd).st_nlink > 1:
                events.append(f"{relative.name!r} was not taken back: a strange name or a link")
            elif not _place(fd, goal, relative, allowance):
                events.append("files in 'outputs' were not taken back: there are too many")
                break
    return tuple(dict.fromkeys(events))


def is_plain(name: str) -> bool:
    """Whether a name means the same on every system and is seen as what it is."""
    is_reserved = RESERVED.fullmatch(name.partition(".")[0]) is not None
    return name.isprintable() and not name.startswith(".") and "\\" not in name and not is_reserved


@dataclass(slots=True)
class _opened:  # noqa: N801 - a context manager, used as a function
    path: str
    fd: int = -1

    def __enter__(self) -> _opened:
        self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def _files(folder: int, path: Path, left_out: set[Path], depth: int) -> Iterator[tuple[Path, int]]:
    """The regular files below an open folder, each open while it is given; links are no files."""
    for name in sorted(os.listdir(folder)):
        below = path / name
        if below in left_out:
            continue
        try:
            fd = os.open(name, _FLAGS, dir_fd=folder)
        except OSError:
            continue
        try:
            mode = os.fstat(fd).st_mode
            if stat.S_ISREG(mode):
                yield below, fd
            elif stat.S_ISDIR(mode) and depth:
                yield from _files(fd, below, left_out, depth - 1)
        finally:
            os.close(fd)


_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def _place(fd: int, goal: Path, relative: Path, allowance: Allowance) -> bool:
    """Copy beneath the goal without following a link that lies in the way."""
    folder = goal
    for part in ("", *relative.parts[:-1]):
        folder = folder / part
        if not folder.is_dir() or folder.is_symlink():
            folder.unlink(missing_ok=True)
            folder.mkdir(mode=0o700)
    target = folder / relative.name
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    return _copy(fd, str(target), allowance)


def _copy(fd: int, target: str, allowance: Allowance) -> bool:
    """Copy an open file into a new one; False when the allowance does not hold it.

    What is counted is what is read: a file may say that it is shorter.
    """
    size = os.fstat(fd).st_size
    if not allowance.take(size):
        return False
    made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        while size > 0 and (n := os.sendfile(made, fd, None, size)):
            size -= n
    finally:
        os.close(made)
    return True
