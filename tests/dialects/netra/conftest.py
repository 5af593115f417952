"""Clients of Netra's API at both of its mounts, and a workflow that tests can hold or break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.errors import InvalidRequest, NotebookAgentsError, NotFound
from notebook_agents.core.events import EventBody, WorkflowStepFinished, WorkflowStepStarted
from notebook_agents.core.users import Actor, CreateUser
from notebook_agents.core.workflows import WorkflowAnswer, WorkflowTask
from notebook_agents.testing import ScriptedEngine, fake_core
from notebook_agents_server.testing import Client, Socket

PASSWORD = "correct horse"
STEPS = ("triage", "data", "optimization", "actions", "report")
RESULT: dict[str, Any] = {
    "recommendations": [
        {
            "action": "Switch to A100 GPUs",
            "impact": "30% performance improvement",
            "cost_change": "+15%",
        }
    ],
    "supply_config": {"gpu": "A100"},
    "metrics": {"cost_usd": 12.5},
    "actions": ["Move job 1"],
}


class ScriptedOptimization:
    """Goes through the steps and finds what it always finds."""

    name = "optimization"

    def __init__(self) -> None:
        self.tasks: list[WorkflowTask] = []
        self.gates: dict[str, asyncio.Event] = {}
        """Steps that wait until a test lets them go on."""
        self.failure: NotebookAgentsError | None = None
        """What the data step ends with."""

    async def check(self, actor: Actor, parameters: Mapping[str, Any]) -> None:
        if parameters.get("workload_id") == "wl-unknown":
            raise NotFound("workload", "wl-unknown")
        if parameters.get("priority") not in {None, "cost", "performance"}:
            raise InvalidRequest("priority must be cost or performance", field="priority")

    async def work(self, task: WorkflowTask) -> AsyncGenerator[EventBody | WorkflowAnswer, None]:
        self.tasks.append(task)
        for number, step in enumerate(STEPS):
            yield WorkflowStepStarted(step=step, message=f"{step} begins", progress=20 * number)
            if gate := self.gates.get(step):
                await gate.wait()
            if step == "data" and self.failure is not None:
                raise self.failure
            text = await task.write("Report", "facts") if step == "report" else ""
            progress = 20 * (number + 1)
            yield WorkflowStepFinished(step=step, message=f"{step} is done", progress=progress)
        yield WorkflowAnswer(text=text, result=RESULT)


@dataclass(frozen=True, slots=True)
class People:
    """Who asks."""

    owner: Client
    ann: Client
    bob: Client
    nobody: Client


@pytest.fixture
def optimization() -> ScriptedOptimization:
    return ScriptedOptimization()


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path, optimization: ScriptedOptimization) -> Core:
    engine.script = ["Use A100 GPUs."] * 20
    workflows = {optimization.name: optimization}
    return fake_core(engine=engine, home=tmp_path / "workspaces", workflows=workflows)


@pytest.fixture
def settings() -> dict[str, Any]:
    """How often somebody may ask is tested elsewhere."""
    return {"rate_limiting": False}


@pytest.fixture(params=["", "/notebook-agents/netra"], ids=["root", "prefix"])
def netra(request: pytest.FixtureRequest, client: Client) -> Client:
    """The owner, at one of the mounts."""
    return client.below(request.param)


@pytest.fixture
async def people(netra: Client, client: Client, core: Core) -> AsyncGenerator[People, None]:
    clients = {}
    for name in ("ann", "bob"):
        wish = CreateUser(username=name, email=f"{name}@example.org", password=PASSWORD)
        await core.users.create(wish)
        login = await client.post("/v1/auth/login", {"username": name, "password": PASSWORD})
        clients[name] = netra.holding(login.json["access_token"])
    yield People(netra, clients["ann"], clients["bob"], netra.holding(None))  # noqa: PT022 - only generators run on the loop of the tests


DOCUMENTED = {
    "type": "optimization_request",
    "data": {
        "message": "Optimize my GPU workload",
        "workload_id": "wl-123",
        "parameters": {"priority": "performance", "budget": 10000},
    },
}


async def connected(client: Client) -> Socket:
    """A socket after its first message."""
    socket = await client.socket("/ws")
    assert (await socket.receive())["type"] == "status"
    return socket
