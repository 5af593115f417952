"""Users, and the Actor: who asks the core for something.

What users prove their identity with lives beside this: keys in `api_keys`, logins in `logins`,
accounts of other services in `external_logins`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from notebook_agents.core.account_rules import (
    check_new_email,
    check_new_username,
    check_password,
    check_username,
    username_key,
)
from notebook_agents.core.errors import (
    AccountDisabled,
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
)
from notebook_agents.core.ids import new_id
from notebook_agents.core.ports import Insert, Page, Patch, Query

if TYPE_CHECKING:
    from notebook_agents.core.ports import Change, Clock, PasswordHasher, Store

OWNER_USERNAME = "admin"
OWNER_EMAIL = "admin@localhost"
SCOPES = ("read", "run", "write", "admin")
"""What a credential may be good for: look, start runs and tools, change things, administrate."""
ALL_SCOPES = frozenset(SCOPES)
_WRONG = "the username or password is wrong"
_N_TRIES = 20
"""How often somebody else may be faster before we give up."""

Role = Literal["user", "admin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The identity a request acts with; every use case of the core takes one."""

    user_id: str
    username: str
    is_admin: bool = False
    """False too when the credential of an administrator's account is not good for it."""
    has_admin_account: bool = False
    dialect: str = "python"
    """Through which door the request came: a dialect's name, ``magic``, ``python`` …"""
    credential: str = ""
    """What proved the identity (``jwt``, ``api_key``, ``jupyter`` …), for the audit trail."""
    scopes: frozenset[str] = ALL_SCOPES
    """What the credential is good for; a login is good for everything its user may do."""

    def require_scope(self, scope: str) -> None:
        """NotPermitted, naming the scope, unless the credential has it."""
        if scope not in self.scopes:
            held = ", ".join(name for name in SCOPES if name in self.scopes) or "none"
            raise NotPermitted(
                f"this credential lacks the scope {scope!r}; it has: {held}", scope=scope
            )

    def require_admin(self) -> None:
        """NotPermitted unless an administrator asks; names the scope if only that is missing."""
        if self.has_admin_account:
            self.require_scope("admin")
        if not self.is_admin:
            raise NotPermitted("Administrative privileges required")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person or service with an account."""

    id: str
    number: int = 0
    """The same identity as a small integer, from 1 on, for clients that expect one."""
    username: str
    username_key: str = ""
    """The username without regard to case (`username_key`), which is taken once.

    Of names that an older release gave out several times, all but one have their own case here.
    """
    email: str
    is_email_verified: bool = False
    """Whether somebody trusted said that the address is this user's."""
    name: str = ""
    """What to call them on a screen."""
    picture: str = ""
    """Address of a portrait; empty when there is none."""
    password_hash: str = ""
    """argon2id; empty when the account cannot log in with a password."""
    is_active: bool = True
    is_admin: bool = False
    token_epoch: int = 0
    """Tokens of an earlier epoch are worth nothing: a new password or a block raises it."""
    created_at: datetime
    updated_at: datetime
    last_login: datetime | None = None

    @property
    def role(self) -> Role:
        """Their role in one word."""
        return "admin" if self.is_admin else "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser:
    """The wish for a new account."""

    username: str
    email: str
    password: str = ""
    """Empty makes an account that cannot log in with a password."""
    name: str = ""
    """Empty is the username."""
    picture: str = ""
    is_admin: bool = False
    is_email_verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsers:
    """Which accounts to list; None means either."""

    is_admin: bool | None = None
    is_active: bool | None = None
    limit: int = 50
    offset: int = 0


