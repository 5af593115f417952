"""How errors look from outside: the only map from the error tree to HTTP and close codes.

A dialect gives bodies, never statuses; where its document names another status for a class of
errors, the deviation is data in its `Dialect` value. Errors that are not ours are logged once and
answered as "internal error": no traceback, path or prompt leaves the server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from pydantic import AwareDatetime, BaseModel, ValidationError
from pydantic_core import ErrorDetails
from tornado.web import HTTPError

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
from notebook_agents.core.redaction import Redactor
from notebook_agents_server.json_texts import refuse_ambiguous

ErrorClass = type[NotebookAgentsError]
ErrorBody = Callable[[NotebookAgentsError, str, datetime], dict[str, Any]]
"""An error, the name of its request and the time, as a dialect writes them."""

STATUSES: Mapping[ErrorClass, int] = {
    InvalidRequest: 400,
    Unsupported: 400,
    ToolFailed: 400,
    NotAuthenticated: 401,
    NotPermitted: 403,
    NotFound: 404,
    Conflict: 409,
    LimitExceeded: 429,
    SandboxUnavailable: 503,
    EngineUnavailable: 503,
    StorageUnavailable: 503,
}
CLOSE_CODES: Mapping[ErrorClass, int] = {
    NotAuthenticated: 4401,
    NotPermitted: 4403,
    NotFound: 4404,
    LimitExceeded: 1013,
}
"""How a socket ends whose reason to be is gone; a wrong frame does not end it."""
OTHER_CLOSE_CODE = 4400
INTERNAL_STATUS = 500
INTERNAL_CLOSE_CODE = 1011
TOO_LARGE_STATUS = 413
NUL_REFUSED = "text must not contain the character NUL (U+0000)"
_ESCAPE = rb"\u0000"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""Its escape in JSON, but not one that is escaped itself."""


class MalformedFrame(InvalidRequest):
    """A client sent over a socket what is no JSON."""


class RateExceeded(LimitExceeded):
    """A client asked too often."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message, limit="rate", retry_after_s=retry_after_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error on its way out."""

    error: NotebookAgentsError
    status: int
    request_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What the doors must know about a wire API."""

    name: str
    error_body: ErrorBody
    error_frame: ErrorBody | None = None
    """How a socket says it; the body with ``type: error`` when the document is silent."""
    statuses: Mapping[ErrorClass, int] = field(default_factory=dict)
    """Where the document deviates from `STATUSES`."""
    close_codes: Mapping[ErrorClass, int] = field(default_factory=dict)
    """Where the document deviates from `CLOSE_CODES`."""
    limits: Mapping[str, str] = field(default_factory=dict)
    """The document's rate limits: a group of requests and what it allows, see `limits`."""
    ends_sockets: tuple[ErrorClass, ...] = ()
    """Errors that end a socket although its client could go on, such as `RateExceeded`."""
    refuses_after_handshake: bool = False
    """Whether a socket is accepted before it is refused: a browser sees no other reason."""
    retry_after_header: str = ""
    """Another name for ``Retry-After``, where the document has one."""
    token_lifetime_s: int | None = None
    """How long the tokens of its login are valid, where the document says it."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What every answer carries beside the headers of all dialects."""
    title: str = ""
    """What its API documents are called."""
    error_model: type[BaseModel] | None = None
    """The shape of `error_body`, for the API documents."""

    def status_of(self, error: NotebookAgentsError) -> int:
        """The HTTP status of an error."""
        return _lookup(error, (self.statuses, STATUSES)) or INTERNAL_STATUS

    def close_code_of(self, error: NotebookAgentsError) -> int:
        """The close code of an error that ends a socket."""
        return _lookup(error, (self.close_codes, CLOSE_CODES)) or OTHER_CLOSE_CODE

    def body_of(self, failure: Failure) -> dict[str, Any]:
        """The error as the body of an answer."""
        return self.error_body(failure.error, failure.request_id, failure.at)

    def frame_of(self, failure: Failure) -> dict[str, Any]:
        """The error as a frame of a socket."""
        if self.error_frame is not None:
            return self.error_frame(failure.error, failure.request_id, failure.at)
        return {"type": "error", **self.body_of(failure)}


