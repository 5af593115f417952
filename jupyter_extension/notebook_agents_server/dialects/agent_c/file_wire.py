"""Agent C API Documentation, Files."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from notebook_agents_server.bodies import Answer, Request


class UploadForm(Request):
    """``POST /api/v1/upload_file``."""

    ui_session_id: str
    file: bytes


class FileAnswer(Answer):
    """A file."""

    id: str
    filename: str
    mime_type: str
    """What its content says it is."""
    size: int
    """Bytes."""


class ListedFile(FileAnswer):
    """A file, and how far reading it is."""

    upload_time: AwareDatetime
    processed: bool
    """Whether its text can be used."""
    processing_status: Literal["pending", "processing", "completed", "failed"]
    processing_error: str | None
    processing_progress: float
    """From 0 to 1; an addition of ours."""


class FilesAnswer(Answer):
    """``GET /api/v1/files/{ui_session_id}``."""

    files: list[ListedFile]


class DeletedAnswer(Answer):
    """``DELETE /api/v1/files/{ui_session_id}/{file_id}``."""

    message: str
