"""AIMOS's accounts: register, login and me as documented; refresh and logout are ours."""

from __future__ import annotations

from typing import ClassVar

from notebook_agents_server.accounts import AccountHandler, EntranceHandler
from notebook_agents_server.base import Dialect, Route
from notebook_agents_server.dialects.aimos import auth_mapping, auth_wire
from notebook_agents_server.dialects.aimos.dialect import AIMOS
from notebook_agents_server.operations import operation


class AimosEntrance(EntranceHandler):
    """A handler through which people come in, as AIMOS documents it."""

    dialect: ClassVar[Dialect] = AIMOS


class Register(AimosEntrance):
    """``POST /api/auth/register``."""

    endpoint = "/api/auth/register"

    @operation(
        body=auth_wire.RegisterRequest, answer=auth_wire.UserAnswer, status=201, errors=(400, 403)
    )
    async def post(self) -> None:
        """Open an account."""
        body = self.parse(auth_wire.RegisterRequest)
        user = await self.register(auth_mapping.register_from_wire(body))
        self.reply(auth_mapping.user_to_wire(user), status=201)


class Login(AimosEntrance):
    """``POST /api/auth/login``."""

    endpoint = "/api/auth/login"

    @operation(
        form=auth_wire.LoginRequest,
        body=auth_wire.LoginRequest,
        answer=auth_wire.LoginAnswer,
        errors=(400, 401, 403),
    )
    async def post(self) -> None:
        """Exchange a password for a token."""
        body = self.parse_form_or_json(auth_wire.LoginRequest)
        _, tokens = await self.log_in(body.username, body.password)
        self.reply(auth_mapping.login_to_wire(tokens))


class Refresh(AimosEntrance):
    """``POST /api/auth/refresh``."""

    endpoint = "/api/auth/refresh"

    @operation(body=auth_wire.RefreshRequest, answer=auth_wire.LoginAnswer, errors=(400, 401))
    async def post(self) -> None:
        """Exchange a refresh token for new tokens; it is good once."""
        _, tokens = await self.renew(self.parse(auth_wire.RefreshRequest).refresh_token)
        self.reply(auth_mapping.login_to_wire(tokens))


class Logout(AccountHandler):
    """``POST /api/auth/logout``."""

    endpoint = "/api/auth/logout"
    dialect: ClassVar[Dialect] = AIMOS

    @operation(answer=auth_wire.MessageAnswer, errors=(400,))
    async def post(self) -> None:
        """End the login of the token that asks."""
        await self.log_out()
        self.reply(auth_wire.MessageAnswer(message="Successfully logged out"))


class Me(AccountHandler):
    """``GET /api/auth/me``."""

    endpoint = "/api/auth/me"
    dialect: ClassVar[Dialect] = AIMOS

    @operation(answer=auth_wire.UserAnswer)
    async def get(self) -> None:
        """Get the account of whoever asks."""
        self.reply(auth_mapping.user_to_wire(await self.account()))


ROUTES: list[Route] = [
    (r"/api/auth/register", Register),
    (r"/api/auth/login", Login),
    (r"/api/auth/refresh", Refresh),
    (r"/api/auth/logout", Logout),
    (r"/api/auth/me", Me),
]
