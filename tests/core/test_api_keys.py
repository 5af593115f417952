"""API keys: shown once, kept as a digest, good for some scopes, until they end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notebook_agents.core.api_keys import DEFAULT_SCOPES, ApiKey, ApiKeys
from notebook_agents.core.errors import InvalidRequest, NotAuthenticated, NotFound, NotPermitted
from notebook_agents.core.users import SCOPES, Actor, CreateUser, User, Users
from notebook_agents.testing import FakeClock, MemoryStore, PlainHasher


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def keys(store: MemoryStore, clock: FakeClock) -> ApiKeys:
    return ApiKeys(store, clock)


@pytest.fixture
def users(store: MemoryStore, clock: FakeClock) -> Users:
    return Users(store, clock, PlainHasher())


async def ann_of(users: Users) -> tuple[User, Actor]:
    ann = await users.create(CreateUser(username="ann", email="ann@localhost"))
    return ann, Actor(user_id=ann.id, username="ann")


async def test_a_key_works_until_it_is_revoked(
    keys: ApiKeys, users: Users, store: MemoryStore
) -> None:
    ann, actor = await ann_of(users)
    key, secret = await keys.create(actor, "laptop")
    assert secret.startswith(key.prefix)
    assert secret not in repr(await store.get(ApiKey, key.id))
    assert (await keys.authenticate(secret))[0].id == ann.id
    assert (await keys.list(actor)).items[0].last_used is not None
    await keys.revoke(actor, key.id)
    await keys.revoke(actor, key.id)
    with pytest.raises(NotAuthenticated):
        await keys.authenticate(secret)


async def test_a_key_expires(keys: ApiKeys, users: Users, clock: FakeClock) -> None:
    _, actor = await ann_of(users)
    _, secret = await keys.create(actor, "x", expires_at=clock.now() + timedelta(hours=1))
    assert await keys.authenticate(secret)
    clock.advance(3601)
    with pytest.raises(NotAuthenticated):
        await keys.authenticate(secret)
    with pytest.raises(InvalidRequest):
        await keys.create(actor, "x", expires_at=clock.now() - timedelta(hours=1))


async def test_foreign_keys_cannot_be_seen_or_revoked(keys: ApiKeys, users: Users) -> None:
    _, actor = await ann_of(users)
    key, _ = await keys.create(actor, "x")
    bob = Actor(user_id="bob", username="bob")
    assert (await keys.list(bob)).total == 0
    with pytest.raises(NotFound):
        await keys.revoke(bob, key.id)


async def test_a_key_administrates_only_when_that_was_said(keys: ApiKeys, users: Users) -> None:
    ann, actor = await ann_of(users)
    assert (await keys.create(actor, "x"))[0].scopes == ("read", "run", "write")
    with pytest.raises(NotPermitted, match="only an administrator's key can have the scope"):
        await keys.create(actor, "x", scopes=["admin", "read"])
    actor = Actor(user_id=ann.id, username="ann", is_admin=True)
    key, _ = await keys.create(actor, "x", scopes=["admin", "read"])
    assert key.scopes == ("read", "admin")


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\x1b[31m", "a\u202eb", "a\x00"])
async def test_names_that_make_no_list_are_refused(keys: ApiKeys, users: Users, name: str) -> None:
    _, actor = await ann_of(users)
    with pytest.raises(InvalidRequest) as error:
        await keys.create(actor, name)
    assert error.value.details["field"] == "name"
    assert (await keys.create(actor, "Zoë's key 🔑"))[0].name == "Zoë's key 🔑"


@pytest.mark.parametrize("scopes", [[], ["fly"]])
async def test_scopes_that_make_no_sense_are_refused(
    keys: ApiKeys, users: Users, scopes: list[str]
) -> None:
    _, actor = await ann_of(users)
    with pytest.raises(InvalidRequest) as error:
        await keys.create(actor, "x", scopes=scopes)
    assert error.value.details["field"] == "scopes"


async def test_no_key_is_good_for_more_than_what_it_is_made_with(
    keys: ApiKeys, users: Users
) -> None:
    ann, _ = await ann_of(users)
    reader = Actor(user_id=ann.id, username="ann", scopes=frozenset({"read"}))
    assert (await keys.create(reader, "x"))[0].scopes == ("read",)
    with pytest.raises(NotPermitted, match="lacks the scope 'run'; it has: read"):
        await keys.create(reader, "x", scopes=["read", "run"])


async def test_a_key_makes_keys_only_when_it_administrates(keys: ApiKeys, users: Users) -> None:
    ann, _ = await ann_of(users)
    for scopes, is_good in ((DEFAULT_SCOPES, False), (SCOPES, True)):
        actor = Actor(
            user_id=ann.id, username="ann", credential="api_key", scopes=frozenset(scopes)
        )
        if is_good:
            assert await keys.create(actor, "x", scopes=["read"])
            continue
        with pytest.raises(NotPermitted, match="lacks the scope 'admin'"):
            await keys.create(actor, "x", scopes=["read"])


async def test_a_blocked_accounts_keys_are_refused(keys: ApiKeys, users: Users) -> None:
    ann, actor = await ann_of(users)
    _, secret = await keys.create(actor, "x")
    await users.renew(ann.id, is_active=False)
    with pytest.raises(NotAuthenticated):
        await keys.authenticate(secret)
