"""What the account routes of all dialects share: logging in, going on, logging out, who am I.

A dialect's handler adds its bodies; a token from any of them is good everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_agents.core.errors import InvalidRequest, NotPermitted
from notebook_agents_server.base import BaseHandler
from notebook_agents_server.limits import AUTHENTICATION

if TYPE_CHECKING:
    from notebook_agents.core.logins import IssuedTokens
    from notebook_agents.core.users import CreateUser, User


class AccountHandler(BaseHandler):
    """A handler that works with logins."""

    async def log_out(self) -> None:
        """End the login of the token that asks."""
        await self.gatekeeper.log_out(self.given_credential())

    async def account(self) -> User:
        """The account of whoever asks."""
        return await self.core.users.get(self.actor.user_id)

    async def login_dialect(self) -> str:
        """Through which dialect whoever asks logged in; empty without a login."""
        return await self.gatekeeper.login_dialect(self.given_credential())


class EntranceHandler(AccountHandler):
    """A handler through which people come in; it counts who tries."""

    is_public = True
    limit_group = AUTHENTICATION

    async def log_in(self, name: str, password: str) -> tuple[User, IssuedTokens]:
        """Exchange a password for tokens."""
        if not self.services.allow_password_login:
            raise NotPermitted("password login is switched off here; use the Hub's tokens")
        await self.count_account(await self.core.users.name_behind(name))
        user = await self.core.users.authenticate(name, password)
        return user, await self.gatekeeper.log_in(user, self.dialect)

    async def register(self, wish: CreateUser) -> User:
        """Open an account for a stranger."""
        if not self.services.allow_registration:
            raise NotPermitted(
                "registration is switched off here; ask an administrator for an account"
            )
        return await self.core.users.register(wish)

    async def come_back(self, state: str, code: str, error: str) -> tuple[User, IssuedTokens]:
        """Complete a login with an account of another service."""
        if error or not code:
            raise InvalidRequest(
                f"the login was not completed: {error or 'no code came'}", field="code"
            )
        profile = await self.gatekeeper.oauth.finish(code=code, state=state)
        may_create = self.services.allow_registration
        user = await self.core.external_logins.enter(profile, may_create=may_create)
        return user, await self.gatekeeper.log_in(user, self.dialect)

    async def renew(self, refresh_token: str) -> tuple[User, IssuedTokens]:
        """Exchange a refresh token for new tokens; it is good once."""
        return await self.gatekeeper.renew(refresh_token, self.dialect)
