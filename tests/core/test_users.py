"""Accounts and credentials: nothing is accepted that was not given, nothing is stored in clear."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notebook_agents.core.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound
from notebook_agents.core.ports import Patch
from notebook_agents.core.users import Actor, ApiKey, CreateUser, User, Users
from notebook_agents.testing import FakeClock, MemoryStore, PlainHasher


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


async def test_a_key_works_until_it_is_revoked(users: Users, store: MemoryStore) -> None:
    ann = await make(users)
    actor = Actor(user_id=ann.id, username="ann")
    key, secret = await users.create_key(actor, "laptop")
    assert secret.startswith(key.prefix)
    stored = await store.get(ApiKey, key.id)
    assert secret not in repr(stored)
    assert (await users.authenticate_key(secret)).id == ann.id
    assert (await users.list_keys(actor)).items[0].last_used is not None
    await users.revoke_key(actor, key.id)
    await users.revoke_key(actor, key.id)
    with pytest.raises(NotAuthenticated):
        await users.authenticate_key(secret)


async def test_a_key_expires(users: Users, clock: FakeClock) -> None:
    ann = await make(users)
    actor = Actor(user_id=ann.id, username="ann")
    _, secret = await users.create_key(actor, "x", expires_at=clock.now() + timedelta(hours=1))
    assert await users.authenticate_key(secret)
    clock.advance(3601)
    with pytest.raises(NotAuthenticated):
        await users.authenticate_key(secret)


async def test_foreign_keys_cannot_be_seen_or_revoked(users: Users) -> None:
    ann = await make(users)
    key, _ = await users.create_key(Actor(user_id=ann.id, username="ann"), "x")
    bob = Actor(user_id="bob", username="bob")
    assert (await users.list_keys(bob)).total == 0
    with pytest.raises(NotFound):
        await users.revoke_key(bob, key.id)


async def test_a_token_is_revoked_for_good(users: Users, clock: FakeClock) -> None:
    assert not await users.is_revoked("jti")
    for _ in range(2):
        await users.revoke_token("jti", "ann", clock.now())
    assert await users.is_revoked("jti")
