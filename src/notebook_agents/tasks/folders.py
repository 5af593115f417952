"""Folders of executions: what each is told, and what it leaves. Nothing here waits for a loop."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from notebook_agents.core.errors import NotFound
from notebook_agents.core.executions import Artifact
from notebook_agents.tasks.spec import EXECUTED, MEDIA_TYPES, SPEC, SPEC_ADAPTER, Spec


class Folders:
    """The folders below one root, each named after its execution."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def path(self, id: str) -> Path:
        """Where an execution's files are; ValueError unless it is one of our ids."""
        return self._root / str(uuid.UUID(id))

    def fill(self, id: str, spec: Spec) -> Path:
        """Make the folder, private, with what the child is told."""
        folder = self.path(id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / SPEC, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(SPEC_ADAPTER.dump_json(spec))
        return folder

    def executed(self, id: str) -> str:
        """The path of its executed notebook; empty when there is none."""
        path = self.path(id) / EXECUTED if id else Path()
        return str(path) if id and path.is_file() else ""

    def artifacts(self, id: str) -> Sequence[Artifact]:
        """What it has left."""
        folder = self.path(id)
        found = [(folder / name, kind) for name, kind in MEDIA_TYPES.items()]
        return tuple(
            Artifact(name=path.name, media_type=kind, size_bytes=path.stat().st_size)
            for path, kind in found
            if path.is_file() and not path.is_symlink()
        )

    def read(self, id: str, name: str) -> bytes:
        """One of these files; NotFound when it is not there."""
        path = self.path(id) / name
        if name not in MEDIA_TYPES or path.is_symlink() or not path.is_file():
            raise NotFound("artifact", name)
        return path.read_bytes()

    def remove(self, id: str) -> None:
        """Remove everything."""
        shutil.rmtree(self.path(id), ignore_errors=True)
