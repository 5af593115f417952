"""Between the AI-Agent-API-Service's wire and the core: what administrators see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.users import ListUsers
from notebook_agents_server.dialects.agent_api import admin_wire

if TYPE_CHECKING:
    from notebook_agents.core.overview import Overview
    from notebook_agents.core.users import User


def statistics_to_wire(overview: Overview, n_calls_today: int) -> admin_wire.StatisticsAnswer:
    """The counts of one moment, as the document names them and in groups."""
    today = overview.today
    return admin_wire.StatisticsAnswer(
        total_users=overview.n_users,
        total_sessions=overview.n_conversations,
        active_sessions=overview.n_at_work,
        total_api_calls_today=n_calls_today,
        total_cost_today_usd=today.cost_usd,
        users=admin_wire.UserStatistics(total=overview.n_users, active=overview.n_active_users),
        sessions=admin_wire.SessionStatistics(
            total=overview.n_conversations,
            active=overview.n_at_work,
            by_status=dict(overview.conversations),
        ),
        runs=admin_wire.RunStatistics(
            today=today.n_runs, succeeded_today=today.n_succeeded, tokens_today=today.n_tokens
        ),
        cost=admin_wire.CostStatistics(today_usd=today.cost_usd),
    )


def users_from_wire(query: admin_wire.UsersQuery) -> ListUsers:
    """Which accounts are wished for."""
    return ListUsers(
        is_admin=None if query.role is None else query.role == "admin",
        is_active=query.is_active,
        limit=query.limit,
        offset=query.skip,
    )


def user_to_wire(user: User) -> admin_wire.UserAnswer:
    """An account."""
    return admin_wire.UserAnswer(
        id=user.id,
        email=user.email,
        role=user.role,
        is_active=user.is_active,
        last_login_at=user.last_login,
        username=user.username,
        full_name=user.name,
        created_at=user.created_at,
    )
