"""Between AIMOS's wire and the core: accounts and logins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.users import CreateUser
from notebook_agents_server.dialects.aimos import auth_wire

if TYPE_CHECKING:
    from notebook_agents.core.logins import IssuedTokens
    from notebook_agents.core.users import User


def register_from_wire(body: auth_wire.RegisterRequest) -> CreateUser:
    """The wish for an account."""
    return CreateUser(username=body.username, email=body.email, password=body.password)


def user_to_wire(user: User) -> auth_wire.UserAnswer:
    """An account."""
    return auth_wire.UserAnswer(
        id=user.id,
        username=user.username,
        email=user.email,
        is_active=user.is_active,
        is_admin=user.is_admin,
        created_at=user.created_at,
        last_login=user.last_login,
    )


def login_to_wire(tokens: IssuedTokens) -> auth_wire.LoginAnswer:
    """The tokens of a login."""
    return auth_wire.LoginAnswer(
        access_token=tokens.access,
        expires_in=tokens.expires_in_s,
        refresh_token=tokens.refresh,
    )