def plain_body(error: NotebookAgentsError, request_id: str, at: datetime) -> dict[str, Any]:
    """The error of a route that belongs to no dialect."""
    return {
        "code": error.code,
        "message": error.message,
        "details": dict(error.details),
        "request_id": request_id,
        "timestamp": at.isoformat().replace("+00:00", "Z"),
    }


class PlainError(BaseModel):
    """An error of a route that belongs to no dialect."""

    code: str
    message: str
    details: dict[str, Any]
    request_id: str
    timestamp: AwareDatetime


PLAIN = Dialect(
    name="notebook-agents",
    error_body=plain_body,
    title="notebook-agents",
    error_model=PlainError,
)


def translate(error: BaseException, dialect: Dialect) -> tuple[NotebookAgentsError, int, bool]:
    """The error to show, its status, and whether it is ours (else it must be logged)."""
    if isinstance(error, NotebookAgentsError):
        return error, dialect.status_of(error), True
    if isinstance(error, HTTPError):
        return _from_http(error), error.status_code, True
    return NotebookAgentsError("internal error"), INTERNAL_STATUS, False


def without_secrets(error: NotebookAgentsError, redactor: Redactor) -> NotebookAgentsError:
    """The same error; where its words hold a secret, a copy without it."""
    said, told = vars(error), redactor.value(vars(error))
    if told == said:
        return error
    shown = type(error).__new__(type(error))  # its constructor may want other arguments
    vars(shown).update(told)
    return shown


@contextmanager
def reading(said: str | bytes = "") -> Iterator[None]:
    """Read what a client sent: what does not validate is the client's mistake.

    Only here; a value of ours that does not validate is ours. ``said`` is JSON, in which no text
    may have the character NUL: not every database keeps it.
    """
    content = said if isinstance(said, bytes) else said.encode(errors="replace")
    if _has_nul(content):
        raise InvalidRequest(NUL_REFUSED)
    refuse_ambiguous(content)
    try:
        yield
    except ValidationError as error:
        raise invalid_request(error) from None


def _has_nul(said: bytes) -> bool:
    return _ESCAPE in said and _NUL.search(said) is not None


def invalid_request(error: ValidationError) -> InvalidRequest:
    """The problems of a body or query, the first in words, with the names of their fields."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    first = problems[0]
    found = [(".".join(map(str, problem["loc"])), _said(problem)) for problem in problems]
    where, what = found[0]
    if first["type"] == "extra_forbidden":
        return InvalidRequest(f"unknown field {where!r}", field=where, reason=what, problems=found)
    if not where:
        return InvalidRequest(f"the request is not valid: {what}")
    more = f" (and {len(found) - 1} more problems)" if len(found) > 1 else ""
    return InvalidRequest(
        f"field {where!r}: {what}{more}", field=where, reason=what, problems=found
    )


def _said(problem: ErrorDetails) -> str:
    return "unknown field" if problem["type"] == "extra_forbidden" else problem["msg"]


def error_of_code(code: str, message: str) -> NotebookAgentsError:
    """The error that a failed run recorded, as an error again."""
    if code == NotFound.code:
        return InvalidRequest(message)
    for kind in _all_kinds(NotebookAgentsError):
        if kind.code == code:
            return kind(message)
    return NotebookAgentsError(message or "internal error")


def _all_kinds(kind: ErrorClass) -> list[ErrorClass]:
    return [kind] + [deep for child in kind.__subclasses__() for deep in _all_kinds(child)]


def _lookup(error: NotebookAgentsError, tables: tuple[Mapping[ErrorClass, int], ...]) -> int | None:
    for table in tables:
        for kind in type(error).__mro__:
            if kind in table:
                return table[kind]
    return None


def _from_http(error: HTTPError) -> NotebookAgentsError:
    message = error.log_message or error.reason or _phrase(error.status_code)
    if error.status_code == TOO_LARGE_STATUS:
        return LimitExceeded(message, limit="body_bytes")
    kinds: dict[int, ErrorClass] = {401: NotAuthenticated, 403: NotPermitted, 409: Conflict}
    if error.status_code == HTTPStatus.NOT_FOUND:
        return NotFound("path", message)
    if error.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        return EngineUnavailable(message)
    if error.status_code in kinds:
        return kinds[error.status_code](message)
    if error.status_code < INTERNAL_STATUS:
        return InvalidRequest(message)
    return NotebookAgentsError("internal error")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "the request failed"
