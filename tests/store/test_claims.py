"""A claim gives every record to one of those who ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.api_keys import ApiKey
from notebook_agents.core.ports import Insert, Query, Store
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import MemoryStore

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
DUE = Query(at_most={"expires_at": NOW}, limit=100)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Store]]:
    """The same records, opened by three who could be processes of their own."""
    if request.param == "memory":
        yield [MemoryStore()] * 3
        return
    url = f"sqlite:///{tmp_path}/store.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("own_schema_url")
    loop = asyncio.get_running_loop()
    opened: list[Store] = [
        await loop.run_in_executor(None, SqlStore.open, url, Holders(tmp_path / f"holders{n}"))
        for n in range(3)
    ]
    yield opened
    for store in opened:
        await store.aclose()


def key(number: int, **fields: Any) -> ApiKey:
    values: dict[str, Any] = {
        "id": f"k{number:03}",
        "owner_id": "u",
        "name": f"key {number}",
        "prefix": "p",
        "digest": f"d{number}",
        "created_at": NOW + timedelta(seconds=number),
        "expires_at": NOW,
    }
    return ApiKey(**(values | fields))


async def test_each_record_is_claimed_once_by_whoever_asks_at_once(stores: list[Store]) -> None:
    await stores[0].commit(*(Insert(record=key(n)) for n in range(120)))

    async def claim_all(store: Store, name: str) -> list[str]:
        claimed: list[str] = []
        few = Query(at_most={"expires_at": NOW}, limit=7)
        while some := await store.claim(ApiKey, few, {"expires_at": LATER, "name": name}):
            assert len(some) <= 7
            assert {(k.expires_at, k.name) for k in some} == {(LATER, name)}
            claimed += [k.id for k in some]
        return claimed

    each = await asyncio.gather(*(claim_all(s, f"c{n}") for n, s in enumerate(stores)))
    # Those whose rows were locked for a moment saw none: what they left is taken now.
    rest = await claim_all(stores[0], "rest")
    assert sorted(id for ids in (*each, rest) for id in ids) == [f"k{n:03}" for n in range(120)]


async def test_claimed_are_the_oldest_that_match(stores: list[Store]) -> None:
    store = stores[0]
    records = [key(3), key(1), key(2), key(4, expires_at=LATER), key(5, expires_at=None)]
    await store.commit(*(Insert(record=record) for record in records))
    two = Query(at_most={"expires_at": NOW}, where={"owner_id": "u"}, limit=2)
    claimed = await store.claim(ApiKey, two, {"expires_at": LATER})
    assert [k.id for k in claimed] == ["k001", "k002"]
    assert [k.id for k in await store.claim(ApiKey, DUE, {"expires_at": LATER})] == ["k003"]
    assert await store.claim(ApiKey, DUE, {"expires_at": LATER}) == []


async def test_what_is_claimed_is_kept(stores: list[Store]) -> None:
    await stores[0].commit(Insert(record=key(1)))
    (claimed,) = await stores[1].claim(ApiKey, DUE, {"expires_at": LATER})
    assert await stores[2].get(ApiKey, "k001") == claimed
