"""A05 at the doors: whatever says a level below the deployment's, and nonsense, lowers nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.agents import AgentChanges, CreateAgent
from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest
from notebook_agents.core.tools import ExecuteTool
from notebook_agents.core.users import Actor
from notebook_agents.testing import FakeSandbox, ScriptedEngine, ScriptedTools, call, fake_core
from notebook_agents.testing.core import python_executor
from notebook_agents_server.testing import Client

EXECUTE = "/v1/tools/python_executor/execute"
API = "/notebook-agents/agent_api/api/v1"
NONSENSE: tuple[Any, ...] = ("none", "LOW", "", -1, 0, True, ["low"], {"level": "low"})
WISHES = {"security_level": "low", "level": "low", "sandbox_level": "low", "sandbox": False}


@pytest.fixture
def made() -> ScriptedTools:
    return ScriptedTools({"python_executor": python_executor})


@pytest.fixture
def core(engine: ScriptedEngine, made: ScriptedTools, tmp_path: Path) -> Core:
    """A deployment whose level is medium, on a machine that has all three."""
    sandbox = FakeSandbox("low", "medium", "high")
    return fake_core(engine=engine, tools=made, sandbox=sandbox, home=tmp_path / "work")


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


async def test_a05_nonsense_is_refused_and_changes_no_agent(
    client: Client, made: ScriptedTools
) -> None:
    agent = (await client.post("/v1/agents", {"name": "a", "security_level": "high"})).json
    path = f"/v1/agents/{agent['agent_id']}"
    for level in NONSENSE:
        wish = {"name": "b", "security_level": level}
        code = {"parameters": {"code": "1"}, "security_context": {"security_level": level}}
        for answer in (
            await client.post("/v1/agents", wish),
            await client.put(path, {"security_level": level}),
            await client.post(EXECUTE, code),
        ):
            assert answer.status in {400, 422}, (level, answer.body)
    assert (await client.get(path)).json["security_level"] == "high"
    assert made.invocations == []


async def test_a05_a_call_that_asks_for_less_gets_the_level_of_the_deployment(
    client: Client, made: ScriptedTools
) -> None:
    for level, expected in (("low", "medium"), (None, "medium"), ("high", "high")):
        body = {"parameters": {"code": "1"}, "security_context": {"security_level": level}}
        assert (await client.post(EXECUTE, body)).status == 200
        assert made.invocations[-1].level == expected


async def test_a05_levels_among_arguments_and_options_are_refused(
    client: Client, made: ScriptedTools
) -> None:
    for name, value in WISHES.items():
        told = {name: value}
        for path, body in (
            (EXECUTE, {"parameters": {"code": "1", **told}}),
            (EXECUTE, {"parameters": {"code": "1"}, **told}),
            (f"{API}/sessions", {"sdk_options": told}),
            (f"{API}/sessions", {"sdk_options": {"model": "other/model"}, **told}),
        ):
            answer = await client.post(path, body)
            assert answer.status in {400, 422}, (path, body, answer.body)
    assert made.invocations == []


async def test_a05_agents_metadata_and_notebooks_that_say_low_run_at_the_level_of_the_deployment(
    client: Client, engine: ScriptedEngine, made: ScriptedTools
) -> None:
    lowered = call("python_executor", "c2", code="1", security_level="low")
    engine.script = [[call("python_executor", "c1", code="1")], [lowered], "done"]
    wish = {"name": "a", "model": "other/model", "security_level": "low", "metadata": WISHES}
    agent = (await client.post("/v1/agents", wish)).json
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {**WISHES, "notebook_agents": WISHES},
        "cells": [{"cell_type": "markdown", "id": "a", "metadata": WISHES, "source": "# x"}],
    }
    content = base64.b64encode(json.dumps(notebook).encode()).decode()
    attached = {"type": "file", "name": "a.ipynb", "content": content}
    body = {"message": "go", "context": {"metadata": WISHES}, "attachments": [attached]}
    answer = await client.post(f"/v1/agents/{agent['agent_id']}/conversations", body)
    assert answer.status in {200, 201}, answer.body
    assert [each.level for each in made.invocations] == ["medium"]


async def test_a05_what_calls_the_core_itself_is_refused_in_words(core: Core) -> None:
    actor = Actor(user_id="ann", username="ann")
    agent = await core.agents.create(actor, CreateAgent(name="a"))
    for level in ("none", "LOW", -1, ["low"]):
        wish = ExecuteTool(name="python_executor", arguments={"code": "1"}, level=level)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="level"):
            await core.tools.execute(actor, wish)
        with pytest.raises(InvalidRequest, match="level"):
            await core.agents.create(actor, CreateAgent(name="b", security_level=level))  # type: ignore[arg-type]
        changes = AgentChanges(security_level=level)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="level"):
            await core.agents.update(actor, agent.id, changes)
