"""Between Agent C's wire and the core: deleting all sessions."""

from __future__ import annotations

from notebook_agents_server.dialects.agent_c import clearing_wire


def cleared_to_wire(n_deleted: int) -> clearing_wire.ClearAnswer:
    """How many sessions there were."""
    return clearing_wire.ClearAnswer(
        message=f"Successfully deleted {n_deleted} sessions", deleted_count=n_deleted
    )
