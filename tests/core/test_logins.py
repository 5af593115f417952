"""Logins: tokens follow each other, and what was ended stays ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from notebook_agents.core.errors import NotAuthenticated
from notebook_agents.core.logins import CLOCKS_APART, Login, Logins, RevokedToken
from notebook_agents.core.ports import Query
from notebook_agents.core.users import CreateUser, User, Users
from notebook_agents.testing import FakeClock, MemoryStore, PlainHasher, fake_core


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def users(store: MemoryStore, clock: FakeClock) -> Users:
    return Users(store, clock, PlainHasher())


@pytest.fixture
def logins(store: MemoryStore, clock: FakeClock) -> Logins:
    return Logins(store, clock)


async def ann_of(users: Users) -> User:
    return await users.create(CreateUser(username="ann", email="ann@localhost"))


async def test_a_login_is_renewed_once_per_generation(logins: Logins, users: Users) -> None:
    ann = await ann_of(users)
    login = await logins.start(ann, dialect="netra", lifetime_s=60)
    user, second = await logins.renew(login.id, 1)
    assert (user.id, second.generation, second.dialect) == (ann.id, 2, "netra")
    assert (await logins.renew(login.id, 2))[1].generation == 3


async def test_a_used_generation_ends_the_login(logins: Logins, users: Users) -> None:
    ann = await ann_of(users)
    login = await logins.start(ann, dialect="netra", lifetime_s=60)
    await logins.renew(login.id, 1)
    assert await logins.check(ann.id, 0, ("jti", login.id))
    for generation in (1, 2):
        with pytest.raises(NotAuthenticated):
            await logins.renew(login.id, generation)
    with pytest.raises(NotAuthenticated):
        await logins.check(ann.id, 0, ("jti", login.id))


async def test_a_login_expires_and_can_be_ended(
    logins: Logins, users: Users, clock: FakeClock
) -> None:
    ann = await ann_of(users)
    login = await logins.start(ann, dialect="netra", lifetime_s=60)
    clock.advance(61)
    with pytest.raises(NotAuthenticated):
        await logins.renew(login.id, 1)
    other = await logins.start(ann, dialect="netra", lifetime_s=60)
    await logins.end(other.id)
    await logins.end(other.id)
    await logins.end("nothing")
    with pytest.raises(NotAuthenticated):
        await logins.renew(other.id, 1)


async def test_tokens_of_an_earlier_epoch_or_a_blocked_account_are_refused(
    logins: Logins, users: Users
) -> None:
    ann = await ann_of(users)
    login = await logins.start(ann, dialect="netra", lifetime_s=60)
    assert await logins.check(ann.id, 0, ("jti",))
    await users.renew(ann.id)
    for attempt in (logins.check(ann.id, 0, ("jti",)), logins.renew(login.id, 1)):
        with pytest.raises(NotAuthenticated):
            await attempt
    await users.renew(ann.id, is_active=False)
    with pytest.raises(NotAuthenticated):
        await logins.check(ann.id, 2, ("jti",))


async def test_a_token_is_revoked_for_good(logins: Logins, users: Users, clock: FakeClock) -> None:
    ann = await ann_of(users)
    assert await logins.revoke("jti", ann.id, clock.now())
    assert not await logins.revoke("jti", ann.id, clock.now())
    with pytest.raises(NotAuthenticated):
        await logins.check(ann.id, 0, ("other", "jti"))


async def test_what_has_expired_long_ago_is_forgotten(
    store: MemoryStore, logins: Logins, users: Users, clock: FakeClock
) -> None:
    ann = await ann_of(users)
    old, new = [await logins.start(ann, dialect="netra", lifetime_s=s) for s in (3600, 86_400)]
    for login in (old, new):
        await logins.end(login.id)

    async def left() -> list[set[str]]:
        await logins.purge()
        kinds: tuple[type[Login | RevokedToken], ...] = (Login, RevokedToken)
        return [{r.id for r in (await store.find(kind, Query())).items} for kind in kinds]

    clock.advance(3600 + CLOCKS_APART.total_seconds() - 1)
    assert await left() == [{old.id, new.id}] * 2
    clock.advance(60)
    assert await left() == [{new.id}, {old.id, new.id}], "a token of its last moment is valid"
    with pytest.raises(NotAuthenticated):
        await logins.check(ann.id, 0, (old.id,))
    clock.advance(3600)
    assert await left() == [{new.id}] * 2


async def test_a_server_that_starts_forgets_what_has_expired(
    tmp_path: Path, clock: FakeClock
) -> None:
    store = MemoryStore()
    core = fake_core(home=tmp_path, clock=clock, store=store)
    login = await core.logins.start(await ann_of(core.users), dialect="netra", lifetime_s=60)
    clock.advance(CLOCKS_APART.total_seconds() + 90)
    await core.start()
    async with asyncio.timeout(60):
        while await store.get(Login, login.id):  # noqa: ASYNC110 - nobody says when it is gone
            await asyncio.sleep(0)
    await core.aclose()
