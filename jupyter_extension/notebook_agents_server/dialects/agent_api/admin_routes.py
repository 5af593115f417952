"""What administrators see of the AI-Agent-API-Service."""

from __future__ import annotations

from typing import ClassVar

from notebook_agents_server.base import BaseHandler, Dialect, Route
from notebook_agents_server.dialects.agent_api import admin_mapping, admin_wire
from notebook_agents_server.dialects.agent_api.dialect import AGENT_API
from notebook_agents_server.dialects.agent_api.paging import page_to_wire
from notebook_agents_server.operations import operation


class AdminHandler(BaseHandler):
    """A handler for administrators."""

    dialect: ClassVar[Dialect] = AGENT_API
    scope = "admin"


class Statistics(AdminHandler):
    """``GET /api/v1/admin/stats``."""

    endpoint = "/api/v1/admin/stats"

    @operation(answer=admin_wire.StatisticsAnswer)
    async def get(self) -> None:
        """Count users, sessions, requests and costs; for administrators."""
        overview = await self.core.overviews.read(self.actor)
        n_calls = (await self.services.requests.figures(self.core)).n_requests_today
        self.reply(admin_mapping.statistics_to_wire(overview, n_calls))


class Users(AdminHandler):
    """``GET /api/v1/admin/users``."""

    endpoint = "/api/v1/admin/users"

    @operation(answer=admin_wire.UsersAnswer, query=admin_wire.UsersQuery)
    async def get(self) -> None:
        """List accounts, the oldest first; for administrators."""
        query = self.parse_query(admin_wire.UsersQuery)
        page = await self.core.users.list(self.actor, admin_mapping.users_from_wire(query))
        users = [admin_mapping.user_to_wire(user) for user in page.items]
        self.reply(page_to_wire(users, page, self.request.path, query))


ROUTES: list[Route] = [
    (r"/api/v1/admin/stats", Statistics),
    (r"/api/v1/admin/users", Users),
]
