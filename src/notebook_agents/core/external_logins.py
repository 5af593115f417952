"""Accounts of another service, such as Google's, by which users prove who they are here.

The service's name for a user, never the e-mail, is what ties the two together. An e-mail that the
service has verified leads to the account here that has it, once. Whoever opened that account may
not have been its e-mail's owner: unless somebody trusted said so, its password, keys and logins end
when the owner of the e-mail comes in.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from notebook_agents.core.errors import Conflict, InvalidRequest, NotAuthenticated, NotPermitted
from notebook_agents.core.ports import Insert, Patch
from notebook_agents.core.users import CreateUser, User

if TYPE_CHECKING:
    from notebook_agents.core.api_keys import ApiKeys
    from notebook_agents.core.ports import Clock, Store
    from notebook_agents.core.users import Users

_IDS = uuid.UUID("2f0d6c0e-8f1a-4b7e-9a55-0c3f2f6f7d11")
"""The name space of the ids of external accounts."""
_N_NAMES = 50
_MAX_BASE = 40
"""Characters of a username that leave room for a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalProfile:
    """What another service says about a user who has just proved who they are."""

    issuer: str
    subject: str
    """The issuer's name for the user, which never changes."""
    email: str
    is_email_verified: bool
    name: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAccount:
    """An account of another service that opens one here."""

    id: str
    """Made of issuer and subject, so that there is one of each."""
    owner_id: str
    issuer: str
    subject: str
    created_at: datetime


class ExternalLogins:
    """Finds or opens the account behind an external one."""

    def __init__(self, store: Store, clock: Clock, users: Users, api_keys: ApiKeys) -> None:
        self._store = store
        self._clock = clock
        self._users = users
        self._api_keys = api_keys

    async def enter(self, profile: ExternalProfile, *, may_create: bool = True) -> User:
        """The active account of this user, linked or opened when it is the first time.

        InvalidRequest without a verified e-mail, NotPermitted when no account may be opened or
        linked, NotAuthenticated when the account is blocked.
        """
        known = await self._store.get(ExternalAccount, _id_of(profile))
        if known is not None:
            user = await self._refreshed(await self._users.get(known.owner_id), profile)
        else:
            user = await self._first_time(profile, may_create=may_create)
        if not user.is_active:
            raise NotAuthenticated("this account is disabled")
        return await self._users.note_login(user)

    async def _first_time(self, profile: ExternalProfile, *, may_create: bool) -> User:
        if not profile.email or not profile.is_email_verified:
            raise InvalidRequest("the service has not verified the e-mail of this account")
        user = await self._users.by_email(profile.email)
        if user is not None:
            return await self._link(user, profile)
        if not may_create:
            raise NotPermitted(
                "registration is switched off here; ask an administrator for an account"
            )
        return await self._create(profile)

    async def _link(self, user: User, profile: ExternalProfile) -> User:
        if not user.is_active:
            return user
        account = self._account(user, profile)
        if user.is_email_verified:
            await self._store.commit(Insert(record=account))
            return user
        if user.is_admin:
            raise NotPermitted(
                "an administrator's account has this e-mail, and nobody has confirmed that it is"
                " theirs"
            )
        revocations = await self._api_keys.revocations(user.id)
        return await self._users.renew(
            user.id,
            Insert(record=account),
            *revocations,
            password_hash="",
            is_email_verified=True,
        )

    async def _create(self, profile: ExternalProfile) -> User:
        for username in _usernames(profile.email):
            wish = CreateUser(
                username=username,
                email=profile.email.lower(),
                name=profile.name,
                picture=profile.picture,
                is_email_verified=True,
            )
            try:
                return await self._users.create(
                    wish, lambda user: Insert(record=self._account(user, profile))
                )
            except Conflict as conflict:
                if conflict.details.get("field") != "username":
                    raise
        raise Conflict("no username is free for this e-mail", field="username")

    async def _refreshed(self, user: User, profile: ExternalProfile) -> User:
        shown = {"name": profile.name or user.name, "picture": profile.picture}
        if (user.name, user.picture) == (shown["name"], shown["picture"]):
            return user
        await self._store.commit(Patch(kind=User, id=user.id, fields=shown))
        return replace(user, name=shown["name"], picture=shown["picture"])

    def _account(self, user: User, profile: ExternalProfile) -> ExternalAccount:
        return ExternalAccount(
            id=_id_of(profile),
            owner_id=user.id,
            issuer=profile.issuer,
            subject=profile.subject,
            created_at=self._clock.now(),
        )


def _id_of(profile: ExternalProfile) -> str:
    return str(uuid.uuid5(_IDS, f"{profile.issuer}\n{profile.subject}"))


def _usernames(email: str) -> list[str]:
    base = re.sub(r"[^\w.-]", "-", email.partition("@")[0])[:_MAX_BASE].ljust(3, "-")
    return [base, *(f"{base}-{number}" for number in range(2, _N_NAMES))]
