"""Netra's accounts: login, logout, me and Google as documented; refresh is ours."""

from __future__ import annotations

from typing import ClassVar

from notebook_agents_server.accounts import AccountHandler, EntranceHandler
from notebook_agents_server.base import Dialect, Route
from notebook_agents_server.dialects.netra import auth_mapping, auth_wire
from notebook_agents_server.dialects.netra.dialect import NETRA
from notebook_agents_server.operations import operation


class NetraEntrance(EntranceHandler):
    """A handler through which people come in, as Netra documents it."""

    dialect: ClassVar[Dialect] = NETRA


class Login(NetraEntrance):
    """``POST /api/auth/login``."""

    @operation(body=auth_wire.LoginRequest, answer=auth_wire.LoginAnswer, errors=(401, 403, 422))
    async def post(self) -> None:
        """Exchange e-mail and password for a token."""
        body = self.parse(auth_wire.LoginRequest)
        user, tokens = await self.log_in(body.email, body.password)
        self.reply(auth_mapping.login_to_wire(user, tokens))


class Refresh(NetraEntrance):
    """``POST /api/auth/refresh``."""

    @operation(body=auth_wire.RefreshRequest, answer=auth_wire.LoginAnswer, errors=(401, 422))
    async def post(self) -> None:
        """Exchange a refresh token for new tokens; it is good once."""
        body = self.parse(auth_wire.RefreshRequest)
        user, tokens = await self.renew(body.refresh_token)
        self.reply(auth_mapping.login_to_wire(user, tokens))


class Logout(AccountHandler):
    """``POST /api/auth/logout``."""

    dialect: ClassVar[Dialect] = NETRA

    @operation(answer=auth_wire.MessageAnswer, errors=(400,))
    async def post(self) -> None:
        """Logout the current user."""
        await self.log_out()
        self.reply(auth_wire.MessageAnswer(message="Successfully logged out"))


class Me(AccountHandler):
    """``GET /api/auth/me``."""

    dialect: ClassVar[Dialect] = NETRA

    @operation(answer=auth_wire.UserAnswer)
    async def get(self) -> None:
        """Get the current user."""
        self.reply(auth_mapping.user_to_wire(await self.account()))


class GoogleAuthorize(NetraEntrance):
    """``GET /api/auth/google/authorize``."""

    @operation(
        query=auth_wire.AuthorizeQuery, answer=auth_wire.AuthorizeAnswer, errors=(400, 422, 500)
    )
    async def get(self) -> None:
        """Begin a login with an account of Google."""
        query = self.parse_query(auth_wire.AuthorizeQuery)
        own = self.origin + self.request.path.removesuffix("authorize") + "callback"
        url = await self.gatekeeper.oauth.authorization_url(
            own if query.redirect_uri is None else query.redirect_uri,
            home=self.origin + self.base_url,
        )
        self.reply(auth_wire.AuthorizeAnswer(authorization_url=url))


class GoogleCallback(NetraEntrance):
    """``GET /api/auth/google/callback``."""

    @operation(
        query=auth_wire.CallbackQuery,
        answer=auth_wire.ExternalLoginAnswer,
        errors=(400, 401, 403, 422, 500),
    )
    async def get(self) -> None:
        """Complete a login with an account of Google."""
        query = self.parse_query(auth_wire.CallbackQuery)
        user, tokens = await self.come_back(query.state, query.code, query.error)
        self.reply(auth_mapping.external_login_to_wire(user, tokens))


ROUTES: list[Route] = [
    (r"/(?:api|v2)/auth/login", Login),
    (r"/(?:api|v2)/auth/refresh", Refresh),
    (r"/(?:api|v2)/auth/logout", Logout),
    (r"/(?:api|v2)/auth/me", Me),
    (r"/(?:api|v2)/auth/google/authorize", GoogleAuthorize),
    (r"/(?:api|v2)/auth/google/callback", GoogleCallback),
]
