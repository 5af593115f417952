"""Agent C API Documentation: the body of its errors, which is a ``detail``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from notebook_agents.core.errors import NotebookAgentsError, NotFound

KINDS = {"conversation": "session"}
"""What the document calls an object of the core."""
NO_EVENTS = "No events found for session"


class ErrorAnswer(BaseModel):
    """Error Responses."""

    detail: str


def error_body(error: NotebookAgentsError, request_id: str, at: datetime) -> dict[str, Any]:  # noqa: ARG001
    """The body of an error."""
    if isinstance(error, NotFound) and error.kind == "events":
        return {"detail": f"{NO_EVENTS}: {error.why}" if error.why else NO_EVENTS}
    if isinstance(error, NotFound):
        return {"detail": f"{KINDS.get(error.kind, error.kind).capitalize()} not found"}
    return {"detail": error.message}
