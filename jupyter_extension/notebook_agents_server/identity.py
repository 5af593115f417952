"""Who is asking: one place that turns any accepted credential into an Actor.

Accepted, in this order: our login tokens, our API keys, the tokens of this server's kernels, and
Jupyter's own token (or that of a Hub). Jupyter's token proves "owner", not a person, so it acts as
the owner's account, and so does the Hub's user whose server this is. Any other user of the Hub acts
as the local account of the same name, without admin rights, and never as the owner's.
Only explicit credentials count: these doors neither read nor write cookies, so no other site can
make a browser act here. The dashboard's page is the one exception; see `ui.session`.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import re
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_agents.core.account_rules import HUB_DOMAIN
from notebook_agents.core.api_keys import KEY_CREDENTIAL, KEY_PREFIX
from notebook_agents.core.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound
from notebook_agents.core.ids import new_id
from notebook_agents.core.users import (
    ALL_SCOPES,
    OWNER_USERNAME,
    Actor,
    CreateUser,
    User,
)
from notebook_agents_server.kernels import ADMIN_PASSWORD_ENV, KERNEL_TOKEN_PREFIX
from notebook_agents_server.openness import OPEN_CREDENTIAL
from notebook_agents_server.signing import write_secret
from notebook_agents_server.tokens import REFRESH, REFUSED

if TYPE_CHECKING:
    from jupyter_server.auth.identity import IdentityProvider
    from tornado.web import RequestHandler

    from notebook_agents.core.api_keys import ApiKeys
    from notebook_agents.core.logins import IssuedTokens, Logins
    from notebook_agents.core.users import Users
    from notebook_agents_server.failures import Dialect
    from notebook_agents_server.kernels import KernelTokens
    from notebook_agents_server.oauth import OAuthLogin
    from notebook_agents_server.tokens import Tokens

HUB_ACCOUNT_PREFIX = "hub:"
ADMIN_PASSWORD_FILE = "admin_password"  # noqa: S105 - a name
KERNEL_CREDENTIAL = "kernel"
JWT_PREFIX = "eyJ"
"""How the base64 of a JWT's header begins."""
OUR_PREFIXES = (KEY_PREFIX, KERNEL_TOKEN_PREFIX, JWT_PREFIX)
"""What our own credentials begin with; they do not belong into the address of a request."""
NO_LOGIN = (
    "this server lets everybody in without a login, so it cannot tell whose runs to show; start it"
    " with a token or a password, or use `%agent dashboard` in a notebook"
)
_JWT_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatekeeper:
    """Checks credentials."""

    users: Users
    api_keys: ApiKeys
    logins: Logins
    tokens: Tokens
    oauth: OAuthLogin
    kernel_tokens: KernelTokens
    provider: IdentityProvider
    owner: User
    login_lifetime_s: int = 30 * 24 * 3600
    """How long a login can be renewed, seconds."""
    hub_owner: str = ""
    """The Hub's user whose server this is; empty without a Hub."""
    open_dialects: frozenset[str] = frozenset()
    """Those that need no credential on this machine; whoever has none acts as the owner there."""

    @property
    def owner_actor(self) -> Actor:
        """The owner, for what the server looks up on its own account."""
        return _actor(self.owner, "server")

    async def identify(self, credential: str, handler: RequestHandler) -> Actor:
        """The actor behind a credential; NotAuthenticated when it proves nothing."""
        if not credential:
            return self._open_actor(handler)
        if credential.startswith(KEY_PREFIX):
            user, key = await self.api_keys.authenticate(credential)
            return _actor(user, KEY_CREDENTIAL, frozenset(key.scopes))
        if credential.startswith(KERNEL_TOKEN_PREFIX):
            if self.kernel_tokens.is_valid(credential):
                return _actor(await self._kernel_user(credential), KERNEL_CREDENTIAL)
            raise NotAuthenticated(REFUSED)
        if self._is_server_token(credential):
            return _actor(self.owner, "jupyter")
        if _JWT_SHAPE.fullmatch(credential):
            return _actor(await self._token_user(credential), "jwt")
        return await self._provider_actor(credential, handler)

    async def identify_login(self, handler: RequestHandler) -> Actor:
        """Whoever is logged in to Jupyter with this browser; NotAuthenticated when nobody is.

        Only doors that take care of what other sites make a browser send may ask this.
        """
        if not self.provider.auth_enabled:
            raise NotAuthenticated(NO_LOGIN)
        found = self.provider.get_user(handler)
        visitor = await found if isinstance(found, Awaitable) else found
        if visitor is None:
            raise NotAuthenticated("log in to Jupyter first, or give a credential")
        if _is_stock(self.provider):
            return _actor(self.owner, "jupyter")
        return _actor(await self._account_of(_name_of(visitor)), "hub")

    async def log_in(self, user: User, dialect: Dialect) -> IssuedTokens:
        """The tokens of a user who has just proved who they are."""
        login = await self.logins.start(
            user, dialect=dialect.name, lifetime_s=self.login_lifetime_s
        )
        return await self.tokens.issue(login, at_most_s=dialect.token_lifetime_s)

    async def renew(self, refresh: str, dialect: Dialect) -> tuple[User, IssuedTokens]:
        """New tokens for a refresh token, which is used up; using it again ends its login."""
        claims = await self.tokens.read(refresh, audience=REFRESH)
        user, login = await self.logins.renew(claims.login_id, claims.generation)
        return user, await self.tokens.issue(login, at_most_s=dialect.token_lifetime_s)

    async def log_out(self, credential: str) -> None:
        """End the login that a token belongs to, and thereby all its tokens.

        InvalidRequest for other credentials, which are ended elsewhere.
        """
        if not _JWT_SHAPE.fullmatch(credential):
            raise InvalidRequest(
                "this credential is not a login's token; an API key is revoked instead"
            )
        claims = await self.tokens.read(credential)
        await self.logins.revoke(claims.jti, claims.user_id, claims.expires_at)
        await self.logins.end(claims.login_id)

    async def login_dialect(self, credential: str) -> str:
        """The dialect whose login gave a token; empty for any other credential."""
        if not _JWT_SHAPE.fullmatch(credential):
            return ""
        return (await self.tokens.read(credential)).dialect

    def _open_actor(self, handler: RequestHandler) -> Actor:
        dialect: Dialect | None = getattr(handler, "dialect", None)
        if dialect is None or dialect.name not in self.open_dialects:
            raise NotAuthenticated(REFUSED)
        return _actor(self.owner, OPEN_CREDENTIAL, ALL_SCOPES - {"admin"})

    def _is_server_token(self, credential: str) -> bool:
        token = str(self.provider.token or "")
        return bool(token) and hmac.compare_digest(token.encode(), credential.encode())

    async def _kernel_user(self, token: str) -> User:
        user_id = self.kernel_tokens.user_of(token)
        if user_id in ("", self.owner.id):
            return self.owner
        try:
            user = await self.users.get(user_id)
        except NotFound:
            raise NotAuthenticated(REFUSED) from None
        if not user.is_active:
            raise NotAuthenticated(REFUSED)
        return user

    async def _token_user(self, credential: str) -> User:
        claims = await self.tokens.read(credential)
        ids = (claims.jti, claims.login_id)
        return await self.logins.check(claims.user_id, claims.token_epoch, ids)

    async def _provider_actor(self, credential: str, handler: RequestHandler) -> Actor:
        # The stock provider knows its own token only, which did not fit. With authentication
        # switched off it would accept anybody, which must not reach this far.
        if not self.provider.auth_enabled or _is_stock(self.provider):
            raise NotAuthenticated(REFUSED)
        if (hub := getattr(self.provider, "hub_auth", None)) is not None:
            return _actor(await self._account_of(await _hub_visitor(hub, credential)), "hub")
        found = self.provider.get_user(handler)
        visitor = await found if isinstance(found, Awaitable) else found
        if visitor is None:
            raise NotAuthenticated(REFUSED)
        return _actor(await self._account_of(visitor.username), "hub")

    async def _account_of(self, visitor: str) -> User:
        if self.hub_owner and visitor == self.hub_owner:
            return self.owner
        name = self._local_name(visitor)
        user = await self.users.by_username(name)
        if user is not None and (
            user.username != name or user.password_hash or user.is_email_verified
        ):
            # Somebody has it, or one that differs in case, who need not be this user of the Hub.
            name = f"{HUB_ACCOUNT_PREFIX}{visitor}"
            user = await self._named(name)
        if user is None:
            try:
                user = await self.users.create(
                    CreateUser(username=name, email=f"{name}@{HUB_DOMAIN}")
                )
            except Conflict:  # another request of the same user was faster
                user = await self._named(name)
        if user is None or not user.is_active:
            raise NotAuthenticated(REFUSED)
        return replace(user, is_admin=False)

    def _local_name(self, visitor: str) -> str:
        # The Hub's "admin" is somebody else; the prefix keeps two people from sharing a name.
        is_taken = visitor == self.owner.username or visitor.startswith(HUB_ACCOUNT_PREFIX)
        return f"{HUB_ACCOUNT_PREFIX}{visitor}" if is_taken else visitor

    async def _named(self, name: str) -> User | None:
        # An account that is found by its e-mail address is not this user's.
        user = await self.users.find(name)
        return user if user is not None and user.username == name else None


