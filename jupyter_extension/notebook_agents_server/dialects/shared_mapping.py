"""Between the core and the paths that two documents claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents_server.dialects import shared_wire

if TYPE_CHECKING:
    from notebook_agents.core.logins import IssuedTokens
    from notebook_agents.core.users import User

NUMBERED = "netra"
"""The dialect whose users are numbers."""


def user_to_wire(user: User, dialect: str) -> shared_wire.UserAnswer:
    """An account, for somebody who logged in through a dialect."""
    return shared_wire.UserAnswer(
        id=user.number if dialect == NUMBERED else user.id,
        username=user.username,
        email=user.email,
        name=user.name,
        picture=user.picture,
        is_active=user.is_active,
        is_admin=user.is_admin,
        created_at=user.created_at,
        updated_at=user.updated_at,
        last_login=user.last_login,
    )


def login_to_wire(user: User, tokens: IssuedTokens, dialect: str) -> shared_wire.LoginAnswer:
    """The tokens of a login, and whose they are."""
    return shared_wire.LoginAnswer(
        access_token=tokens.access,
        expires_in=tokens.expires_in_s,
        refresh_token=tokens.refresh,
        user=user_to_wire(user, dialect),
    )
