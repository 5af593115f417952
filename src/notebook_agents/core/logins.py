"""Logins: a login gives short-lived tokens one after the other, until it is ended.

Each use of its refresh token raises the login's generation; the token of an earlier generation
proves that two parties hold it, and ends the login. What is ended is kept until it would have
expired, under the id of the token or of the whole login, and every server of the database sees it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from notebook_agents.core.errors import Conflict, NotAuthenticated
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Insert, Patch, Query
from notebook_agents.core.purging import remove_all
from notebook_agents.core.users import User

if TYPE_CHECKING:
    from notebook_agents.core.ports import Clock, Store

CLOCKS_APART = timedelta(days=1)
"""Records are kept for so long after their end: clocks of servers need not agree."""
_REFUSED = "the refresh token is invalid or expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One time that somebody proved who they are."""

    id: str
    owner_id: str
    dialect: str
    """Through which door."""
    token_epoch: int
    """Of the account at that time."""
    generation: int = 1
    """Which refresh token is good: the one of this number."""
    created_at: datetime
    expires_at: datetime
    """Until then it can be renewed."""

    @property
    def lifetime(self) -> timedelta:
        """How long it lasts in all; none of its tokens is valid for longer."""
        return self.expires_at - self.created_at


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedTokens:
    """What a login gives to its client."""

    access: str
    """For every request, as long as it is valid."""
    expires_in_s: int
    refresh: str
    """Good once, for the next tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedToken:
    """The id of a token, or of a login and thereby all its tokens, that is worth nothing now."""

    id: str
    owner_id: str
    expires_at: datetime


class Logins:
    """Starts, renews and ends logins."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def start(self, user: User, *, dialect: str, lifetime_s: float) -> Login:
        """A login for a user who has just proved who they are."""
        now = self._clock.now()
        login = Login(
            id=new_id(),
            owner_id=user.id,
            dialect=dialect,
            token_epoch=user.token_epoch,
            created_at=now,
            expires_at=now + timedelta(seconds=lifetime_s),
        )
        await self._store.commit(Insert(record=login))
        return login

    async def renew(self, id: str, generation: int) -> tuple[User, Login]:
        """The user and the login with its next generation; of several at once one gets it.

        NotAuthenticated when the login has ended; a generation that was used ends it.
        """
        login = await self._store.get(Login, id)
        if login is None or login.expires_at <= self._clock.now():
            raise NotAuthenticated(_REFUSED)
        user = await self.check(login.owner_id, login.token_epoch, (login.id,))
        if generation != login.generation:
            await self._end(login)
            raise NotAuthenticated(_REFUSED)
        patch = Patch(
            kind=Login,
            id=login.id,
            fields={"generation": generation + 1},
            expected={"generation": generation},
        )
        try:
            await self._store.commit(patch)
        except Conflict:  # the same client asked twice at once
            raise NotAuthenticated(_REFUSED) from None
        return user, replace(login, generation=generation + 1)

    async def end(self, id: str) -> None:
        """End a login and all its tokens; nothing happens when it has ended before."""
        login = await self._store.get(Login, id)
        if login is not None:
            await self._end(login)

    async def _end(self, login: Login) -> None:
        # Its last access token may have been given at its last moment.
        await self.revoke(login.id, login.owner_id, login.expires_at + login.lifetime)

    async def check(self, user_id: str, token_epoch: int, ids: tuple[str, ...]) -> User:
        """The active account behind a token of this epoch, unless one of the ids is revoked."""
        revoked = await self._store.find(RevokedToken, Query(where={"id": ids}, limit=1))
        user = await self._store.get(User, user_id)
        if revoked.items or user is None or not user.is_active or user.token_epoch != token_epoch:
            raise NotAuthenticated("the token is invalid or expired")
        return user

    async def purge(self) -> None:
        """Forget logins and revocations whose tokens have all expired."""
        over = Query(at_most={"expires_at": self._clock.now() - CLOCKS_APART})
        await remove_all(self._store, Login, over)
        await remove_all(self._store, RevokedToken, over)

    async def revoke(self, id: str, owner_id: str, expires_at: datetime) -> bool:
        """Never accept this id again; False when that was said before."""
        token = RevokedToken(id=id, owner_id=owner_id, expires_at=expires_at)
        try:
            await self._store.commit(Insert(record=token))
        except Conflict:
            return False
        return True
