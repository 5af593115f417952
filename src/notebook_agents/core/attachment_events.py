"""What happens to the files of conversations; neither their names nor their text are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

RemovalReason: TypeAlias = Literal["deleted", "expired", "conversation_deleted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReceived:
    """A file was given to the conversation."""

    attachment_id: str
    mime_type: str
    size_bytes: int
    type: Literal["file_received"] = "file_received"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """Reading its text ended."""

    attachment_id: str
    status: Literal["completed", "failed"]
    n_chars: int = 0
    duration_ms: float = 0.0
    error: str = ""
    type: Literal["file_read"] = "file_read"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRemoved:
    """It was removed with its text."""

    attachment_id: str
    reason: RemovalReason
    type: Literal["file_removed"] = "file_removed"
