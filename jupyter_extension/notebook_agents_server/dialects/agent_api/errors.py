"""AI-Agent-API-Service, Common Response Schemas / Error Response, and Rate Limiting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel

from notebook_agents.core.errors import (
    AccountDisabled,
    Conflict,
    EngineUnavailable,
    InvalidRequest,
    LimitExceeded,
    NotAuthenticated,
    NotebookAgentsError,
    NotFound,
    NotPermitted,
    SandboxUnavailable,
    StorageUnavailable,
    ToolFailed,
    Unsupported,
)

CODES: Mapping[type[NotebookAgentsError], str] = {
    AccountDisabled: "ACCOUNT_DISABLED",
    NotAuthenticated: "UNAUTHORIZED",
    NotPermitted: "FORBIDDEN",
    NotFound: "NOT_FOUND",
    InvalidRequest: "BAD_REQUEST",
    Unsupported: "UNSUPPORTED",
    ToolFailed: "TOOL_FAILED",
    Conflict: "CONFLICT",
    LimitExceeded: "RATE_LIMIT_EXCEEDED",
    SandboxUnavailable: "SANDBOX_UNAVAILABLE",
    EngineUnavailable: "SERVICE_UNAVAILABLE",
    StorageUnavailable: "SERVICE_UNAVAILABLE",
}
INTERNAL = "INTERNAL_ERROR"
VALIDATION = "VALIDATION_ERROR"
TOO_LARGE = "PAYLOAD_TOO_LARGE"
KINDS: Mapping[str, str] = {"conversation": "session", "mcp server": "MCP server"}
"""What the document calls an object of the core."""


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class ErrorAnswer(BaseModel):
    """Error Response; ``errors`` beside a validation error, ``retry_after`` beside a 429."""

    detail: str
    error_code: str
    timestamp: AwareDatetime
    errors: list[FieldProblem] | None = None
    retry_after: int | None = None
    """Seconds."""


def is_validation(error: NotebookAgentsError) -> bool:
    """Whether a field of a request is wrong, and not the request as a whole."""
    return isinstance(error, InvalidRequest) and bool(error.problems or error.details.get("field"))


def error_body(error: NotebookAgentsError, request_id: str, at: datetime) -> dict[str, Any]:  # noqa: ARG001
    """The body of an error."""
    body: dict[str, Any] = {
        "detail": _detail(error),
        "error_code": _code(error),
        "timestamp": at.isoformat().replace("+00:00", "Z"),
    }
    if isinstance(error, LimitExceeded) and error.retry_after_s is not None:
        body["retry_after"] = _seconds(error.retry_after_s)
    if isinstance(error, InvalidRequest) and is_validation(error):
        field = str(error.details.get("field", ""))
        problems = error.problems or [(field, str(error.details.get("reason", error.message)))]
        body["errors"] = [{"field": where, "message": what} for where, what in problems]
    return body


def _code(error: NotebookAgentsError) -> str:
    if is_validation(error):
        return VALIDATION
    if error.details.get("limit") == "body_bytes":
        return TOO_LARGE
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), INTERNAL)


def _detail(error: NotebookAgentsError) -> str:
    if isinstance(error, NotFound):
        kind = KINDS.get(error.kind, error.kind)
        return f"{kind[:1].upper()}{kind[1:]} not found"
    if isinstance(error, AccountDisabled):
        return "Account disabled"
    if isinstance(error, LimitExceeded) and error.retry_after_s is not None:
        seconds = _seconds(error.retry_after_s)
        return f"Rate limit exceeded. Please try again in {seconds} seconds."
    return error.message


def _seconds(retry_after_s: float) -> int:
    return max(1, math.ceil(retry_after_s))
