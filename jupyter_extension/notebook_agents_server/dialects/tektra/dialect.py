"""What the doors must know about Tektra."""

from __future__ import annotations

from notebook_agents_server.base import Dialect
from notebook_agents_server.dialects.tektra.mapping import error_body
from notebook_agents_server.dialects.tektra.system_wire import ErrorAnswer

TEKTRA = Dialect(
    name="tektra",
    error_body=error_body,
    title="Tektra AI Assistant",
    error_model=ErrorAnswer,
    limits={
        "authentication": "5/minute",
        "agent_creation": "10/minute",
        "conversations": "100/minute",
        "tool_execution": "50/minute",
        "model_queries": "200/minute",
    },
    retry_after_header="X-RateLimit-RetryAfter",
)
"""The document limits no logins; passwords are the same as those of the dialects that do."""
