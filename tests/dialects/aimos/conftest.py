"""Clients of AIMOS's API, at both of its mounts: an administrator, two people and nobody."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.users import CreateUser
from notebook_agents_server.testing import Client

PASSWORD = "correct horse"
MakeAgent = Callable[..., Awaitable[str]]


@dataclass(frozen=True, slots=True)
class People:
    """Who asks."""

    admin: Client
    ann: Client
    bob: Client
    nobody: Client
    ids: dict[str, str]
    """Of the accounts, by username."""


@pytest.fixture
def settings() -> dict[str, Any]:
    """Samples come quickly, and how often somebody may ask is tested elsewhere."""
    return {"sample_interval_s": 0.05, "rate_limiting": False}


@pytest.fixture(params=["", "/notebook-agents/aimos"], ids=["root", "prefix"])
def api(request: pytest.FixtureRequest, client: Client) -> Client:
    """An administrator, below the documented ``/api``."""
    return client.below(f"{request.param}/api")


@pytest.fixture
async def people(api: Client, client: Client, core: Core) -> AsyncGenerator[People, None]:
    ids, clients = {}, {}
    for name in ("ann", "bob"):
        wish = CreateUser(username=name, email=f"{name}@example.org", password=PASSWORD)
        ids[name] = (await core.users.create(wish)).id
        login = await client.post("/v1/auth/login", {"username": name, "password": PASSWORD})
        clients[name] = api.holding(login.json["access_token"])
    yield People(api, clients["ann"], clients["bob"], api.holding(None), ids)  # noqa: PT022 - only generators run on the loop of the tests


@pytest.fixture
def make_agent(api: Client) -> MakeAgent:
    """Makes an agent and switches it on."""

    async def make(name: str = "CostOptBot", *, status: str = "active", **fields: Any) -> str:
        body = {"name": name, "role": "Cost Optimization", "description": "Finds savings"}
        answer = await api.post("/agents", body | fields)
        assert answer.status == 201, answer.body
        id = str(answer.json["id"])
        if status == "active":
            assert (await api.put(f"/agents/{id}", {"status": "active"})).status == 200
        return id

    return make
