"""Agent C's routes: parse, call the core, reply."""

from __future__ import annotations

from notebook_agents_server.base import Route, UnknownPath
from notebook_agents_server.dialects.agent_c import (
    chat_routes,
    clearing_routes,
    event_routes,
    file_routes,
    health_routes,
    interaction_routes,
    model_routes,
    session_routes,
    tool_routes,
)
from notebook_agents_server.dialects.agent_c.dialect import AGENT_C


class Unknown(UnknownPath):
    """JSON 404 for the rest of Agent C's paths."""

    dialect = AGENT_C


ROUTES: list[Route] = [
    *session_routes.ROUTES,
    *chat_routes.ROUTES,
    *model_routes.ROUTES,
    *interaction_routes.ROUTES,
    *event_routes.ROUTES,
    *file_routes.ROUTES,
    *health_routes.ROUTES,
    *tool_routes.ROUTES,
    *clearing_routes.ROUTES,
]
FAMILIES = (
    "v1/approve",
    "v1/cancel",
    "v1/chat",
    "v1/chat_session_debug",
    "v1/debug_agent_state",
    "v1/events",
    "v1/files",
    "v1/get_agent_config",
    "v1/get_agent_tools",
    "v1/initialize",
    "v1/interactions",
    "v1/models",
    "v1/personas",
    "v1/tools",
    "v1/update_settings",
    "v1/update_tools",
    "v1/upload_file",
    "v1/verify_session",
    "v2",
)
UNKNOWN: Route = (rf"/api/(?:{'|'.join(FAMILIES)})/.+", Unknown)
"""Nothing broader: the rest of ``/api`` is Jupyter's own."""
