"""AIMOS integration guide, Error Handling / Standard Error Responses."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from notebook_agents.core.errors import (
    Conflict,
    InvalidRequest,
    LimitExceeded,
    NotAuthenticated,
    NotebookAgentsError,
    NotFound,
)

REQUEST_PREFIX = "req_"
"""What the names of requests begin with that we gave ourselves."""


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class ErrorAnswer(BaseModel):
    """Error Handling / Standard Error Responses; more than ``detail`` where it helps."""

    detail: str
    type: Literal["validation_error", "invalid_request"] | None = None
    errors: list[FieldProblem] | None = None
    retry_after: int | None = None
    """Seconds."""
    error_id: str | None = None


def error_body(error: NotebookAgentsError, request_id: str, at: datetime) -> dict[str, Any]:  # noqa: ARG001
    """The body of an error; ``detail`` is always there."""
    if isinstance(error, InvalidRequest | Conflict):
        return _invalid(error)
    if isinstance(error, NotAuthenticated):
        return {"detail": "Invalid authentication credentials"}
    if isinstance(error, NotFound):
        return {"detail": f"{error.kind.capitalize()} not found"}
    if isinstance(error, LimitExceeded) and error.retry_after_s is not None:
        return {
            "detail": "Rate limit exceeded",
            "retry_after": max(1, math.ceil(error.retry_after_s)),
        }
    if type(error) is NotebookAgentsError:
        # 32 hex digits, a UUID, and how the server's log names the request.
        tracking = request_id.removeprefix(REQUEST_PREFIX)
        return {"detail": "Internal server error", "error_id": tracking}
    return {"detail": error.message}


def error_frame(error: NotebookAgentsError, request_id: str, at: datetime) -> dict[str, Any]:
    """The same as a message of the WebSocket, which all are a type and data."""
    return {"type": "error", "data": error_body(error, request_id, at)}


def _invalid(error: InvalidRequest | Conflict) -> dict[str, Any]:
    problems = error.problems if isinstance(error, InvalidRequest) else ()
    errors = [{"field": where, "message": what} for where, what in problems]
    field = error.details.get("field")
    if field and not errors:
        errors = [{"field": field, "message": error.details.get("reason", error.message)}]
    if not errors:
        return {"detail": error.message, "type": "invalid_request", "errors": []}
    return {"detail": "Invalid request data", "type": "validation_error", "errors": errors}
