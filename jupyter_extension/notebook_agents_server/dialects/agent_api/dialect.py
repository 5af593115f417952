"""What the doors must know about the AI-Agent-API-Service."""

from __future__ import annotations

from notebook_agents.core.errors import (
    AccountDisabled,
    NotAuthenticated,
    NotebookAgentsError,
    NotFound,
    NotPermitted,
)
from notebook_agents_server.base import Dialect
from notebook_agents_server.dialects.agent_api.errors import (
    ErrorAnswer,
    error_body,
    is_validation,
)

API_VERSION = "1.0.0"
"""As the document names it."""
UNPROCESSABLE = 422
POLICY_VIOLATION = 1008
"""How a socket ends whose client may not have it."""


class AgentApiDialect(Dialect):
    """A dialect that tells wrong fields from requests that are wrong as a whole."""

    def status_of(self, error: NotebookAgentsError) -> int:
        """422 when fields do not validate; what cannot be executed otherwise is 400."""
        return UNPROCESSABLE if is_validation(error) else super().status_of(error)


AGENT_API = AgentApiDialect(
    name="agent_api",
    title="AI-Agent-API-Service",
    error_model=ErrorAnswer,
    error_body=error_body,
    statuses={AccountDisabled: 403},
    close_codes={
        NotAuthenticated: POLICY_VIOLATION,
        NotPermitted: POLICY_VIOLATION,
        NotFound: POLICY_VIOLATION,
    },
    refuses_after_handshake=True,
    token_lifetime_s=3600,
    limits={"general": "60/minute; 1000/hour", "authentication": "5/minute"},
)
