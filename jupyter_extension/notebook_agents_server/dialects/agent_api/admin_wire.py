"""AI-Agent-API-Service, Admin Endpoints."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from notebook_agents_server.bodies import Answer
from notebook_agents_server.dialects.agent_api.paging import PageAnswer, PageQuery


class UserStatistics(Answer):
    """Accounts."""

    total: int
    active: int
    """Not disabled."""


class SessionStatistics(Answer):
    """Sessions of everybody."""

    total: int
    active: int
    by_status: dict[str, int]


class RunStatistics(Answer):
    """Queries that were answered since midnight in UTC, through any API."""

    today: int
    succeeded_today: int
    tokens_today: int


class CostStatistics(Answer):
    """What models cost since midnight in UTC; null where no price is known."""

    today_usd: float | None


class StatisticsAnswer(Answer):
    """GET /api/v1/admin/stats: response; the groups are an addition of ours."""

    total_users: int
    total_sessions: int
    active_sessions: int
    total_api_calls_today: int
    """Requests through any API, to all servers of this home, since midnight in UTC."""
    total_cost_today_usd: float | None
    """Null where no price is known."""
    users: UserStatistics
    sessions: SessionStatistics
    runs: RunStatistics
    cost: CostStatistics


class UsersQuery(PageQuery):
    """GET /api/v1/admin/users: query parameters."""

    role: Literal["user", "admin"] | None = None
    is_active: bool | None = None


class UserAnswer(Answer):
    """An account; the names and the time it was made are an addition of ours."""

    id: str
    email: str
    role: Literal["user", "admin"]
    is_active: bool
    last_login_at: AwareDatetime | None
    username: str
    full_name: str
    created_at: AwareDatetime


class UsersAnswer(PageAnswer[UserAnswer]):
    """GET /api/v1/admin/users: response."""
