"""A live Jupyter server with our extension around a core of doubles."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import AsyncHTTPClient
from traitlets.config import Config

from notebook_agents.core.core import Core
from notebook_agents.testing import ScriptedEngine, fake_core
from notebook_agents_server.testing import Client, serving, start_extensions


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    return fake_core(engine=engine, home=tmp_path / "workspaces")


@pytest.fixture
def settings() -> dict[str, Any]:
    return {}


@pytest.fixture
def jp_server_config(core: Core, tmp_path: Path, settings: dict[str, Any]) -> Config:
    return serving(core, tmp_path / "home", **settings)


@pytest.fixture
async def client(
    jp_serverapp: ServerApp, http_server: Any, http_server_port: Any, jp_base_url: str
) -> AsyncGenerator[Client, None]:
    """A client with Jupyter's token, at the root of the server."""
    await start_extensions(jp_serverapp)
    http = AsyncHTTPClient(force_instance=True)
    anybody = Client(http, f"http://127.0.0.1:{http_server_port[1]}", jp_base_url.rstrip("/"))
    yield anybody.holding(jp_serverapp.identity_provider.token)
    anybody.close()