def acting_through(actor: Actor, dialect: str) -> Actor:
    """The same actor, through the door of a dialect."""
    return replace(actor, dialect=dialect)


async def ensure_owner(users: Users, home: Path) -> User:
    """The owner's account; its password comes from the environment or a 0600 file made here."""
    if password := os.environ.get(ADMIN_PASSWORD_ENV, ""):
        return (await users.ensure_owner(password))[0]
    owner = await users.find(OWNER_USERNAME)
    if owner is not None and owner.password_hash:
        return owner
    loop = asyncio.get_running_loop()
    # Written before it is valid: no account has a password that nobody can read. It takes its
    # place after: of two servers that start at once, the one whose password counts tells it.
    password, draft = secrets.token_urlsafe(18), home / f".{ADMIN_PASSWORD_FILE}.{new_id()}"
    await loop.run_in_executor(None, write_secret, draft, password)
    try:
        owner, was_set = await users.ensure_owner(password)
    except BaseException:
        await loop.run_in_executor(None, draft.unlink)
        raise
    if not was_set:
        await loop.run_in_executor(None, draft.unlink)
        return owner
    path = home / ADMIN_PASSWORD_FILE
    await loop.run_in_executor(None, draft.replace, path)
    _log.info("made the owner's account %r; its password is in %s", owner.username, path)
    return owner


