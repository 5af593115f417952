"""Sees which files of the working folder a piece of code changes, before it does.

Python tells audit hooks of every file that it is about to open, rename or remove. What libraries
and other programs write themselves shows only afterwards, when two listings of the folder differ.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_LISTED = 5_000
"""Files of a folder that are looked at."""
SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})
"""Folders, beside hidden ones, in which nobody keeps work."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True, slots=True)
class Signature:
    """What tells that a file was not written to since."""

    size_bytes: int
    mtime_ns: int
    mode: int

    @classmethod
    def of(cls, path: Path) -> Signature | None:
        """Of a regular file; None when there is none, or a link in its place."""
        try:
            found = path.lstat()
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return cls(found.st_size, found.st_mtime_ns, found.st_mode & 0o7777)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder, by their path in it."""

    files: dict[str, Signature] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    is_whole: bool = True
    """Whether there were not too many."""

    def differences(self, later: Listing) -> set[str]:
        """The paths at which something else is by now; none that only one of them had room for."""
        if not (self.is_whole and later.is_whole):
            common = self.files.keys() & later.files.keys()
            return {path for path in common if self.files[path] != later.files[path]}
        return {
            path
            for path in self.files.keys() | later.files.keys()
            if self.files.get(path) != later.files.get(path)
        }


def listing_of(folder: Path, private: Path | None = None) -> Listing:
    """The files below a folder, but for hidden and private ones; links are not followed."""
    files: dict[str, Signature] = {}
    folders: set[str] = set()
    for root, names, here in os.walk(folder):
        names[:] = [
            name for name in sorted(names) if not _is_skipped(name) and Path(root, name) != private
        ]
        folders.update(os.path.relpath(os.path.join(root, name), folder) for name in names)  # noqa: PTH118
        for name in here:
            path = Path(root, name)
            if not name.startswith(".") and (signature := Signature.of(path)) is not None:
                files[str(path.relative_to(folder))] = signature
            if len(files) > MAX_LISTED:
                return Listing(files, frozenset(folders), is_whole=False)
    return Listing(files, frozenset(folders))


Saver = Callable[[str], None]
"""Is told the path, below the folder, of a file that is about to change."""


class Watcher:
    """Tells of files below a folder that this process is about to change."""

    def __init__(self, private: Path | None) -> None:
        self._private = f"{private}{os.sep}" if private else None
        """Files below it are the product's own."""
        self._folder = ""
        self._save: Saver | None = None
        self.outside: set[str] = set()
        """Files elsewhere that this thread has changed since ``watching`` began."""
        self._missed: list[tuple[str, tuple[Any, ...], Exception]] = []
        self._is_hooked = False
        self._inside = threading.local()

    @contextmanager
    def watching(self, folder: Path, save: Saver) -> Iterator[None]:
        """Call ``save`` with a path before the file there changes; at most one at a time."""
        if not self._is_hooked:
            # A hook cannot be taken out again, so there is one, and it is quick when idle.
            sys.addaudithook(self._hook)
            self._is_hooked = True
        before = self._folder, self._save
        self._folder, self._save = str(folder), save
        self.outside, self._missed = set(), []
        try:
            yield
        finally:
            self._folder, self._save = before

    def missed(self) -> dict[str, str]:
        """Files of the folder that were about to change when keeping them failed, and why."""
        found: dict[str, str] = {}
        for event, arguments, error in self._missed:
            with suppress(OSError, ValueError):
                for path in map(self._relative, _EVENTS[event](arguments)):
                    if path is not None:
                        found[path] = f"keeping it failed: {type(error).__name__}"
        return found

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        save = self._save
        if save is None or event not in _EVENTS or getattr(self._inside, "is_busy", False):
            return
        self._inside.is_busy = True
        try:
            for path in _EVENTS[event](arguments):
                if (relative := self._relative(path)) is not None:
                    save(relative)
                elif threading.current_thread() is threading.main_thread():
                    self._note_outside(path)
        except Exception as error:  # noqa: BLE001 - what a hook raises would stop the person's code
            self._missed.append((event, arguments, error))
        finally:
            self._inside.is_busy = False

    def _note_outside(self, path: str) -> None:
        """Caches, devices and the product's own files are nobody's work."""
        is_inside = path.startswith((self._folder + os.sep, self._private or "\0"))
        parts = Path(path).parts
        if not is_inside and parts[1:2] not in _SYSTEM and not any(map(_is_skipped, parts)):
            self.outside.add(path)

    def _relative(self, path: str) -> str | None:
        """The path below the folder; None for any other, and for what is not looked at."""
        folder = self._folder
        absolute = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))  # noqa: PTH118, PTH119, PTH120
        if not absolute.startswith(folder + os.sep):
            return None
        if self._private is not None and absolute.startswith(self._private):
            return None
        relative = absolute[len(folder) + 1 :]
        *folders, name = Path(relative).parts
        if name.startswith(".") or any(_is_skipped(part) for part in folders):
            return None
        return relative


_SYSTEM = (("dev",), ("proc",), ("sys",))


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in SKIPPED


def _opened(arguments: tuple[Any, ...]) -> list[str]:
    path, mode, flags = arguments[:3]
    is_writing = any(letter in mode for letter in "wax+") if isinstance(mode, str) else False
    if not (is_writing or (isinstance(flags, int) and flags & _WRITING)):
        return []
    return _paths(path)


def _renamed(arguments: tuple[Any, ...]) -> list[str]:
    source, target, source_fd, target_fd = arguments[:4]
    moved = [*_paths(source, source_fd), *_paths(target, target_fd)]
    return [*moved, *(inner for path in moved for inner in _inside(path))]


def _removed(arguments: tuple[Any, ...]) -> list[str]:
    return _paths(arguments[0], arguments[1] if len(arguments) > 1 else -1)


def _removed_tree(arguments: tuple[Any, ...]) -> list[str]:
    return [inner for path in _removed(arguments) for inner in _inside(path)]


def _named(arguments: tuple[Any, ...]) -> list[str]:
    return _paths(arguments[0])


_EVENTS: dict[str, Callable[[tuple[Any, ...]], list[str]]] = {
    "open": _opened,
    "os.remove": _removed,
    "os.rename": _renamed,
    "os.truncate": _named,
    "shutil.rmtree": _removed_tree,
    "sqlite3.connect": _named,
}


def _paths(path: Any, folder_fd: Any = -1) -> list[str]:
    if not isinstance(path, str | bytes | os.PathLike):
        return []
    text = os.fsdecode(path)
    if isinstance(folder_fd, int) and folder_fd >= 0 and not os.path.isabs(text):  # noqa: PTH117
        text = os.path.join(os.readlink(f"/proc/self/fd/{folder_fd}"), text)  # noqa: PTH115, PTH118
    return [os.path.abspath(text)]  # noqa: PTH100


def _inside(path: str) -> list[str]:
    if not os.path.isdir(path):  # noqa: PTH112
        return []
    return [
        os.path.join(root, name)  # noqa: PTH118
        for root, _folders, names in os.walk(path)
        for name in names
    ][:MAX_LISTED]
