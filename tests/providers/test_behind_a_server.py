"""A kernel that a server started asks the server's providers, and needs no key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from jupyter_server.serverapp import ServerApp
from tests.providers.conftest import Endpoint

from notebook_agents.core.core import Core
from notebook_agents.core.errors import NotFound
from notebook_agents.core.messages import user_message
from notebook_agents.core.models import GenerateRequest, GenerateText
from notebook_agents.core.routed_engine import RoutedEngine
from notebook_agents.engine.config import EngineConfig
from notebook_agents.engine.remote import RemoteEngine
from notebook_agents.testing import ScriptedEngine, fake_core
from notebook_agents_server.app import NotebookAgentsApp
from notebook_agents_server.testing import Client

DELTA = {"index": 0, "delta": {"role": "assistant", "content": "from the lab"}}
ANSWER = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "any"}


@pytest.fixture
def core(endpoint: Endpoint, tmp_path: Path) -> Core:
    """The server's core, with a provider called lab."""
    routed = RoutedEngine(ScriptedEngine(), {"lab": endpoint.engine()})
    return fake_core(engine=routed, home=tmp_path / "workspaces")


@pytest.fixture
async def kernel_core(
    client: Client, jp_serverapp: ServerApp, tmp_path: Path
) -> AsyncIterator[Core]:
    """The core of a kernel of that server, with a kernel's credential and no other."""
    app = jp_serverapp.extension_manager.extension_points["notebook_agents"].app
    assert isinstance(app, NotebookAgentsApp)
    assert app.services is not None
    token = app.services.ready()[1].kernel_tokens.issue()
    door = client.below("/notebook-agents/engine")
    engine = RemoteEngine(
        EngineConfig(run_dir=tmp_path / "run", url=door.origin + door.base_path, token=token)
    )
    yield fake_core(engine=engine, home=tmp_path / "kernel")
    await engine.aclose()


async def test_a_kernel_knows_listed_models_of_the_servers_providers(kernel_core: Core) -> None:
    assert "lab/small" in {model.id for model in await kernel_core.models.list()}


async def test_a_kernel_asks_a_model_that_the_provider_does_not_list(
    kernel_core: Core, endpoint: Endpoint
) -> None:
    found = await kernel_core.models.get("lab/any/model")
    assert (found.id, found.provider) == ("lab/any/model", "lab")
    endpoint.says({**ANSWER, "choices": [DELTA]})
    request = GenerateRequest(model=found.id, messages=(user_message("hi"),))
    chunks = [chunk async for chunk in kernel_core.engine.generate(request)]
    assert [c.text for c in chunks if isinstance(c, GenerateText)] == ["from the lab"]
    assert endpoint.requests[0]["model"] == "any/model"


async def test_a_model_that_nobody_has_is_not_found(kernel_core: Core) -> None:
    with pytest.raises(NotFound, match="model 'nobody/any'"):
        await kernel_core.models.get("nobody/any")
