"""A scratch folder that looks like the notebook's, for code that must not change the real one.

Small files are copied, large ones and hidden folders are links to the real ones, which can be read
and not written. What differs afterwards is what the code would have written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

COPIED_FILE_BYTES = 4 << 20
COPIED_BYTES = 64 << 20
MAX_ENTRIES = 2000
"""Beyond it folders are links too, so that a dry run never waits for a large tree."""
MAX_CHANGES = 100

FileKind = Literal["new", "changed", "removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file that code would write or remove."""

    path: str
    """Relative to the notebook's folder, or absolute."""
    kind: FileKind
    size_bytes: int = 0


@dataclass(slots=True)
class Mirror:
    """The scratch folder and what it held in the beginning."""

    source: Path
    scratch: Path
    _room: int = COPIED_BYTES
    _n_entries: int = 0
    _before: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def fill(self) -> None:
        """Make it look like the source."""
        self._fill(self.source, self.scratch)
        self._before = dict(self._entries())

    def changes(self) -> tuple[FileChange, ...]:
        """What is new, different or gone since, by path."""
        after = dict(self._entries())
        found = [
            FileChange(
                path=path,
                kind="changed" if path in self._before else "new",
                size_bytes=entry[1],
            )
            for path, entry in after.items()
            if entry != self._before.get(path)
        ]
        gone = (FileChange(path=path, kind="removed") for path in self._before if path not in after)
        return tuple(sorted([*found, *gone], key=lambda change: change.path)[:MAX_CHANGES])

    def _fill(self, source: Path, target: Path) -> None:
        try:
            entries = sorted(os.scandir(source), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            self._n_entries += 1
            self._place(entry, target / entry.name)

    def _place(self, entry: os.DirEntry[str], place: Path) -> None:
        is_small = self._n_entries <= MAX_ENTRIES and not entry.is_symlink()
        try:
            if is_small and entry.is_dir() and not entry.name.startswith("."):
                place.mkdir()
                self._fill(Path(entry.path), place)
            elif is_small and entry.is_file() and self._fits(entry.stat().st_size):
                shutil.copy2(entry.path, place)
            else:
                place.symlink_to(Path(entry.path).absolute())
        except OSError:
            return  # what cannot be read here could not be read by the code either

    def _fits(self, size: int) -> bool:
        if size > min(COPIED_FILE_BYTES, self._room):
            return False
        self._room -= size
        return True

    def _entries(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        for folder, _folders, names in os.walk(self.scratch):
            for name in names:
                path = Path(folder, name)
                try:
                    found = path.lstat()
                except OSError:
                    continue
                yield (
                    str(path.relative_to(self.scratch)),
                    (found.st_mtime_ns, found.st_size, found.st_ino),
                )
