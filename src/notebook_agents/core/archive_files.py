"""Packed folders: gzip-compressed tar files, the same bytes for the same files.

Names, times and contents are kept; owners and groups are not.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import tarfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from notebook_agents.core.errors import Conflict
from notebook_agents.core.folders import FolderFile, FolderLimits, regular_files

LISTED_FILES = 1000
"""Files that are told by name; an archive may have more."""
CHUNK_BYTES = 1 << 20
STALE_S = 3600.0
"""A packed folder that is older and not kept yet is what a process left that died."""
_COMPRESSION = 6
_PACKED = ".part"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedFile:
    """A file of an archive."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What became of a folder."""

    size_bytes: int
    """Of the archive."""
    sha256: str
    """Of the archive."""
    n_files: int
    content_bytes: int
    """Of all files before compression."""
    files: tuple[PackedFile, ...]
    """The first of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The packed folder of a conversation; goes with the conversation."""

    id: str
    owner_id: str
    conversation_id: str
    path: str
    """Absolute."""
    size_bytes: int
    sha256: str
    n_files: int
    content_bytes: int
    """Of all files before compression."""
    files: tuple[PackedFile, ...]
    """The first of them."""
    created_at: datetime


class ArchiveFiles:
    """Keeps packed folders in a folder of its own; all file work happens on a thread."""

    def __init__(self, root: Path, limits: FolderLimits | None = None) -> None:
        self._root = root.absolute()
        self._limits = limits or FolderLimits()

    def path(self, id: str) -> str:
        """Where the archive of that id is kept."""
        return str(self._root / f"{id}.tar.gz")

    async def pack(self, id: str, folder: str) -> Packed:
        """Pack a folder, for `keep` to keep.

        Raises InvalidRequest when it is too large, Conflict when a file changes meanwhile.
        """
        return await _on_thread(partial(self._pack, id, folder))

    async def keep(self, id: str) -> None:
        """From now on this is an archive; nothing happens when it is one already."""
        await _on_thread(partial(self._keep, id))

    async def remove(self, id: str) -> None:
        """Forget an archive; nothing happens when it is gone."""
        await _on_thread(partial(self._remove, id))

    async def stale(self) -> tuple[str, ...]:
        """The ids of what was packed a while ago and never kept."""
        return await _on_thread(self._stale)

    async def chunks(self, id: str) -> AsyncGenerator[bytes, None]:
        """The bytes of an archive; Conflict when the file is gone."""
        await self.keep(id)  # whoever packed it may have died before
        position = 0
        while chunk := await _on_thread(partial(self._read, id, position)):
            position += len(chunk)
            yield chunk

    def _packed(self, id: str) -> Path:
        return self._root / f"{id}{_PACKED}"

    def _keep(self, id: str) -> None:
        with suppress(FileNotFoundError):
            self._packed(id).replace(self.path(id))

    def _remove(self, id: str) -> None:
        for path in (self._packed(id), Path(self.path(id))):
            path.unlink(missing_ok=True)

    def _stale(self) -> tuple[str, ...]:
        ids = []
        for path in self._root.glob(f"*{_PACKED}"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > STALE_S:
                    ids.append(path.name.removesuffix(_PACKED))
        return tuple(ids)

    def _read(self, id: str, position: int) -> bytes:
        try:
            with Path(self.path(id)).open("rb") as file:
                file.seek(position)
                return file.read(CHUNK_BYTES)
        except FileNotFoundError:
            raise Conflict("the file of this archive is no longer there") from None

    def _pack(self, id: str, folder: str) -> Packed:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._packed(id)
        try:
            with open(path, "wb", opener=_private) as file:
                files = _write_tar(file, folder, self._limits)
            return _described(path, files)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_tar(target: BinaryIO, folder: str, limits: FolderLimits) -> list[PackedFile]:
    files = []
    # Without a name and a time of its own, so that the same files give the same bytes.
    with (
        gzip.GzipFile("", "wb", _COMPRESSION, target, mtime=0) as packer,
        tarfile.open(fileobj=packer, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for file in regular_files(folder, limits):
            try:
                archive.addfile(_header(file), file.content)
            except OSError as error:
                raise Conflict(f"a file changed while it was packed: {error}") from error
            files.append(PackedFile(path=_printable(file.path), size_bytes=file.size_bytes))
    return files


def _header(file: FolderFile) -> tarfile.TarInfo:
    header = tarfile.TarInfo(file.path)
    header.size, header.mtime = file.size_bytes, file.modified_s
    header.mode = 0o755 if file.is_executable else 0o644
    return header


def _printable(path: str) -> str:
    """A file name may be no text; JSON and databases take text only."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


def _described(path: Path, files: list[PackedFile]) -> Packed:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Packed(
        size_bytes=path.stat().st_size,
        sha256=digest,
        n_files=len(files),
        content_bytes=sum(file.size_bytes for file in files),
        files=tuple(files[:LISTED_FILES]),
    )


async def _on_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
