"""Users, their API keys, and the Actor: who asks the core for something."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from notebook_agents.core.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Insert, Page, Patch, Query

if TYPE_CHECKING:
    from notebook_agents.core.ports import Clock, PasswordHasher, Store

OWNER_USERNAME = "admin"
OWNER_EMAIL = "admin@localhost"
KEY_PREFIX = "nba_"
_MIN_PASSWORD = 8
_LAST_USED_STEP = timedelta(minutes=1)
"""A key used more often than this is not written each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The identity a request acts with; every use case of the core takes one."""

    user_id: str
    username: str
    is_admin: bool = False
    dialect: str = "python"
    """Through which door the request came: a dialect's name, ``magic``, ``python`` …"""
    credential: str = ""
    """What proved the identity (``jwt``, ``api_key``, ``jupyter`` …), for the audit trail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person or service with an account."""

    id: str
    username: str
    email: str
    password_hash: str = ""
    """argon2id; empty when the account cannot log in with a password."""
    is_active: bool = True
    is_admin: bool = False
    created_at: datetime
    updated_at: datetime
    last_login: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A long-lived credential; only its SHA-256 is kept."""

    id: str
    owner_id: str
    name: str
    prefix: str
    """The first characters of the key, to recognise it in a list."""
    digest: str
    """SHA-256 of the whole key, hex."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedToken:
    """The ``jti`` of a JWT that must no longer be accepted."""

    id: str
    owner_id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser:
    """The wish for a new account."""

    username: str
    email: str
    password: str = ""
    """Empty makes an account that cannot log in with a password."""
    is_admin: bool = False


class Users:
    """Accounts and their credentials."""

    def __init__(self, store: Store, clock: Clock, hasher: PasswordHasher) -> None:
        self._store = store
        self._clock = clock
        self._hasher = hasher

    async def create(self, wish: CreateUser) -> User:
        """Open an account; Conflict when the name or e-mail is taken."""
        if not 3 <= len(wish.username) <= 50:
            raise InvalidRequest("a username has 3 to 50 characters", field="username")
        if wish.password and len(wish.password) < _MIN_PASSWORD:
            raise InvalidRequest(
                f"a password has at least {_MIN_PASSWORD} characters", field="password"
            )
        now = self._clock.now()
        user = User(
            id=new_id(),
            username=wish.username,
            email=wish.email,
            password_hash=await self._hasher.hash(wish.password) if wish.password else "",
            is_admin=wish.is_admin,
            created_at=now,
            updated_at=now,
        )
        await self._store.commit(Insert(record=user))
        return user

    async def get(self, id: str) -> User:
        """One account."""
        user = await self._store.get(User, id)
        if user is None:
            raise NotFound("user", id)
        return user

    async def find(self, login: str) -> User | None:
        """The account with that username or e-mail."""
        for field in ("username", "email"):
            page = await self._store.find(User, Query(where={field: login}, limit=1))
            if page.items:
                return page.items[0]
        return None

    async def authenticate(self, login: str, password: str) -> User:
        """The active account with these credentials.

        NotAuthenticated says the same, after the same work, whichever part is wrong.
        """
        user = await self.find(login)
        stored = user.password_hash if user is not None else ""
        is_right = await self._hasher.verify(password, stored)
        if user is None or not is_right or not user.is_active:
            raise NotAuthenticated("the username or password is wrong")
        now = self._clock.now()
        await self._store.commit(Patch(kind=User, id=user.id, fields={"last_login": now}))
        return replace(user, last_login=now)

    async def ensure_owner(self, password: str = "") -> tuple[User, bool]:
        """The owner's account, and whether ``password`` was set on it now.

        A notebook without a server makes the account without a password; the first server gives
        it one. A password that is there is never changed.
        """
        user = await self.find(OWNER_USERNAME)
        if user is None:
            wish = CreateUser(
                username=OWNER_USERNAME, email=OWNER_EMAIL, password=password, is_admin=True
            )
            try:
                return await self.create(wish), bool(password)
            except Conflict:  # another process was faster
                user = await self.find(OWNER_USERNAME)
        assert user is not None, "the owner exists after a conflict"
        if user.password_hash or not password:
            return user, False
        hashed = await self._hasher.hash(password)
        patch = Patch(
            kind=User,
            id=user.id,
            fields={"password_hash": hashed},
            expected={"password_hash": ""},
        )
        try:
            await self._store.commit(patch)
        except Conflict:  # another process was faster
            return await self.get(user.id), False
        return replace(user, password_hash=hashed), True

    async def create_key(
        self, actor: Actor, name: str, *, expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """A new API key and its secret, which is shown here and never again."""
        if not name.strip():
            raise InvalidRequest("give the key a name to recognise it by", field="name")
        secret = KEY_PREFIX + secrets.token_urlsafe(32)
        key = ApiKey(
            id=new_id(),
            owner_id=actor.user_id,
            name=name,
            prefix=secret[: len(KEY_PREFIX) + 6],
            digest=_digest(secret),
            created_at=self._clock.now(),
            expires_at=expires_at,
        )
        await self._store.commit(Insert(record=key))
        return key, secret

    async def list_keys(self, actor: Actor, *, limit: int = 50, offset: int = 0) -> Page[ApiKey]:
        """The actor's keys, revoked ones too, newest first."""
        query = Query(where={"owner_id": actor.user_id}, limit=limit, offset=offset)
        return await self._store.find(ApiKey, query)

    async def revoke_key(self, actor: Actor, id: str) -> ApiKey:
        """End a key; nothing happens when it has ended before."""
        key = await self._store.get(ApiKey, id)
        if key is None or key.owner_id != actor.user_id:
            raise NotFound("api key", id)
        if key.revoked_at is None:
            key = replace(key, revoked_at=self._clock.now())
            fields = {"revoked_at": key.revoked_at}
            await self._store.commit(Patch(kind=ApiKey, id=key.id, fields=fields))
        return key

    async def authenticate_key(self, secret: str) -> User:
        """The active account behind a key that is neither revoked nor expired."""
        page = await self._store.find(ApiKey, Query(where={"digest": _digest(secret)}, limit=1))
        key, now = (page.items[0] if page.items else None), self._clock.now()
        if key is None or key.revoked_at or (key.expires_at and key.expires_at <= now):
            raise NotAuthenticated("the API key is invalid or expired")
        user = await self._store.get(User, key.owner_id)
        if user is None or not user.is_active:
            raise NotAuthenticated("the API key is invalid or expired")
        if key.last_used is None or now - key.last_used >= _LAST_USED_STEP:
            await self._store.commit(Patch(kind=ApiKey, id=key.id, fields={"last_used": now}))
        return user

    async def revoke_token(self, jti: str, owner_id: str, expires_at: datetime) -> None:
        """Never accept this token again."""
        token = RevokedToken(id=jti, owner_id=owner_id, expires_at=expires_at)
        if await self._store.get(RevokedToken, jti) is None:
            await self._store.commit(Insert(record=token))

    async def is_revoked(self, jti: str) -> bool:
        """Whether the token was revoked."""
        return await self._store.get(RevokedToken, jti) is not None


def _digest(secret: str) -> str:
    # A random 256-bit key needs no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
