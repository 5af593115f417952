"""Empty folders that keep the places of protected names while kernels work in a workspace.

A name that is not there cannot be covered. So an empty folder stands in its place as long as any
kernel works in the workspace, and goes with the last of them.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class _Held:
    n_kernels: int = 0
    made: set[str] = field(default_factory=set)


class Places:
    """The places that this process keeps; all methods block and may be called on any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Path, _Held] = {}

    def take(self, workspace: Path, protected: Iterable[str]) -> None:
        """Keep the places of the protected hidden names for one kernel more."""
        with self._lock:
            held = self._held.setdefault(workspace, _Held())
            held.n_kernels += 1
            try:
                for name in protected:
                    if name.startswith(".") and "*" not in name:
                        _occupy(workspace / name, held.made)
            except OSError:
                self._leave(workspace)
                raise

    def leave(self, workspace: Path) -> None:
        """A kernel has ended: what was made goes with the last one, unless it was filled."""
        with self._lock:
            self._leave(workspace)

    def _leave(self, workspace: Path) -> None:
        held = self._held[workspace]
        held.n_kernels -= 1
        # While another kernel runs, its cover would go with the folder beneath.
        if not held.n_kernels:
            del self._held[workspace]
            _remove(workspace, held.made)


def _occupy(path: Path, made: set[str]) -> None:
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
        made.add(path.name)


def _remove(workspace: Path, names: Iterable[str]) -> None:
    """Remove empty folders only; neither the workspace nor a name is followed through a link."""
    with contextlib.suppress(OSError):
        folder = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for name in names:
                with contextlib.suppress(OSError):
                    os.rmdir(name, dir_fd=folder)
        finally:
            os.close(folder)
