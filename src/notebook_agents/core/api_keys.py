"""API keys: long-lived credentials of services, each good for some scopes only."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from notebook_agents.core.errors import (
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Insert, Page, Patch, Query
from notebook_agents.core.users import ALL_SCOPES, SCOPES, Actor, User

if TYPE_CHECKING:
    from notebook_agents.core.ports import Change, Clock, Store

KEY_PREFIX = "nba_"
KEY_CREDENTIAL = "api_key"
"""How the credential of an actor says that it is a key."""
DEFAULT_SCOPES = ("read", "run", "write")
"""What a key is good for when nobody said: everything but administration."""
MAX_NAME = 100
"""Characters of a key's name."""
_LAST_USED_STEP = timedelta(minutes=1)
"""A key used more often than this is not written each time."""
_ALL = 100_000
"""More keys than one person has."""
_REFUSED = "the API key is invalid or expired"


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
    scopes: tuple[str, ...] = SCOPES
    """What it is good for, in the order of `SCOPES`."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used: datetime | None = None


class ApiKeys:
    """Makes, checks and ends keys."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(
        self,
        actor: Actor,
        name: str,
        *,
        scopes: Collection[str] | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which is shown here and never again.

        No key is good for more than the credential it is made with; one that is made with
        another key, whose end it may outlive, needs that to be good for administration.
        """
        if actor.credential == KEY_CREDENTIAL:
            actor.require_scope("admin")
        _check_name(name)
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise InvalidRequest("the key would have expired already", field="expires_at")
        secret = KEY_PREFIX + secrets.token_urlsafe(32)
        key = ApiKey(
            id=new_id(),
            owner_id=actor.user_id,
            name=name,
            prefix=secret[: len(KEY_PREFIX) + 6],
            digest=_digest(secret),
            scopes=_granted(actor, scopes),
            created_at=now,
            expires_at=expires_at,
        )
        await self._store.commit(Insert(record=key))
        return key, secret

    async def list(self, actor: Actor, *, limit: int = 50, offset: int = 0) -> Page[ApiKey]:
        """The actor's keys, revoked ones too, newest first."""
        query = Query(where={"owner_id": actor.user_id}, limit=limit, offset=offset)
        return await self._store.find(ApiKey, query)

    async def revoke(self, actor: Actor, id: str) -> ApiKey:
        """End a key; nothing happens when it has ended before."""
        key = await self._store.get(ApiKey, id)
        if key is None or key.owner_id != actor.user_id:
            raise NotFound("api key", id)
        if key.revoked_at is None:
            key = replace(key, revoked_at=self._clock.now())
            fields = {"revoked_at": key.revoked_at}
            await self._store.commit(Patch(kind=ApiKey, id=key.id, fields=fields))
        return key

    async def revocations(self, owner_id: str) -> tuple[Change, ...]:
        """The changes that end every key of a user."""
        page = await self._store.find(ApiKey, Query(where={"owner_id": owner_id}, limit=_ALL))
        fields = {"revoked_at": self._clock.now()}
        return tuple(
            Patch(kind=ApiKey, id=key.id, fields=fields)
            for key in page.items
            if key.revoked_at is None
        )

    async def authenticate(self, secret: str) -> tuple[User, ApiKey]:
        """The key, neither revoked nor expired, and the active account behind it."""
        page = await self._store.find(ApiKey, Query(where={"digest": _digest(secret)}, limit=1))
        key, now = (page.items[0] if page.items else None), self._clock.now()
        if key is None or key.revoked_at or (key.expires_at and key.expires_at <= now):
            raise NotAuthenticated(_REFUSED)
        user = await self._store.get(User, key.owner_id)
        if user is None or not user.is_active:
            raise NotAuthenticated(_REFUSED)
        if key.last_used is None or now - key.last_used >= _LAST_USED_STEP:
            await self._store.commit(Patch(kind=ApiKey, id=key.id, fields={"last_used": now}))
        return user, key


def usable_scopes(actor: Actor) -> frozenset[str]:
    """What a credential is good for in the hands of its user."""
    return actor.scopes if actor.is_admin else actor.scopes - {"admin"}


def _check_name(name: str) -> None:
    if not name.strip():
        raise InvalidRequest("give the key a name to recognise it by", field="name")
    if len(name) > MAX_NAME:
        raise InvalidRequest(f"the name must have at most {MAX_NAME} characters", field="name")
    # Neither control characters nor those that turn the direction of a list's text around.
    if not name.isprintable():
        raise InvalidRequest("the name must have printable characters only", field="name")


def _granted(actor: Actor, wanted: Collection[str] | None) -> tuple[str, ...]:
    if wanted is None:
        wanted = actor.scopes.intersection(DEFAULT_SCOPES)
    if unknown := sorted(set(wanted) - ALL_SCOPES):
        known = ", ".join(SCOPES)
        raise InvalidRequest(f"no scope {unknown[0]!r}; there are: {known}", field="scopes")
    if not wanted:
        raise InvalidRequest("a key needs at least one scope", field="scopes")
    for scope in wanted:
        actor.require_scope(scope)
    if "admin" in set(wanted) - usable_scopes(actor):
        raise NotPermitted(
            "only an administrator's key can have the scope 'admin'", scope="admin", field="scopes"
        )
    return tuple(scope for scope in SCOPES if scope in wanted)


def _digest(secret: str) -> str:
    # A random 256-bit key needs no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
