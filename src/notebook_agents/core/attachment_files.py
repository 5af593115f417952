"""What attachments need from the outside: where files are kept, and how their text is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from notebook_agents.core.attachments import Attachment


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a text, and where in its file it stands."""

    place: str
    """Such as ``page 3``; empty for text that is counted in lines."""
    text: str


class FileUnreadable(Exception):
    """No text can be read out of a file; the message is for people."""


class IncomingFile(Protocol):
    """A file that is being received; nothing is left of it unless it is kept."""

    async def write(self, data: bytes) -> None:
        """Add to it."""
        ...

    async def digest(self) -> str:
        """End it; the SHA-256 of what it holds."""
        ...

    async def kind(self, name: str) -> str:
        """The media type that its content has; InvalidRequest when it is not accepted."""
        ...

    async def discard(self) -> None:
        """Forget it, unless it was kept."""
        ...


class AttachmentFiles(Protocol):
    """Where files and their texts are."""

    async def receive(self) -> IncomingFile:
        """Begin a new file."""
        ...

    async def keep(self, incoming: IncomingFile, attachment: Attachment) -> None:
        """Keep what was received."""
        ...

    async def has(self, attachment: Attachment) -> bool:
        """Whether it is here; servers with homes of their own share records, not files."""
        ...

    async def publish(self, attachment: Attachment, workspace: str) -> str:
        """Put a copy where tools find it; its path in the workspace, empty when it cannot be."""
        ...

    async def publish_text(self, attachment: Attachment, workspace: str) -> str:
        """The same for its text; empty also when the file is text itself."""
        ...

    async def read(self, attachment: Attachment, on_progress: Callable[[float], None]) -> int:
        """Read the text out of it and keep that; how many characters it has.

        Raises FileUnreadable.
        """
        ...

    async def sections(self, attachment: Attachment) -> Sequence[Section]:
        """Its text; empty before it was read."""
        ...

    async def remove(self, attachment: Attachment, workspace: str) -> None:
        """Forget it, its text and its copies."""
        ...

    async def sweep(self) -> None:
        """Forget what was never completely received."""
        ...

    async def aclose(self) -> None:
        """End what runs."""
        ...
