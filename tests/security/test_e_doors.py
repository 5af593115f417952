"""E18 at the doors: one user's calls beyond the bound are too many, and nobody else's."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from tests.security.doors import person

from notebook_agents.core.core import Core
from notebook_agents.sandbox.config import SandboxConfig
from notebook_agents.sandbox.sandbox import KernelSandbox
from notebook_agents.testing import fake_core
from notebook_agents.tools.registry import Registry
from notebook_agents_server.testing import Client

SLOW = {"parameters": {"code": "import time; time.sleep(1)"}}
QUICK = {"parameters": {"code": "6 * 7"}}


@pytest.fixture
async def sandbox() -> AsyncGenerator[KernelSandbox, None]:
    """At level low, which every machine has: a user may have one call that runs and one more."""
    folder = await asyncio.to_thread(mkdtemp, prefix="nbt-")
    limits: dict[str, Any] = {"max_calls_per_owner": 1, "max_waiting_per_owner": 1}
    made = KernelSandbox(SandboxConfig(Path(folder), backends=(), **limits))
    yield made
    await made.aclose()
    await asyncio.to_thread(shutil.rmtree, folder)


@pytest.fixture
def core(sandbox: KernelSandbox, tmp_path: Path) -> Core:
    tools: Any = Registry.from_entry_points(sandbox)
    return fake_core(tools=tools, sandbox=sandbox, level="low", home=tmp_path / "work")


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


async def test_e18_calls_beyond_the_bound_are_answered_with_429(client: Client, core: Core) -> None:
    ann, bob = await person(client, core, "ann"), await person(client, core, "bob")
    path = "/v1/tools/python_executor/execute"
    *answers, other = await asyncio.gather(
        *(ann.client.post(path, SLOW) for _ in range(6)), bob.client.post(path, QUICK)
    )
    assert sorted(answer.status for answer in answers) == [200, 200, 429, 429, 429, 429]
    refused = next(answer for answer in answers if answer.status == 429)
    assert b"let some end first" in refused.body
    assert int(refused.headers["Retry-After"]) >= 1
    assert (other.status, other.json["result"]["output"]) == (200, "42")
    assert (await ann.client.post(path, QUICK)).status == 200
