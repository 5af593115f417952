"""Between Netra's wire and the core: accounts and logins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents_server.dialects.netra import auth_wire

if TYPE_CHECKING:
    from notebook_agents.core.logins import IssuedTokens
    from notebook_agents.core.users import User


def user_to_wire(user: User) -> auth_wire.UserAnswer:
    """An account."""
    return auth_wire.UserAnswer(
        id=user.number,
        email=user.email,
        name=user.name,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


def login_to_wire(user: User, tokens: IssuedTokens) -> auth_wire.LoginAnswer:
    """The tokens of a login, and whose they are."""
    return auth_wire.LoginAnswer(
        access_token=tokens.access,
        expires_in=tokens.expires_in_s,
        refresh_token=tokens.refresh,
        user=auth_wire.LoginUser(id=user.number, email=user.email, name=user.name),
    )


def external_login_to_wire(user: User, tokens: IssuedTokens) -> auth_wire.ExternalLoginAnswer:
    """The tokens of a login with an account of another service."""
    return auth_wire.ExternalLoginAnswer(
        access_token=tokens.access,
        expires_in=tokens.expires_in_s,
        refresh_token=tokens.refresh,
        user=auth_wire.ExternalUser(
            id=user.number, email=user.email, name=user.name, picture=user.picture
        ),
    )
