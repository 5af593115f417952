"""Accounts and logins of the AI-Agent-API-Service."""

from __future__ import annotations

from typing import ClassVar

from notebook_agents_server.accounts import EntranceHandler
from notebook_agents_server.base import Dialect, Route
from notebook_agents_server.dialects.agent_api import auth_mapping, auth_wire
from notebook_agents_server.dialects.agent_api.dialect import AGENT_API
from notebook_agents_server.operations import operation


class AgentApiEntrance(EntranceHandler):
    """A handler through which people come in, as this API documents it."""

    dialect: ClassVar[Dialect] = AGENT_API


class Login(AgentApiEntrance):
    """``POST /api/v1/auth/login``."""

    endpoint = "/api/v1/auth/login"

    @operation(body=auth_wire.LoginRequest, answer=auth_wire.LoginAnswer, errors=(401, 403))
    async def post(self) -> None:
        """Exchange a password for a token; 403 when the account is disabled."""
        body = self.parse(auth_wire.LoginRequest)
        _, tokens = await self.log_in(body.email, body.password)
        self.reply(auth_mapping.login_to_wire(tokens))


class Register(AgentApiEntrance):
    """``POST /api/v1/auth/register``."""

    endpoint = "/api/v1/auth/register"

    @operation(
        body=auth_wire.RegisterRequest,
        answer=auth_wire.RegisterAnswer,
        status=201,
        errors=(403, 409),
    )
    async def post(self) -> None:
        """Open an account."""
        body = self.parse(auth_wire.RegisterRequest)
        user = await self.register(auth_mapping.register_from_wire(body))
        self.reply(auth_mapping.registered_to_wire(user), status=201)


class Refresh(AgentApiEntrance):
    """``POST /api/v1/auth/refresh``."""

    endpoint = "/api/v1/auth/refresh"

    @operation(body=auth_wire.RefreshRequest, answer=auth_wire.LoginAnswer, errors=(401,))
    async def post(self) -> None:
        """Exchange a refresh token for new tokens; it is good once."""
        _, tokens = await self.renew(self.parse(auth_wire.RefreshRequest).refresh_token)
        self.reply(auth_mapping.login_to_wire(tokens))


ROUTES: list[Route] = [
    (r"/api/v1/auth/login", Login),
    (r"/api/v1/auth/register", Register),
    (r"/api/v1/auth/refresh", Refresh),
]
