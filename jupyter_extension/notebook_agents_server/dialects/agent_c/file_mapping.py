"""Between the wire and the core's attachments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from notebook_agents_server.dialects.agent_c import file_wire

if TYPE_CHECKING:
    from notebook_agents.core.attachments import Attachment


def file_to_wire(attachment: Attachment) -> file_wire.FileAnswer:
    """A file."""
    return file_wire.FileAnswer(**_facts(attachment))


def files_to_wire(attachments: Iterable[Attachment]) -> file_wire.FilesAnswer:
    """The files of a session."""
    return file_wire.FilesAnswer(files=[_listed(attachment) for attachment in attachments])


def deleted_to_wire(attachment: Attachment) -> file_wire.DeletedAnswer:
    """That a file is gone."""
    return file_wire.DeletedAnswer(message=f"File {attachment.name} deleted successfully")


def _listed(attachment: Attachment) -> file_wire.ListedFile:
    return file_wire.ListedFile(
        **_facts(attachment),
        upload_time=attachment.created_at,
        processed=attachment.status == "completed",
        processing_status=attachment.status,
        processing_error=attachment.error or None,
        processing_progress=attachment.progress,
    )


def _facts(attachment: Attachment) -> dict[str, Any]:
    return {
        "id": attachment.id,
        "filename": attachment.name,
        "mime_type": attachment.mime_type,
        "size": attachment.size_bytes,
    }