def _actor(user: User, credential: str, scopes: frozenset[str] = ALL_SCOPES) -> Actor:
    return Actor(
        user_id=user.id,
        username=user.username,
        is_admin=user.is_admin and "admin" in scopes,
        has_admin_account=user.is_admin,
        credential=credential,
        scopes=scopes,
    )


async def _hub_visitor(hub: Any, credential: str) -> str:
    """Whom a Hub's token belongs to; NotAuthenticated unless they may use this server.

    The Hub is asked about the credential alone, wherever it was given: its own way to look at a
    request would read cookies and write them, and would not look again at an open socket's.
    """
    visitor = await hub.user_for_token(credential, sync=False)
    if not visitor or not hub.check_scopes(hub.access_scopes, visitor):
        raise NotAuthenticated(REFUSED)
    return _hub_name(visitor)


def _hub_name(visitor: Mapping[str, Any]) -> str:
    name = str(visitor["name"])
    return name if visitor.get("kind") == "user" else f"{visitor.get('kind')}:{name}"


def _name_of(visitor: Any) -> str:
    """What an identity provider calls somebody."""
    of_hub: Mapping[str, Any] | None = getattr(visitor, "hub_user", None)
    return str(visitor.username) if of_hub is None else _hub_name(of_hub)


def _is_stock(provider: IdentityProvider) -> bool:
    return type(provider).__module__.startswith("jupyter_server.")
