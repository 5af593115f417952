"""The whole error tree of the product.

    NotebookAgentsError
    ├── InvalidRequest       the caller's input is wrong; names the field and the fix
    │   └── UrlDenied            nothing may be sent to that address
    │       └── RedirectDenied       nor to where an answer of another led
    ├── NotAuthenticated     no valid credential was given
    │   ├── CredentialExpired    it was valid once
    │   └── AccountDisabled      it is right, and its account is blocked
    ├── NotPermitted         the credential is valid but may not do this
    ├── NotFound             the object does not exist, or belongs to somebody else
    ├── Conflict             the object is in a state that does not allow this
    │   └── ApprovalInvalid      the answer is not to the call that would be made
    ├── LimitExceeded        a rate, size or budget limit was reached
    ├── ToolFailed           a tool ran and failed, was refused arguments, or ran out of time
    ├── SandboxUnavailable   the requested sandbox level cannot be enforced on this machine
    ├── EngineUnavailable    the inference worker is not there, or died while working
    └── Unsupported          a documented option that this deployment does not offer

Every class has a stable ``code``; servers map classes to statuses in exactly one place.
Control signals (a cancelled run, a pending approval) are not errors and live in ``runs``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class NotebookAgentsError(Exception):
    """Base of every error the product raises on purpose."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = {k: v for k, v in details.items() if v is not None}


class InvalidRequest(NotebookAgentsError):
    """The caller's input is wrong; ``field`` names where and ``reason`` says how to mend it."""

    code = "invalid_request"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        reason: str | None = None,
        problems: Sequence[tuple[str, str]] = (),
        position: int | None = None,
    ) -> None:
        """``position`` is where in the field, counted in characters from 0."""
        reason = reason or (message if field else None)
        super().__init__(message, field=field, reason=reason, position=position)
        self.problems = tuple(problems)
        """Every wrong field with what is wrong, where there may be several."""


class UrlDenied(InvalidRequest):
    """Nothing may be sent to that address; says why."""


class RedirectDenied(UrlDenied):
    """An answer led to an address where nothing may be sent; what it says of it is a stranger's."""


class NotAuthenticated(NotebookAgentsError):
    """No valid credential was given."""

    code = "not_authenticated"


class CredentialExpired(NotAuthenticated):
    """The credential was valid and is too old; logging in again helps."""


class AccountDisabled(NotAuthenticated):
    """The password is right and the account is blocked.

    It is told like any other wrong login, unless an API's document says otherwise.
    """


class NotPermitted(NotebookAgentsError):
    """The caller is known and may not do this."""

    code = "not_permitted"


class NotFound(NotebookAgentsError):
    """The object does not exist or is not the caller's."""

    code = "not_found"
    MAX_ID: ClassVar[int] = 80
    """Characters of an id that are told; ours are shorter, others need no echo."""

    def __init__(self, kind: str, id: str, why: str = "") -> None:
        id = id if len(id) <= self.MAX_ID else f"{id[: self.MAX_ID]}…"
        message = f"{kind} {id!r} was not found" + (f": {why}" if why else "")
        super().__init__(message, kind=kind, id=id)
        self.kind = kind
        self.why = why


class Conflict(NotebookAgentsError):
    """The object is in a state that does not allow this."""

    code = "conflict"


class ApprovalInvalid(Conflict):
    """A person's answer does not count: the call, the rules or the time are not those asked about.

    The call was not made; the run still waits, and can be told no.
    """

    code = "approval_invalid"


class LimitExceeded(NotebookAgentsError):
    """A rate, size or budget limit was reached; ``retry_after_s`` where waiting helps."""

    code = "limit_exceeded"

    def __init__(
        self, message: str, *, limit: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, limit=limit, retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


class ToolFailed(NotebookAgentsError):
    """A tool failed; ``reason`` is one of the result words of the sandbox (``TIMEOUT`` …)."""

    code = "tool_failed"

    def __init__(self, message: str, *, tool: str | None = None, reason: str | None = None) -> None:
        super().__init__(message, tool=tool, reason=reason)
        self.reason = reason


class SandboxUnavailable(NotebookAgentsError):
    """The level cannot be enforced here; details name the missing mechanism and the remedy."""

    code = "sandbox_unavailable"


class EngineUnavailable(NotebookAgentsError):
    """The model cannot be used now: not loaded, not on this machine, or the worker died."""

    code = "engine_unavailable"


class StorageUnavailable(NotebookAgentsError):
    """Records or events cannot be kept or read now: the disk is full, the database is locked."""

    code = "storage_unavailable"


class Unsupported(NotebookAgentsError):
    """A documented option that this deployment does not offer; says what would."""

    code = "unsupported"
