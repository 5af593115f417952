"""The store keeps records whole, commits all or nothing and walks message chains."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.agents import Agent
from notebook_agents.core.api_keys import ApiKey
from notebook_agents.core.conversations import Conversation, MessageNode
from notebook_agents.core.errors import Conflict, NotFound
from notebook_agents.core.messages import ToolCallPart, assistant_message, user_message
from notebook_agents.core.models import Sampling
from notebook_agents.core.policy import ASK_POLICY
from notebook_agents.core.ports import Delete, Insert, Patch, Query, Replace, Store
from notebook_agents.core.runs import Limits, PendingApproval, Run
from notebook_agents.core.users import User
from notebook_agents.store.holders import Holders
from notebook_agents.store.store import SqlStore
from notebook_agents.testing import MemoryStore

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    name = {"sqlite": "sqlite_url", "postgresql": "own_schema_url"}[request.param]
    opened = SqlStore.open(request.getfixturevalue(name), Holders(tmp_path / "holders"))
    yield opened
    await opened.aclose()


def agent(number: int = 0, **changes: Any) -> Agent:
    values: dict[str, Any] = {
        "id": f"a{number}",
        "owner_id": "u",
        "name": f"agent {number}",
        "tools": ("python_executor",),
        "sampling": Sampling(temperature=0.5, stop=("x",)),
        "policy": ASK_POLICY,
        "metadata": {"nested": {"é": [1, None]}},
        "created_at": NOW + timedelta(seconds=number),
        "updated_at": NOW,
    }
    return Agent(**(values | changes))


async def test_a_record_comes_back_equal(store: Store) -> None:
    run = Run(
        id="r",
        owner_id="u",
        agent_id="a",
        conversation_id="c",
        model="m",
        input=user_message("hello"),
        limits=Limits(max_tokens=7, max_cost_usd=0.5),
        pending=(
            PendingApproval(
                call=ToolCallPart(call_id="1", name="t", arguments={"n": 1.5}),
                reason="asks",
                requested_at=NOW,
            ),
        ),
        created_at=NOW,
    )
    user = User(id="u", username="ann", email="ann@localhost", created_at=NOW, updated_at=NOW)
    for record in (agent(), run, user):
        await store.commit(Insert(record=record))
        assert await store.get(type(record), record.id) == record
    assert await store.get(Agent, "nobody") is None


async def test_find_filters_orders_and_counts(store: Store) -> None:
    await store.commit(
        *(Insert(record=agent(n, status="active" if n % 2 else "created")) for n in range(6))
    )
    await store.commit(Insert(record=agent(9, owner_id="other")))
    page = await store.find(Agent, Query(where={"owner_id": "u"}, limit=2, offset=1))
    assert ([a.id for a in page.items], page.total) == (["a4", "a3"], 6)
    page = await store.find(
        Agent, Query(where={"owner_id": "u", "status": ("active",)}, oldest_first=True)
    )
    assert [a.id for a in page.items] == ["a1", "a3", "a5"]
    counts = await store.count(Agent, Query(where={"owner_id": "u"}), "status")
    assert dict(counts) == {"active": 3, "created": 3}


async def test_a_commit_is_all_or_nothing(store: Store) -> None:
    await store.commit(Insert(record=agent(0)))
    with pytest.raises(Conflict):
        await store.commit(Insert(record=agent(1)), Insert(record=agent(0)))
    assert await store.get(Agent, "a1") is None


async def test_a_taken_unique_field_is_named(store: Store) -> None:
    user = User(id="1", username="ann", email="a@x", created_at=NOW, updated_at=NOW)
    await store.commit(Insert(record=user))
    with pytest.raises(Conflict) as error:
        await store.commit(
            Insert(record=replace(user, id="2", number=2, username_key="x", email="b@x"))
        )
    assert error.value.details["field"] == "username"


async def test_expected_values_guard_a_change(store: Store) -> None:
    await store.commit(Insert(record=agent(0)))
    await store.commit(
        Patch(kind=Agent, id="a0", fields={"status": "active"}, expected={"status": "created"})
    )
    with pytest.raises(Conflict):
        await store.commit(
            Patch(kind=Agent, id="a0", fields={"name": "x"}, expected={"status": "created"})
        )
    with pytest.raises(Conflict):
        await store.commit(Replace(record=agent(0), expected={"status": "created"}))
    with pytest.raises(NotFound):
        await store.commit(Patch(kind=Agent, id="no", fields={"name": "x"}))
    stored = await store.get(Agent, "a0")
    assert stored is not None
    assert (stored.status, stored.name) == ("active", "agent 0")


async def test_json_fields_can_be_patched_and_records_deleted(store: Store) -> None:
    await store.commit(Insert(record=agent(0)))
    await store.commit(
        Patch(kind=Agent, id="a0", fields={"sampling": Sampling(seed=3), "last_used": NOW})
    )
    stored = await store.get(Agent, "a0")
    assert stored is not None
    assert (stored.sampling, stored.last_used) == (Sampling(seed=3), NOW)
    await store.commit(Delete(kind=Agent, id="a0"), Delete(kind=Agent, id="a0"))
    assert await store.get(Agent, "a0") is None


async def test_a_chain_is_walked_from_any_tip_and_forks_share_it(store: Store) -> None:
    nodes = [
        MessageNode(
            id=f"m{n}",
            parent_id=f"m{n - 1}" if n else "",
            conversation_id="c",
            run_id="r",
            created_at=NOW,
            message=user_message(f"{n}") if n % 2 == 0 else assistant_message(f"{n}"),
        )
        for n in range(50)
    ]
    await store.commit(*(Insert(record=node) for node in nodes))
    fork = replace(nodes[10], id="f", parent_id="m9")
    await store.commit(Insert(record=fork))
    assert await store.chain("m49") == nodes
    assert await store.chain("f") == [*nodes[:10], fork]
    assert await store.chain("") == []


async def test_a_closed_store_can_be_opened_again(sqlite_url: str, tmp_path: Path) -> None:
    first = SqlStore.open(sqlite_url, Holders(tmp_path / "holders"))
    conversation = Conversation(id="c", owner_id="u", agent_id="a", created_at=NOW, updated_at=NOW)
    await first.commit(Insert(record=conversation))
    await first.aclose()
    second = SqlStore.open(sqlite_url, Holders(tmp_path / "holders"))
    assert await second.get(Conversation, "c") == conversation
    await second.aclose()


async def test_a_key_is_found_by_its_digest(store: Store) -> None:
    key = ApiKey(id="k", owner_id="u", name="n", prefix="nba_x", digest="d", created_at=NOW)
    await store.commit(Insert(record=key))
    assert (await store.find(ApiKey, Query(where={"digest": "d"}))).items == (key,)


async def test_nobody_else_reads_the_files_of_a_database(sqlite_url: str, tmp_path: Path) -> None:
    def modes() -> dict[str, int]:
        return {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("store.db*")}

    for _ in ("made", "found open to all"):
        opened = SqlStore.open(sqlite_url, Holders(tmp_path / "holders"))
        assert modes() == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm"), 0o600)
        await opened.aclose()
        (tmp_path / "store.db").chmod(0o644)
