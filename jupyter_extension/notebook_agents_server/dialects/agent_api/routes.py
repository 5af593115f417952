"""The routes of the AI-Agent-API-Service, gathered; each resource has a file of its own."""

from __future__ import annotations

from notebook_agents_server.base import Route, UnknownPath
from notebook_agents_server.dialects.agent_api import (
    admin_routes,
    auth_routes,
    mcp_routes,
    monitoring_routes,
    report_routes,
    schedule_routes,
    session_archive_routes,
    session_query_routes,
    session_routes,
    sockets,
    task_routes,
    template_routes,
)
from notebook_agents_server.dialects.agent_api.dialect import AGENT_API


class Unknown(UnknownPath):
    """JSON 404 for the rest of this API's paths."""

    dialect = AGENT_API


ROUTES: list[Route] = [
    *session_routes.ROUTES,
    *session_query_routes.ROUTES,
    *session_archive_routes.ROUTES,
    *sockets.ROUTES,
    *template_routes.ROUTES,
    *auth_routes.ROUTES,
    *mcp_routes.ROUTES,
    *admin_routes.ROUTES,
    *monitoring_routes.ROUTES,
    *schedule_routes.ROUTES,
    *task_routes.ROUTES,
    *report_routes.ROUTES,
]
UNKNOWN: Route = (r"/api/v1/.+", Unknown)
"""Nothing broader: nothing of Jupyter's is there, and the rest of ``/api`` is its own."""
