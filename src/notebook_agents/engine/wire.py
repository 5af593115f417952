"""Errors between the worker and its clients, and lines read back.

An error before the first chunk of a stream is a status with ``{code, message, details}``; a later
one is the last line. Values and lines are those of `core.engine_wire`.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from notebook_agents.core import engine_wire, errors
from notebook_agents.core.errors import NotebookAgentsError
from notebook_agents.core.models import GenerateChunk

_STATUS: dict[type[NotebookAgentsError], int] = {
    errors.InvalidRequest: 400,
    errors.NotAuthenticated: 401,
    errors.NotPermitted: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LimitExceeded: 429,
    errors.Unsupported: 501,
    errors.EngineUnavailable: 503,
}
_BY_CODE = {cls.code: cls for cls in _STATUS}


def status_of(error: NotebookAgentsError) -> int:
    """The HTTP status of an error."""
    return _STATUS.get(type(error), 500)


def error_to_wire(error: NotebookAgentsError) -> dict[str, Any]:
    """``{code, message, details}``."""
    return {"code": error.code, "message": error.message, "details": dict(error.details)}


def error_from_wire(body: dict[str, Any]) -> NotebookAgentsError:
    """The core error that was written; one nobody knows is an EngineUnavailable."""
    cls = _BY_CODE.get(body.get("code", ""), errors.EngineUnavailable)
    details: dict[str, Any] = dict(body.get("details") or {})
    if cls is errors.NotFound:
        return errors.NotFound(str(details.get("kind", "object")), str(details.get("id", "")))
    return cls(str(body.get("message", "")), **details)


def error_line(error: NotebookAgentsError) -> bytes:
    """The last line of a stream that failed."""
    return engine_wire.error_line(error_to_wire(error))


def chunk_from_line(line: str | bytes) -> GenerateChunk:
    """Read one line back; raises the error that an error line carries."""
    value = from_json(line)
    if value.get("type") == "error":
        raise error_from_wire(value)
    return engine_wire.CHUNK.validate_python(value)
