"""Files of conversations in memory: every one is text, and is read at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from notebook_agents.core.attachment_files import FileUnreadable, IncomingFile, Section
from notebook_agents.core.attachments import Attachment
from notebook_agents.core.errors import InvalidRequest


@dataclass(slots=True)
class FileInMemory:
    """Answers the IncomingFile port."""

    content: bytes = b""
    is_discarded: bool = False

    async def write(self, data: bytes) -> None:
        """Add to it."""
        self.content += data

    async def digest(self) -> str:
        """The SHA-256 of what it holds."""
        return hashlib.sha256(self.content).hexdigest()

    async def kind(self, name: str) -> str:
        """Plain text, or a refusal of what is not UTF-8."""
        try:
            self.content.decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f"{name!r} is not accepted", field="file") from None
        return "text/plain"

    async def discard(self) -> None:
        """Mark it."""
        self.is_discarded = True


@dataclass(slots=True)
class MemoryFiles:
    """Answers the AttachmentFiles port; a file that says ``unreadable`` cannot be read."""

    contents: dict[str, bytes] = field(default_factory=dict)
    received: list[FileInMemory] = field(default_factory=list)
    _texts: dict[str, list[Section]] = field(default_factory=dict)

    async def receive(self) -> FileInMemory:
        """Begin a new file."""
        self.received.append(FileInMemory())
        return self.received[-1]

    async def keep(self, incoming: IncomingFile, attachment: Attachment) -> None:
        """Keep what was received."""
        assert isinstance(incoming, FileInMemory)
        self.contents[attachment.id] = incoming.content

    async def has(self, attachment: Attachment) -> bool:
        """Whether it was kept."""
        return attachment.id in self.contents

    async def publish(self, attachment: Attachment, workspace: str) -> str:
        """Say where a copy would be."""
        return f"uploads/{attachment.name}" if workspace else ""

    async def publish_text(self, attachment: Attachment, workspace: str) -> str:
        """Every file is text itself."""
        return ""

    async def read(self, attachment: Attachment, on_progress: Callable[[float], None]) -> int:
        """Decode it."""
        on_progress(0.5)
        text = self.contents[attachment.id].decode()
        if text.startswith("unreadable"):
            raise FileUnreadable(text)
        self._texts[attachment.id] = [Section("", text)]
        return len(text)

    async def sections(self, attachment: Attachment) -> Sequence[Section]:
        """Its text."""
        return self._texts.get(attachment.id, ())

    async def remove(self, attachment: Attachment, workspace: str) -> None:
        """Forget it."""
        self.contents.pop(attachment.id, None)
        self._texts.pop(attachment.id, None)

    async def sweep(self) -> None:
        """Nothing is half."""

    async def aclose(self) -> None:
        """Nothing runs."""
