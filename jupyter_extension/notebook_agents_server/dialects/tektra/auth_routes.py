"""Tektra's accounts: login as documented; refresh, logout, me, password and keys are ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar

from notebook_agents.core.api_keys import usable_scopes
from notebook_agents_server.accounts import AccountHandler, EntranceHandler
from notebook_agents_server.base import BaseHandler, Dialect, Route
from notebook_agents_server.dialects.tektra import auth_wire, system_mapping
from notebook_agents_server.dialects.tektra.dialect import TEKTRA
from notebook_agents_server.operations import operation

ALL_KEYS = 10_000
"""More keys than one person has."""


class TektraAccount(AccountHandler):
    """A handler of accounts that answers errors as Tektra documents them."""

    dialect: ClassVar[Dialect] = TEKTRA


class Login(EntranceHandler):
    """``POST /v1/auth/login``."""

    dialect: ClassVar[Dialect] = TEKTRA

    @operation(body=auth_wire.LoginRequest, answer=auth_wire.LoginAnswer, errors=(400, 401, 403))
    async def post(self) -> None:
        """Exchange a password for a token."""
        body = self.parse(auth_wire.LoginRequest)
        user, tokens = await self.log_in(body.username, body.password)
        self.reply(system_mapping.login_to_wire(user, tokens))


class Refresh(EntranceHandler):
    """``POST /v1/auth/refresh``."""

    dialect: ClassVar[Dialect] = TEKTRA

    @operation(body=auth_wire.RefreshRequest, answer=auth_wire.LoginAnswer, errors=(400, 401))
    async def post(self) -> None:
        """Exchange a refresh token for new tokens; it is good once."""
        body = self.parse(auth_wire.RefreshRequest)
        user, tokens = await self.renew(body.refresh_token)
        self.reply(system_mapping.login_to_wire(user, tokens))


class Logout(TektraAccount):
    """``POST /v1/auth/logout``."""

    @operation(answer=auth_wire.MessageAnswer, errors=(400,))
    async def post(self) -> None:
        """End the login of the token that asks."""
        await self.log_out()
        self.reply(auth_wire.MessageAnswer(message="Successfully logged out"))


class Me(TektraAccount):
    """``GET /v1/auth/me``."""

    @operation(answer=auth_wire.ProfileAnswer)
    async def get(self) -> None:
        """Who asks, and what the credential is good for."""
        scopes = usable_scopes(self.actor)
        self.reply(system_mapping.profile_to_wire(await self.account(), scopes))


class Password(TektraAccount):
    """``POST /v1/auth/password``."""

    scope = "admin"
    limit_group = "authentication"

    @operation(body=auth_wire.PasswordRequest, answer=auth_wire.MessageAnswer, errors=(400,))
    async def post(self) -> None:
        """Change the caller's password; every login of theirs ends."""
        body = self.parse(auth_wire.PasswordRequest)
        users = self.core.users
        await users.change_password(self.actor, body.old_password, body.new_password)
        self.reply(auth_wire.MessageAnswer(message="Password changed; log in again"))


class TektraKeys(BaseHandler):
    """A handler of keys."""

    dialect: ClassVar[Dialect] = TEKTRA


class Keys(TektraKeys):
    """``/v1/auth/keys``."""

    @operation(answer=auth_wire.KeysAnswer)
    async def get(self) -> None:
        """The caller's keys."""
        page = await self.core.api_keys.list(self.actor, limit=ALL_KEYS)
        self.reply(system_mapping.keys_to_wire(page))

    @operation(
        body=auth_wire.CreateKeyRequest, answer=auth_wire.NewKeyAnswer, status=201, errors=(400,)
    )
    async def post(self) -> None:
        """A new key."""
        body = self.parse(auth_wire.CreateKeyRequest)
        days = body.expires_in_days
        expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
        key, secret = await self.core.api_keys.create(
            self.actor, body.name, scopes=body.scopes, expires_at=expires_at
        )
        self.reply(system_mapping.new_key_to_wire(key, secret), status=201)


class Key(TektraKeys):
    """``/v1/auth/keys/{id}``."""

    @operation(answer=auth_wire.KeyAnswer)
    async def delete(self, key_id: str) -> None:
        """End a key."""
        key = await self.core.api_keys.revoke(self.actor, self.id_of("api key", key_id))
        self.reply(system_mapping.key_to_wire(key))


ROUTES: list[Route] = [
    (r"/v1/auth/login", Login),
    (r"/v1/auth/refresh", Refresh),
    (r"/v1/auth/logout", Logout),
    (r"/v1/auth/me", Me),
    (r"/v1/auth/password", Password),
    (r"/v1/auth/keys", Keys),
    (r"/v1/auth/keys/([^/]+)", Key),
]
