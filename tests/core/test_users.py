"""Accounts and credentials: nothing is accepted that was not given, nothing is stored in clear."""

from __future__ import annotations

from typing import TypeVar

import pytest

from notebook_agents.core.errors import (
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotPermitted,
)
from notebook_agents.core.ports import Page, Patch, Query
from notebook_agents.core.users import Actor, CreateUser, User, Users
from notebook_agents.testing import FakeClock, MemoryStore, PlainHasher

T = TypeVar("T")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def users(store: MemoryStore, clock: FakeClock) -> Users:
    return Users(store, clock, PlainHasher())


async def make(users: Users, name: str = "ann") -> User:
    return await users.create(
        CreateUser(username=name, email=f"{name}@localhost", password="long enough")
    )


async def test_a_login_works_by_name_and_by_email(users: Users) -> None:
    ann = await make(users)
    for login in ("ann", "ann@localhost"):
        user = await users.authenticate(login, "long enough")
        assert (user.id, user.last_login is not None) == (ann.id, True)


@pytest.mark.parametrize(
    ("login", "password"), [("ann", "wrong"), ("bob", "long enough"), ("ann", "")]
)
async def test_a_wrong_login_says_the_same_whatever_is_wrong(
    users: Users, login: str, password: str
) -> None:
    await make(users)
    with pytest.raises(NotAuthenticated, match="the username or password is wrong"):
        await users.authenticate(login, password)


