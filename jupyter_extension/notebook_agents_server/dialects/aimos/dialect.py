"""What the doors must know about AIMOS."""

from __future__ import annotations

from notebook_agents.core.errors import Conflict
from notebook_agents_server.base import Dialect
from notebook_agents_server.dialects.aimos.errors import ErrorAnswer, error_body, error_frame

AIMOS = Dialect(
    name="aimos",
    title="AI Operating System",
    error_model=ErrorAnswer,
    error_body=error_body,
    error_frame=error_frame,
    statuses={Conflict: 400},
    token_lifetime_s=1800,
    refuses_after_handshake=True,
    limits={
        "general": "100/minute",
        "general_admin": "200/minute",
        "connections": "100",
        "authentication": "5/minute",
    },
)
"""The document knows no 409: what is taken is a wrong request."""
