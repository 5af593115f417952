"""Between the AI-Agent-API-Service's wire and the core: accounts and logins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.users import CreateUser
from notebook_agents_server.dialects.agent_api import auth_wire

if TYPE_CHECKING:
    from notebook_agents.core.logins import IssuedTokens
    from notebook_agents.core.users import User


def register_from_wire(body: auth_wire.RegisterRequest) -> CreateUser:
    """The wish for an account."""
    return CreateUser(
        username=body.username, email=body.email, password=body.password, name=body.full_name
    )


def registered_to_wire(user: User) -> auth_wire.RegisterAnswer:
    """A new account."""
    return auth_wire.RegisterAnswer(
        id=user.id,
        email=user.email,
        username=user.username,
        role=user.role,
        created_at=user.created_at,
        full_name=user.name,
    )


def login_to_wire(tokens: IssuedTokens) -> auth_wire.LoginAnswer:
    """The tokens of a login."""
    return auth_wire.LoginAnswer(
        access_token=tokens.access,
        expires_in=tokens.expires_in_s,
        refresh_token=tokens.refresh,
    )
