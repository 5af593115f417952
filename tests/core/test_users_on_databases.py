"""Accounts and logins on real databases: what one server does, the others know."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import Conflict, NotAuthenticated
from notebook_agents.core.external_logins import ExternalProfile
from notebook_agents.core.users import Actor, CreateUser, User
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import fake_core

ADMIN = Actor(user_id="", username="admin", is_admin=True)
PASSWORD = "long enough"


@pytest.fixture
async def servers(url: str, tmp_path: Path) -> AsyncGenerator[tuple[Core, Core], None]:
    """Two servers of one database."""

    def opened() -> Core:
        return fake_core(store=SqlStore.open(url, Holders(tmp_path / secrets.token_hex(4))))

    loop = asyncio.get_running_loop()
    one = await loop.run_in_executor(None, opened)
    two = await loop.run_in_executor(None, opened)
    yield one, two
    await one.aclose()
    await two.aclose()


async def ann_of(core: Core) -> User:
    wish = CreateUser(username="ann", email="ann@example.org", password=PASSWORD)
    return await core.users.register(wish)


async def test_a_token_revoked_on_one_server_is_refused_on_the_other(
    servers: tuple[Core, Core],
) -> None:
    one, two = servers
    ann = await ann_of(one)
    login = await one.logins.start(ann, dialect="netra", lifetime_s=3600)
    assert (await two.logins.check(ann.id, 0, ("jti", login.id))).id == ann.id
    await one.logins.revoke("jti", ann.id, login.expires_at)
    with pytest.raises(NotAuthenticated):
        await two.logins.check(ann.id, 0, ("jti", login.id))
    assert await two.logins.check(ann.id, 0, ("other", login.id))
    await one.logins.end(login.id)
    with pytest.raises(NotAuthenticated):
        await two.logins.check(ann.id, 0, ("other", login.id))


async def test_an_account_disabled_on_one_server_is_refused_on_the_other(
    servers: tuple[Core, Core],
) -> None:
    one, two = servers
    ann = await ann_of(one)
    _, key = await one.api_keys.create(Actor(user_id=ann.id, username="ann"), "k")
    assert (await two.api_keys.authenticate(key))[0].id == ann.id
    await one.users.set_active(ADMIN, ann.id, is_active=False)
    for attempt in (
        two.api_keys.authenticate(key),
        two.logins.check(ann.id, 0, ("jti",)),
        two.users.authenticate("ann", PASSWORD),
    ):
        with pytest.raises(NotAuthenticated):
            await attempt


async def test_of_many_who_renew_at_once_one_wins(servers: tuple[Core, Core]) -> None:
    one, two = servers
    ann = await ann_of(one)
    login = await one.logins.start(ann, dialect="netra", lifetime_s=3600)
    attempts = [core.logins.renew(login.id, 1) for core in (one, two) * 4]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    won = [result for result in results if not isinstance(result, BaseException)]
    assert len(won) == 1
    assert {type(result) for result in results if isinstance(result, BaseException)} == {
        NotAuthenticated
    }


async def test_users_that_are_made_at_once_have_different_numbers(
    servers: tuple[Core, Core],
) -> None:
    one, two = servers
    wishes = [
        CreateUser(username=f"user{n}", email=f"user{n}@example.org", password=PASSWORD)
        for n in range(8)
    ]
    made = await asyncio.gather(
        *((one, two)[n % 2].users.register(wish) for n, wish in enumerate(wishes))
    )
    assert len({user.number for user in made}) == len(wishes)
    assert min(user.number for user in made) == 1


@pytest.mark.parametrize("names", [("same", "same"), ("Same", "sAME")])
async def test_of_two_who_want_one_name_one_gets_it(
    servers: tuple[Core, Core], names: tuple[str, str]
) -> None:
    wishes = [
        CreateUser(username=name, email=f"{n}@example.org", password=PASSWORD)
        for n, name in enumerate(names)
    ]
    attempts = [core.users.register(wish) for core, wish in zip(servers, wishes, strict=True)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [result for result in results if isinstance(result, Conflict)]
    assert len(refused) == 1
    assert refused[0].details["field"] == "username"
    taken = await servers[0].users.authenticate("SAME", PASSWORD)
    assert taken.username in names


async def test_an_external_account_opens_one_account_whoever_asks(
    servers: tuple[Core, Core],
) -> None:
    one, two = servers
    profile = ExternalProfile(
        issuer="https://issuer.example.org",
        subject="1",
        email="ann@example.org",
        is_email_verified=True,
    )
    first = await one.external_logins.enter(profile)
    again = await two.external_logins.enter(profile)
    assert (first.id, again.number) == (again.id, 1)
