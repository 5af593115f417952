"""Agents are checked when saved, change field by field, and are their owner's alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from notebook_agents.core.agents import IDLE_AFTER, AgentChanges, CreateAgent, ListAgents, is_idle
from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest, NotFound, SandboxUnavailable
from notebook_agents.core.events import AgentDeleted
from notebook_agents.core.users import Actor
from notebook_agents.testing import MemoryStore, ScriptedTools

ANN = Actor(user_id="ann", username="ann")
BOB = Actor(user_id="bob", username="bob")
ROOT = Actor(user_id="root", username="root", is_admin=True)


@pytest.fixture
def core(make_core: Callable[..., Core]) -> Core:
    return make_core()


async def test_defaults_come_from_the_deployment(core: Core) -> None:
    agent = await core.agents.create(ANN, CreateAgent(name="a"))
    assert (agent.status, agent.model, agent.security_level) == (
        "created",
        "notebook-agents/tiny",
        "medium",
    )
    assert agent.tools == ("python_executor",)
    assert (agent.max_memory_mb, agent.timeout_s) == (2048, 300.0)
    assert await core.agents.get(ANN, agent.id) == agent


async def test_an_agent_is_idle_five_minutes_after_its_last_run(core: Core) -> None:
    agent = await core.agents.create(ANN, CreateAgent(name="a"))
    now = agent.created_at
    assert is_idle(agent, now)
    used = replace(agent, last_used=now)
    assert not is_idle(used, now + IDLE_AFTER)
    assert is_idle(used, now + IDLE_AFTER * 1.01)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"name": " "}, "name"),
        ({"model": "no/such"}, "model"),
        ({"tools": ("hammer",)}, "tools"),
        ({"security_level": "LOW"}, "security_level"),
        ({"timeout_s": 0.0}, "timeout_seconds"),
        ({"max_memory_mb": 127}, "max_memory_mb"),
    ],
)
async def test_a_wrong_wish_names_its_field(core: Core, wish: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        await core.agents.create(ANN, CreateAgent(**({"name": "a"} | wish)))
    assert error.value.details["field"] == field
    assert (await core.agents.list(ANN, ListAgents())).total == 0


async def test_a_level_that_cannot_be_enforced_is_refused_at_once(core: Core) -> None:
    with pytest.raises(SandboxUnavailable):
        await core.agents.create(ANN, CreateAgent(name="a", security_level="high"))
    agent = await core.agents.create(ANN, CreateAgent(name="a", security_level="low"))
    with pytest.raises(SandboxUnavailable):
        await core.agents.update(ANN, agent.id, AgentChanges(security_level="high"))
    assert (await core.agents.get(ANN, agent.id)).security_level == "low"


async def test_an_update_keeps_what_it_does_not_name(core: Core) -> None:
    agent = await core.agents.create(ANN, CreateAgent(name="a", description="d"))
    updated = await core.agents.update(ANN, agent.id, AgentChanges(name="b", max_memory_mb=4096))
    assert (updated.name, updated.description, updated.max_memory_mb) == ("b", "d", 4096)
    assert updated.updated_at > agent.updated_at
    with pytest.raises(InvalidRequest):
        await core.agents.update(ANN, agent.id, AgentChanges(model="no/such"))
    assert (await core.agents.get(ANN, agent.id)) == updated


async def test_a_list_filters_and_pages(core: Core) -> None:
    for number in range(5):
        model = "other/model" if number % 2 else None
        await core.agents.create(ANN, CreateAgent(name=f"a{number}", model=model))
    page = await core.agents.list(ANN, ListAgents(limit=2, offset=1))
    assert ([a.name for a in page.items], page.total) == (["a3", "a2"], 5)
    page = await core.agents.list(ANN, ListAgents(model="other/model"))
    assert [a.name for a in page.items] == ["a3", "a1"]


async def test_ensure_makes_an_agent_once(core: Core) -> None:
    first = await core.agents.ensure(ANN, CreateAgent(name="notebook"))
    assert await core.agents.ensure(ANN, CreateAgent(name="notebook")) == first
    assert (await core.agents.ensure(BOB, CreateAgent(name="notebook"))).id != first.id


async def test_ensure_makes_one_agent_however_many_ask_at_once(core: Core) -> None:
    wish = CreateAgent(name="notebook")
    agents = await asyncio.gather(*(core.agents.ensure(ANN, wish) for _ in range(5)))
    assert len({agent.id for agent in agents}) == 1


async def test_an_agent_made_without_a_list_of_tools_has_those_that_are_new(
    make_core: Callable[..., Core],
) -> None:
    tools, store = ScriptedTools({"python_executor": repr}), MemoryStore()
    core = make_core(tools=tools, store=store)
    wish = CreateAgent(name="notebook")
    made = await core.agents.ensure(ANN, wish)
    renamed = await core.agents.update(ANN, made.id, AgentChanges(description="mine"))
    tools.functions["inspect_variable"] = repr
    followed = await core.agents.ensure(ANN, wish)
    assert followed == replace(renamed, tools=("python_executor", "inspect_variable"))
    assert await core.agents.get(ANN, made.id) == followed
    assert (await core.agents.list(ANN, ListAgents())).items == (followed,)
    # A kernel with fewer tools takes none away from the others.
    kernel = make_core(tools=ScriptedTools({"inspect_variable": repr}), store=store)
    assert (await kernel.agents.ensure(ANN, wish)).tools == ("inspect_variable",)
    assert await core.agents.get(ANN, made.id) == followed


async def test_tools_that_somebody_chose_stay_as_they_are(make_core: Callable[..., Core]) -> None:
    tools = ScriptedTools({"python_executor": repr, "file_reader": repr})
    core = make_core(tools=tools)
    few = CreateAgent(name="few", tools=("file_reader",))
    edited = await core.agents.ensure(ANN, CreateAgent(name="edited"))
    edited = await core.agents.update(ANN, edited.id, AgentChanges(tools=("file_reader",)))
    own = await core.agents.create(ANN, CreateAgent(name="own", tools=core.tools.names()))
    ensured = await core.agents.ensure(ANN, few)
    tools.functions["inspect_variable"] = repr
    assert await core.agents.ensure(ANN, few) == ensured
    for agent in (edited, own):
        assert await core.agents.ensure(ANN, CreateAgent(name=agent.name)) == agent


async def test_foreign_agents_do_not_exist(core: Core) -> None:
    agent = await core.agents.create(ANN, CreateAgent(name="a"))
    for use in (core.agents.get, core.agents.delete, core.agents.statistics):
        with pytest.raises(NotFound):
            await use(BOB, agent.id)
    with pytest.raises(NotFound):
        await core.agents.update(BOB, agent.id, AgentChanges(name="mine"))
    assert await core.agents.get(ROOT, agent.id) == agent


async def test_what_happens_to_an_agent_is_an_event(core: Core) -> None:
    agent = await core.agents.create(ANN, CreateAgent(name="a"))
    await core.agents.update(ANN, agent.id, AgentChanges(name="b"))
    await core.agents.delete(ANN, agent.id)
    with pytest.raises(NotFound):
        await core.agents.get(ANN, agent.id)
    events = await core.journal.read("system")
    assert [e.type for e in events] == ["agent_created", "agent_updated", "agent_deleted"]
    assert {(e.agent_id, e.user_id) for e in events} == {(agent.id, "ann")}


async def test_what_an_admin_does_to_an_agent_is_told_to_its_owner(core: Core) -> None:
    agent = await core.agents.create(ANN, CreateAgent(name="a"))
    await core.agents.delete(ROOT, agent.id)
    event = (await core.journal.read("system"))[-1]
    assert isinstance(event.body, AgentDeleted)
    assert (event.user_id, event.body.by) == ("ann", ROOT.user_id)
