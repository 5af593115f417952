"""What the doors must know about Netra."""

from __future__ import annotations

from collections.abc import Mapping

from notebook_agents.core.errors import (
    CredentialExpired,
    LimitExceeded,
    NotAuthenticated,
    NotebookAgentsError,
)
from notebook_agents_server.base import Dialect
from notebook_agents_server.dialects.netra.errors import (
    BinaryMessage,
    error_body,
    error_frame,
    is_validation,
)
from notebook_agents_server.dialects.netra.wire import ErrorAnswer
from notebook_agents_server.sockets import MalformedFrame, RateExceeded

API_VERSION = "2.0.0"
"""Versioning, and what ``/health`` says."""
UNPROCESSABLE = 422
POLICY_VIOLATION = 1008
CLOSE_CODES: Mapping[int, str] = {
    1000: "Normal closure",
    1001: "Going away",
    1002: "Protocol error",
    1003: "Unsupported data",
    1006: "Abnormal closure",
    1007: "Invalid frame payload",
    1008: "Policy violation",
    1009: "Message too big",
    1011: "Internal server error",
    4000: "Authentication failed",
    4001: "Token expired",
    4002: "Invalid message format",
    4003: "Rate limit exceeded",
}
"""WebSocket Error Codes."""


class NetraDialect(Dialect):
    """A dialect that tells wrong fields from requests that are wrong as a whole."""

    def status_of(self, error: NotebookAgentsError) -> int:
        """422 when fields do not validate; what cannot be executed otherwise is 400."""
        return UNPROCESSABLE if is_validation(error) else super().status_of(error)


NETRA = NetraDialect(
    name="netra",
    title="Netra AI Optimization Platform",
    error_model=ErrorAnswer,
    error_body=error_body,
    error_frame=error_frame,
    close_codes={
        NotAuthenticated: 4000,
        CredentialExpired: 4001,
        MalformedFrame: 4002,
        RateExceeded: 4003,
        BinaryMessage: 1003,
        LimitExceeded: POLICY_VIOLATION,
        NotebookAgentsError: POLICY_VIOLATION,
    },
    ends_sockets=(MalformedFrame, RateExceeded, BinaryMessage),
    refuses_after_handshake=True,
    limits={
        "authentication": "5/minute",
        "agent_execution": "10/minute",
        "general": "100/minute",
        "messages": "30/minute",
    },
    headers={"X-API-Version": API_VERSION},
)