class CountingHasher(PlainHasher):
    """Knows what it was asked to verify."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def verify(self, password: str, stored: str) -> bool:
        self.asked.append(password)
        return await super().verify(password, stored)


class CountingStore(MemoryStore):
    """Knows how often it was asked."""

    n_finds = 0

    async def find(self, kind: type[T], query: Query) -> Page[T]:
        self.n_finds += 1
        return await super().find(kind, query)


async def test_a_wrong_login_costs_the_same_whatever_is_wrong(clock: FakeClock) -> None:
    store, hasher = CountingStore(), CountingHasher()
    users = Users(store, clock, hasher)
    await make(users)
    costs = []
    for login in ("ann", "ann@localhost", "nobody", "nobody@localhost"):
        before = store.n_finds
        with pytest.raises(NotAuthenticated):
            await users.authenticate(login, "wrong")
        costs.append(store.n_finds - before)
    assert len(set(costs)) == 1
    assert hasher.asked == ["wrong"] * 4


async def test_an_account_without_password_or_disabled_cannot_log_in(
    users: Users, store: MemoryStore
) -> None:
    await users.create(CreateUser(username="robot", email="r@localhost"))
    ann = await make(users)
    await store.commit(Patch(kind=User, id=ann.id, fields={"is_active": False}))
    for login, password in (("robot", ""), ("ann", "long enough")):
        with pytest.raises(NotAuthenticated):
            await users.authenticate(login, password)


async def test_wrong_accounts_are_refused_by_field(users: Users) -> None:
    for field, wish in (
        ("username", CreateUser(username="ab", email="x")),
        ("password", CreateUser(username="abc", email="x", password="short")),
    ):
        with pytest.raises(InvalidRequest) as error:
            await users.create(wish)
        assert error.value.details["field"] == field
    await make(users)
    with pytest.raises(Conflict):
        await make(users)


async def test_the_owner_gets_a_password_once(users: Users) -> None:
    owner, was_set = await users.ensure_owner()
    assert (owner.username, owner.email, owner.is_admin, was_set) == (
        "admin",
        "admin@localhost",
        True,
        False,
    )
    assert (await users.ensure_owner("first password"))[1]
    assert not (await users.ensure_owner("second password"))[1]
    assert (await users.authenticate("admin", "first password")).id == owner.id


ADMIN = Actor(user_id="admin", username="admin", is_admin=True)


async def test_users_are_numbered_from_one(users: Users) -> None:
    made = [await make(users, name) for name in ("ann", "bob", "cid")]
    assert [user.number for user in made] == [1, 2, 3]


async def test_a_name_is_the_username_unless_another_is_given(users: Users) -> None:
    assert (await make(users)).name == "ann"
    wish = CreateUser(username="bob", email="b@localhost", name="Bob B.")
    assert (await users.create(wish)).name == "Bob B."


@pytest.mark.parametrize(
    ("field", "username", "email", "password"),
    [
        ("username", "jo", "jo@example.org", "long enough"),
        ("username", "j" * 51, "jo@example.org", "long enough"),
        ("username", "jo@example.org", "jo@example.org", "long enough"),
        ("username", "hub:joe", "jo@example.org", "long enough"),
        ("username", "\u0430nn", "jo@example.org", "long enough"),
        ("username", "jos\u00e9", "jo@example.org", "long enough"),
        ("email", "joe", "joe@hub.localhost", "long enough"),
        ("email", "joe", "joe@Hub.Localhost", "long enough"),
        ("email", "joe", "nowhere", "long enough"),
        ("email", "joe", "a b@example.org", "long enough"),
        ("email", "joe", "a@example.org\n", "long enough"),
        ("password", "joe", "jo@example.org", "short"),
        ("password", "joe", "jo@example.org", ""),
    ],
)
async def test_a_registration_is_refused_by_field(
    users: Users, field: str, username: str, email: str, password: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        await users.register(CreateUser(username=username, email=email, password=password))
    assert error.value.details["field"] == field


async def test_a_registration_says_what_is_taken(users: Users) -> None:
    wish = CreateUser(username="joe", email="Joe@Example.org", password="long enough")
    assert (await users.register(wish)).email == "joe@example.org"
    for field, other in (
        ("username", CreateUser(username="joe", email="x@example.org", password="long enough")),
        ("email", CreateUser(username="max", email="JOE@example.org", password="long enough")),
    ):
        with pytest.raises(Conflict) as error:
            await users.register(other)
        assert error.value.details["field"] == field
    assert (await users.authenticate("JOE@example.org", "long enough")).username == "joe"


async def test_names_that_differ_in_case_are_one(users: Users) -> None:
    ann = await make(users, "Ann")
    for other in ("ann", "ANN", "Ann"):
        wish = CreateUser(username=other, email="x@example.org", password="long enough")
        for attempt in (users.register(wish), users.create(wish)):
            with pytest.raises(Conflict, match="this username is taken") as error:
                await attempt
            assert error.value.details["field"] == "username"
        assert (await users.authenticate(other, "long enough")).id == ann.id


async def test_a_changed_password_ends_all_tokens(users: Users) -> None:
    ann = await make(users)
    actor = Actor(user_id=ann.id, username="ann")
    with pytest.raises(InvalidRequest):
        await users.change_password(actor, "wrong", "another one")
    changed = await users.change_password(actor, "long enough", "another one")
    assert changed.token_epoch == ann.token_epoch + 1
    assert (await users.authenticate("ann", "another one")).id == ann.id


async def test_only_administrators_block_promote_and_list(users: Users) -> None:
    ann = await make(users)
    actor = Actor(user_id=ann.id, username="ann")
    for attempt in (
        users.set_active(actor, ann.id, is_active=False),
        users.set_admin(actor, ann.id, is_admin=True),
        users.set_password(actor, ann.id, "another one"),
        users.list(actor),
    ):
        with pytest.raises(NotPermitted, match="Administrative privileges required"):
            await attempt
    assert (await users.set_admin(ADMIN, ann.id, is_admin=True)).role == "admin"
    blocked = await users.set_active(ADMIN, ann.id, is_active=False)
    assert (blocked.is_active, blocked.token_epoch) == (False, 1)


async def test_the_owner_cannot_be_locked_out(users: Users) -> None:
    owner, _ = await users.ensure_owner("first password")
    with pytest.raises(Conflict):
        await users.set_active(ADMIN, owner.id, is_active=False)
    with pytest.raises(Conflict):
        await users.set_admin(ADMIN, owner.id, is_admin=False)
