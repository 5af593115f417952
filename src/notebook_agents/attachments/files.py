"""`AttachmentFolder`: files on disk, each in a folder of its own below its owner's.

No name that a person gave is part of a path here; only the copies that tools see have names, and
those are written so that a link which code of the sandbox put there is never followed.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar, cast

from notebook_agents.attachments import copies
from notebook_agents.attachments.extracting import Extractor, read_sections, write_sections
from notebook_agents.attachments.kinds import (
    PLAIN_TEXTS,
    SAMPLE_BYTES,
    UTF_8,
    encoding_of,
    kind_of,
)
from notebook_agents.core.attachments import joined

if TYPE_CHECKING:
    from notebook_agents.core.attachment_files import IncomingFile, Section
    from notebook_agents.core.attachments import Attachment

ORIGINAL, SECTIONS = "original", "sections.jsonl"
HALF_S = 24 * 3600.0
"""A half file that nobody wrote to for so long belongs to a process that died."""
T = TypeVar("T")


class FileOnItsWay:
    """Answers the core's IncomingFile with a file in a folder nobody else looks into."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digest = hashlib.sha256()
        self._file: IO[bytes] | None = path.open("xb")

    async def write(self, data: bytes) -> None:
        """Add to it."""
        await on_thread(lambda: self._write(data))

    async def digest(self) -> str:
        """End it; the SHA-256 of what it holds."""
        await on_thread(self._close)
        return self._digest.hexdigest()

    async def kind(self, name: str) -> str:
        """The media type that its content has; InvalidRequest when it is not accepted."""
        return await on_thread(lambda: kind_of(*self._samples(), name))

    async def discard(self) -> None:
        """Forget it, unless it was kept."""
        await on_thread(self._discard)

    def _write(self, data: bytes) -> None:
        if self._file is not None:
            self._digest.update(data)
            self._file.write(data)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _discard(self) -> None:
        self._close()
        self.path.unlink(missing_ok=True)

    def _samples(self) -> tuple[bytes, bytes]:
        self._close()
        with self.path.open("rb") as file:
            head = file.read(SAMPLE_BYTES)
            file.seek(max(self.path.stat().st_size - SAMPLE_BYTES, 0))
            return head, file.read(SAMPLE_BYTES)


class AttachmentFolder:
    """Answers the core's AttachmentFiles port."""

    def __init__(self, folder: Path, extractor: Extractor) -> None:
        self._folder = folder
        self._extractor = extractor

    async def receive(self) -> FileOnItsWay:
        """Begin a new file."""

        def begin() -> FileOnItsWay:
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            return FileOnItsWay(self._incoming / uuid.uuid4().hex)

        return await on_thread(begin)

    async def keep(self, incoming: IncomingFile, attachment: Attachment) -> None:
        """Keep what was received."""
        source, target = cast("FileOnItsWay", incoming).path, self.folder_of(attachment) / ORIGINAL

        def move() -> None:
            target.parent.mkdir(mode=0o700, parents=True)
            source.replace(target)

        await on_thread(move)

    async def has(self, attachment: Attachment) -> bool:
        """Whether it is below this server's home."""
        return await on_thread((self.folder_of(attachment) / ORIGINAL).is_file)

    async def publish(self, attachment: Attachment, workspace: str) -> str:
        """Put a copy where tools find it."""
        if not workspace:
            return ""
        source = self.folder_of(attachment) / ORIGINAL

        def put() -> str:
            is_text = attachment.mime_type in PLAIN_TEXTS
            encoding = encoding_of(source) if is_text else UTF_8
            # Tools read UTF-8; the original stays as it came.
            other = "" if encoding == UTF_8 else encoding
            return copies.put(workspace, attachment.name, source, encoding=other)

        return await on_thread(put)

    async def publish_text(self, attachment: Attachment, workspace: str) -> str:
        """The same for its text; empty also when the file is text itself."""
        if not attachment.path or attachment.mime_type in PLAIN_TEXTS or not workspace:
            return ""
        name = f"{Path(attachment.path).name}.txt"
        text = joined(await self.sections(attachment)).encode()
        return await on_thread(lambda: copies.put(workspace, name, text))

    async def read(self, attachment: Attachment, on_progress: Callable[[float], None]) -> int:
        """Read the text out of it and keep that."""
        folder = self.folder_of(attachment)
        sections = await self._extractor.sections(attachment, folder / ORIGINAL, on_progress)
        await on_thread(lambda: write_sections(folder / SECTIONS, sections))
        return sum(len(section.text) for section in sections)

    async def sections(self, attachment: Attachment) -> Sequence[Section]:
        """Its text; empty before it was read."""
        path = self.folder_of(attachment) / SECTIONS
        return await on_thread(lambda: read_sections(path))

    async def remove(self, attachment: Attachment, workspace: str) -> None:
        """Forget it, its text and its copies."""
        folder = self.folder_of(attachment)

        def forget() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            for path in filter(None, (attachment.path, attachment.text_path)):
                if workspace:
                    copies.remove(workspace, path)

        await on_thread(forget)

    async def sweep(self) -> None:
        """Forget what was never completely received."""

        def forget() -> None:
            if not self._incoming.is_dir():
                return
            for path in self._incoming.iterdir():
                if path.stat().st_mtime < time.time() - HALF_S:
                    path.unlink(missing_ok=True)

        await on_thread(forget)

    async def aclose(self) -> None:
        """Nothing runs here that does not end with the sandbox."""

    @property
    def _incoming(self) -> Path:
        return self._folder / "incoming"

    def folder_of(self, attachment: Attachment) -> Path:
        """Where all is that belongs to a file."""
        # Ids of owners come from outside under a Hub, so the folder is named after their digest.
        owner = hashlib.sha256(attachment.owner_id.encode()).hexdigest()[:32]
        return self._folder / owner / attachment.id


async def on_thread(work: Callable[[], T]) -> T:
    """Wait for work with files."""
    return await asyncio.get_running_loop().run_in_executor(None, work)
