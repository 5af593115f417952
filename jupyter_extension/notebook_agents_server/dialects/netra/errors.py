"""Netra API Reference, Error Responses: the body, the frame and the codes of errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from notebook_agents.core.errors import (
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
    NotAuthenticated: "UNAUTHORIZED",
    NotPermitted: "FORBIDDEN",
    NotFound: "NOT_FOUND",
    InvalidRequest: "INVALID_REQUEST",
    Unsupported: "INVALID_REQUEST",
    ToolFailed: "PROCESSING_ERROR",
    Conflict: "CONFLICT",
    LimitExceeded: "RATE_LIMITED",
    SandboxUnavailable: "SERVICE_UNAVAILABLE",
    EngineUnavailable: "SERVICE_UNAVAILABLE",
    StorageUnavailable: "SERVICE_UNAVAILABLE",
}
INTERNAL = "INTERNAL_ERROR"
VALIDATION = "VALIDATION_ERROR"
TOO_LARGE = "PAYLOAD_TOO_LARGE"
HINTS: Mapping[str, str] = {
    "UNAUTHORIZED": "log in and connect again with ?token=<jwt_token>",
    "FORBIDDEN": "use a credential that may do this",
    "NOT_FOUND": "check the id; what belongs to somebody else is not found either",
    "INVALID_REQUEST": "correct the request and send it again",
    VALIDATION: "correct the message and send it again; the connection stays open",
    TOO_LARGE: "send less at once",
    "PROCESSING_ERROR": "send the request again",
    "CONFLICT": "nothing was changed; GET /api/agent/status/{run_id} says how a run is",
    "RATE_LIMITED": "wait a minute before sending more",
    "SERVICE_UNAVAILABLE": "try again later",
    INTERNAL: "the server's log says more under this request_id",
}
"""What to do, where an error says nothing beyond its message; on the socket only."""
KINDS: Mapping[str, str] = {"conversation": "thread"}
"""What the document calls an object of the core."""


class BinaryMessage(Unsupported):
    """A client sent bytes, where every message is JSON in text."""


def is_validation(error: NotebookAgentsError) -> bool:
    """Whether fields of a request are wrong, and not the request as a whole."""
    return isinstance(error, InvalidRequest) and bool(error.problems)


def error_code(error: NotebookAgentsError) -> str:
    """Error Responses / Common Error Codes."""
    if is_validation(error):
        return VALIDATION
    if error.details.get("limit") == "body_bytes":
        return TOO_LARGE
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), INTERNAL)


def error_message(error: NotebookAgentsError) -> str:
    """What is wrong, in the document's words."""
    if isinstance(error, NotFound):
        return f"{KINDS.get(error.kind, error.kind).capitalize()} not found"
    return error.message


def error_body(error: NotebookAgentsError, request_id: str, at: datetime) -> dict[str, Any]:  # noqa: ARG001
    """Error Responses / Standard error response format."""
    shown = {
        "code": error_code(error),
        "message": error_message(error),
        "details": _details(error),
    }
    return {"error": shown, "request_id": request_id}


def error_frame(error: NotebookAgentsError, request_id: str, at: datetime) -> dict[str, Any]:
    """WebSocket API / error; its details are a text."""
    details = _details(error)
    message = error_message(error)
    more = str(details.get("reason") or error.message)
    data = {
        "code": error_code(error),
        "message": message,
        "details": more if more != message else HINTS.get(error_code(error), HINTS[INTERNAL]),
        "request_id": request_id,
    }
    if field := details.get("field"):
        data["field"] = field
    return {
        "type": "error",
        "data": data,
        "timestamp": at.isoformat().replace("+00:00", "Z"),
    }


def _details(error: NotebookAgentsError) -> dict[str, Any]:
    details = dict(error.details)
    if "kind" in details:
        details["kind"] = KINDS.get(str(details["kind"]), details["kind"])
    if isinstance(error, InvalidRequest) and len(error.problems) > 1:
        details["fields"] = dict(error.problems)
    return details
