"""What the doors must know about Agent C."""

from __future__ import annotations

from notebook_agents_server.base import Dialect
from notebook_agents_server.dialects.agent_c.errors import ErrorAnswer, error_body

AGENT_C = Dialect(
    name="agent_c",
    title="Agent C API",
    error_model=ErrorAnswer,
    error_body=error_body,
)
"""The document has no limits of its own; those of passwords hold everywhere."""
