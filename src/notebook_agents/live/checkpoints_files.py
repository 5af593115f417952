"""Files as they were before a change, and how they are put back.

Contents are kept under their digest in a folder of the product, so that what many runs leave alone
is kept once. A file that somebody changed since is not overwritten.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from notebook_agents.live import checkpoints_places
from notebook_agents.live.checkpoints_memory import megabytes
from notebook_agents.live.checkpoints_watch import Listing, Signature, Watcher, listing_of

MAX_FILE_BYTES = 64 << 20
"""A larger file is not kept."""
GRACE_S = 86_400.0
"""How long contents are kept that no change needs."""
MAX_FILES = 500
"""Of one checkpoint."""
NOTEBOOK_SUFFIX = ".ipynb"
"""Notebooks save themselves while code runs: one counts only when the code wrote to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file at one moment."""

    signature: Signature
    digest: str = ""
    """Of its contents, where they are kept or were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What became of one file; no state means that there was none."""

    path: str
    """In the working folder."""
    before: FileState | None
    after: FileState | None

    @property
    def can_be_undone(self) -> bool:
        """Whether what was there before is kept."""
        return self.before is None or bool(self.before.digest)


class Blobs:
    """Contents of files, by digest."""

    def __init__(self, folder: Path, private: Path) -> None:
        self._folder = folder
        self.private = private
        """The product's own folder, in which nothing is anybody's work."""
        self._known: dict[tuple[Path, Signature], str] = {}
        """What was kept before and need not be read again."""

    def save(self, path: Path) -> FileState | None:
        """Keep the contents of a file; None when there is no regular one."""
        signature = Signature.of(path)
        if signature is None:
            return None
        digest = self._known.get((path, signature), "")
        if digest and self.has(digest):
            return FileState(signature=signature, digest=digest)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if not self.has(digest):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(self._folder / digest, content, 0o600)
        self._known[path, signature] = digest
        return FileState(signature=signature, digest=digest)

    def has(self, digest: str) -> bool:
        """Whether the contents are still kept."""
        return (self._folder / digest).exists()

    def put_back(self, state: FileState, folder: Path, path: str) -> None:
        """Write kept contents to a path of a folder, in place of what is there."""
        content = (self._folder / state.digest).read_bytes()
        checkpoints_places.write(folder, path, content, state.signature.mode)

    def prune(self, digests: Collection[str]) -> None:
        """Remove all others, but for what was kept a moment ago by whomever."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                is_old = time.time() - path.stat().st_mtime > GRACE_S
                if is_old and path.name not in digests:
                    path.unlink(missing_ok=True)


