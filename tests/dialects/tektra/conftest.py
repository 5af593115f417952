"""A client below Tektra's own mount, and what most tests begin with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from notebook_agents_server.testing import Client

MakeAgent = Callable[..., Awaitable[str]]


@pytest.fixture
def tektra(client: Client) -> Client:
    return client.below("/notebook-agents/tektra")


@pytest.fixture
def make_agent(tektra: Client) -> MakeAgent:
    async def make(**fields: Any) -> str:
        answer = await tektra.post("/v1/agents", {"name": "Helper", **fields})
        assert answer.status == 201, answer.body
        return str(answer.json["agent_id"])

    return make