class Users:
    """Accounts and their passwords."""

    def __init__(self, store: Store, clock: Clock, hasher: PasswordHasher) -> None:
        self._store = store
        self._clock = clock
        self._hasher = hasher

    # -- new accounts --------------------------------------------------------------------------

    async def register(self, wish: CreateUser) -> User:
        """Open an account for somebody who names everything: a stranger, or a command line.

        InvalidRequest names the field that is wrong, Conflict the one that is taken.
        """
        problems = [
            *_problems(check_new_username, wish.username),
            *_problems(check_new_email, wish.email),
            *_problems(check_password, wish.password),
        ]
        if problems:
            field, message = problems[0]
            raise InvalidRequest(message, field=field, problems=problems)
        return await self.create(replace(wish, email=wish.email.lower()))

    async def create(
        self, wish: CreateUser, beside: Callable[[User], Change] | None = None
    ) -> User:
        """Open an account for somebody already known here, with a change that belongs to it.

        Conflict names the field that is taken.
        """
        check_username(wish.username)
        if wish.password:
            check_password(wish.password)
        now = self._clock.now()
        user = User(
            id=new_id(),
            username=wish.username,
            username_key=username_key(wish.username),
            email=wish.email,
            is_email_verified=wish.is_email_verified,
            name=wish.name.strip() or wish.username,
            picture=wish.picture,
            password_hash=await self._hasher.hash(wish.password) if wish.password else "",
            is_admin=wish.is_admin,
            created_at=now,
            updated_at=now,
        )
        return await self._insert(user, (beside(user),) if beside else ())

    async def _insert(self, user: User, beside: tuple[Change, ...]) -> User:
        for attempt in range(1, _N_TRIES):
            newest = await self._store.find(User, Query(limit=1))
            last = max([newest.total, *(other.number for other in newest.items)])
            numbered = replace(user, number=last + attempt)
            try:
                await self._store.commit(Insert(record=numbered), *beside)
            except Conflict as conflict:  # somebody else may have got this number
                if conflict.details.get("field") == "username_key":
                    raise Conflict("this username is taken", field="username") from conflict
                if conflict.details.get("field") != "number":
                    raise
            else:
                return numbered
        raise Conflict("too many accounts are made at this moment; try again", field="number")

    # -- looking -------------------------------------------------------------------------------

    async def get(self, id: str) -> User:
        """One account."""
        user = await self._store.get(User, id)
        if user is None:
            raise NotFound("user", id)
        return user

    async def find(self, login: str) -> User | None:
        """The account with that username or e-mail; case does not matter in either."""
        # Both are always looked up: the time must not tell which of them is known.
        named = await self.by_username(login)
        mailed = await self.by_email(login)
        return mailed if named is None else named

    async def by_username(self, name: str) -> User | None:
        """The account with that username in any case; one that has it exactly comes first."""
        spellings = ({"username": name}, {"username_key": username_key(name)})
        page = await self._store.find(User, Query(any_of=spellings, limit=2))
        return max(page.items, key=lambda user: user.username == name, default=None)

    async def name_behind(self, login: str) -> str:
        """The username of the account with that username or e-mail, else the login itself.

        What is counted under it does not tell whether there is an account.
        """
        user = await self.find(login)
        return login if user is None else user.username

    async def by_email(self, email: str) -> User | None:
        """The account with that e-mail."""
        query = Query(where={"email": (email, email.lower())}, limit=1)
        page = await self._store.find(User, query)
        return page.items[0] if page.items else None

    async def list(self, actor: Actor, wish: ListUsers | None = None) -> Page[User]:
        """The accounts that are wished for, the oldest first; for administrators."""
        actor.require_admin()
        wish = wish or ListUsers()
        given = {"is_admin": wish.is_admin, "is_active": wish.is_active}
        where = {name: value for name, value in given.items() if value is not None}
        query = Query(where=where, limit=wish.limit, offset=wish.offset, oldest_first=True)
        return await self._store.find(User, query)

    # -- proving -------------------------------------------------------------------------------

    async def authenticate(self, login: str, password: str) -> User:
        """The active account with these credentials.

        NotAuthenticated says the same, after the same work, whichever part is wrong; only to
        whoever knows the password it is told apart that the account is blocked.
        """
        user = await self.find(login)
        stored = user.password_hash if user is not None else ""
        is_right = await self._hasher.verify(password, stored)
        if user is None or not is_right:
            raise NotAuthenticated(_WRONG)
        if not user.is_active:
            raise AccountDisabled(_WRONG)
        return await self.note_login(user)

    async def note_login(self, user: User) -> User:
        """The account, with this moment as its last login."""
        now = self._clock.now()
        await self._store.commit(Patch(kind=User, id=user.id, fields={"last_login": now}))
        return replace(user, last_login=now)

    # -- changing ------------------------------------------------------------------------------

    async def change_password(self, actor: Actor, old: str, new: str) -> User:
        """Give the actor's own account another password; all its tokens end."""
        user = await self.get(actor.user_id)
        if not await self._hasher.verify(old, user.password_hash):
            raise InvalidRequest("the present password is wrong", field="old_password")
        return await self._set_password(user.id, new)

    async def set_password(self, actor: Actor, id: str, password: str) -> User:
        """Give an account another password; all its tokens end. For administrators."""
        actor.require_admin()
        return await self._set_password(id, password)

    async def _set_password(self, id: str, password: str) -> User:
        check_password(password)
        hashed = await self._hasher.hash(password)
        return await self.renew(id, password_hash=hashed)

    async def set_active(self, actor: Actor, id: str, *, is_active: bool) -> User:
        """Block an account or let it in again; a blocked one's tokens end for good.

        For administrators; the owner's account cannot be blocked.
        """
        actor.require_admin()
        user = await self.get(id)
        if user.username == OWNER_USERNAME and not is_active:
            raise Conflict("the owner's account cannot be disabled", field="username")
        return await self.renew(id, is_active=is_active)

    async def set_admin(self, actor: Actor, id: str, *, is_admin: bool) -> User:
        """Give or take administrator's rights. For administrators; the owner keeps theirs."""
        actor.require_admin()
        user = await self.get(id)
        if user.username == OWNER_USERNAME and not is_admin:
            raise Conflict("the owner's account stays an administrator's", field="username")
        fields: dict[str, Any] = {"is_admin": is_admin, "updated_at": self._clock.now()}
        await self._store.commit(Patch(kind=User, id=id, fields=fields))
        return replace(user, **fields)

    async def renew(self, id: str, *beside: Change, **fields: Any) -> User:
        """Change fields of an account and end all tokens that it was given before."""
        for _ in range(_N_TRIES):
            user = await self.get(id)
            changes = {
                **fields,
                "token_epoch": user.token_epoch + 1,
                "updated_at": self._clock.now(),
            }
            expected = {"token_epoch": user.token_epoch}
            patch = Patch(kind=User, id=id, fields=changes, expected=expected)
            try:
                await self._store.commit(patch, *beside)
            except Conflict:  # another change was faster
                continue
            return replace(user, **changes)
        raise Conflict("the account is being changed by somebody else; try again")

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


def _problems(check: Callable[[str], None], text: str) -> list[tuple[str, str]]:
    try:
        check(text)
    except InvalidRequest as error:
        return [(str(error.details["field"]), error.message)]
    return []