class FileWork:
    """The files of a folder around one piece of work."""

    def __init__(self, folder: Path, blobs: Blobs, room_bytes: int) -> None:
        self.folder = folder
        self._blobs = blobs
        self._room_bytes = room_bytes
        self._before = listing_of(folder, blobs.private)
        self._is_wide = False
        """Whether all that changes meanwhile is taken for the work's doing."""
        self.elsewhere: tuple[str, ...] = ()
        """What changed meanwhile, perhaps by another program."""
        self.outside: tuple[str, ...] = ()
        """Files elsewhere that the work wrote, and that are still there."""
        self._saved: dict[str, FileState | None] = {}
        self.reasons: dict[str, str] = {}
        """Why a file is not kept, by path."""

    @contextmanager
    def watched(self, watcher: Watcher, paths: Sequence[str] | None) -> Iterator[None]:
        """Keep these files now (None: all there is room for), and any other before it changes."""
        wanted, self._is_wide = paths, paths is None
        if wanted is None:
            sizes = {path: found.size_bytes for path, found in self._before.files.items()}
            wanted = sorted(sizes, key=lambda path: sizes[path])
        for path in wanted:
            self.save(path)
        with watcher.watching(self.folder, self.save):
            try:
                yield
            finally:
                missed = watcher.missed()
                self.reasons |= {p: why for p, why in missed.items() if p not in self._saved}
                found = sorted(watcher.outside)
                self.outside = tuple(path for path in found if Path(path).is_file())

    def save(self, path: str) -> None:
        """Keep a file as it is, once; that there is none is kept too."""
        if path in self._saved or path in self.reasons:
            return
        signature = Signature.of(self.folder / path)
        size = signature.size_bytes if signature else 0
        if size > MAX_FILE_BYTES or size > self._room_bytes or len(self._saved) >= MAX_FILES:
            is_many = len(self._saved) >= MAX_FILES
            self.reasons[path] = "too many files" if is_many else f"too large: {megabytes(size)}"
            return
        self._room_bytes -= size
        try:
            self._saved[path] = self._blobs.save(self.folder / path)
        except OSError as error:
            self.reasons[path] = os.strerror(error.errno or 0)

    def changes(self) -> tuple[FileChange, ...]:
        """What is different now."""
        later = listing_of(self.folder, self._blobs.private)
        touched = self._saved.keys() | self.reasons.keys()
        others = {
            path
            for path in self._before.differences(later) - touched
            if not path.endswith(NOTEBOOK_SUFFIX)
        }
        if self._is_wide:
            touched |= others
        else:
            self.elsewhere = tuple(sorted(others))
        found = (self._change(path, later) for path in sorted(touched))
        return tuple(change for change in found if change is not None)

    def new_folders(self) -> tuple[str, ...]:
        """The folders that were not there before, innermost first."""
        made = listing_of(self.folder, self._blobs.private).folders - self._before.folders
        return tuple(sorted(made, key=lambda path: -path.count(os.sep)))

    def _change(self, path: str, later: Listing) -> FileChange | None:
        before = self._saved.get(path)
        if before is None and path in self._before.files and path not in self._saved:
            before = FileState(signature=self._before.files[path])
        now = later.files.get(path) or Signature.of(self.folder / path)
        if before is not None and now == before.signature:
            return None
        if before is None and now is None:
            return None
        after = None if now is None else state_of(self.folder / path, now)
        if before and after and before.digest and before.digest == after.digest:
            return None
        return FileChange(path=path, before=before, after=after)


def state_of(path: Path, signature: Signature) -> FileState:
    """A file with the digest of its contents, unless that takes long."""
    digest = ""
    if signature.size_bytes <= MAX_FILE_BYTES:
        with suppress(OSError):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return FileState(signature=signature, digest=digest)


def is_as_left(path: Path, left: FileState | None) -> bool:
    """Whether nobody has written to a file since it was left like this."""
    now = Signature.of(path)
    if left is None or now is None:
        return left is None and now is None and not path.exists()
    if now == left.signature:
        return True
    return bool(left.digest) and state_of(path, now).digest == left.digest


def put_back(folder: Path, changes: Iterable[FileChange], blobs: Blobs) -> dict[str, str]:
    """Undo changes of files; what became of each, or why it stays: ``! …``."""
    return {change.path: _put_back(folder, change, blobs) for change in changes}


def _put_back(folder: Path, change: FileChange, blobs: Blobs) -> str:
    try:
        if change.before is None:
            checkpoints_places.remove(folder, change.path)
            return "removed"
        if not blobs.has(change.before.digest):
            return "! its earlier contents are no longer kept"
        blobs.put_back(change.before, folder, change.path)
    except OSError as error:
        return f"! {error.strerror or os.strerror(error.errno or 0)}"
    return "restored" if change.after is None else "written back"


def reversed_change(folder: Path, change: FileChange, blobs: Blobs) -> FileChange:
    """The change that undoing this one is, up to its end: what is there now is kept."""
    path = folder / change.path
    now = Signature.of(path)
    kept: FileState | None = None
    if now is not None:
        kept = blobs.save(path) if now.size_bytes <= MAX_FILE_BYTES else FileState(signature=now)
    return FileChange(path=change.path, before=kept, after=None)


def finished(folder: Path, change: FileChange) -> FileChange:
    """A change with the state that the file has now at its end."""
    path = folder / change.path
    now = Signature.of(path)
    return replace(change, after=None if now is None else state_of(path, now))


def _write(path: Path, content: bytes, mode: int) -> None:
    beside = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        beside.write_bytes(content)
        beside.chmod(mode)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
