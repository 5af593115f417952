"""Clients of the AI-Agent-API-Service at both of its mounts, and tools by their other names."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.users import CreateUser
from notebook_agents.testing import ScriptedEngine, ScriptedTools, fake_core
from notebook_agents_server.testing import Client

PASSWORD = "correct horse"
DOCUMENTED: dict[str, Any] = {
    "name": "My Investigation Session",
    "mode": "interactive",
    "sdk_options": {
        "allowed_tools": ["Read", "Write", "Bash"],
        "permission_mode": "default",
    },
}


def file_reader(path: str) -> str:
    """Answer with the name."""
    if path == "none":
        raise FileNotFoundError(path)
    return f"content of {path}"


def file_writer(path: str, content: str) -> str:
    """Answer with what would be written."""
    return f"wrote {content!r} to {path}"


def shell(command: str) -> str:
    """Answer with the command."""
    return f"$ {command}"


@dataclass(frozen=True, slots=True)
class People:
    """Who asks."""

    ann: Client
    bob: Client
    nobody: Client


@pytest.fixture
def core(engine: ScriptedEngine, tmp_path: Path) -> Core:
    functions: dict[str, Any] = {f.__name__: f for f in (file_reader, file_writer, shell)}
    effects: dict[str, Any] = {"file_reader": "read", "file_writer": "write", "shell": "external"}
    tools = ScriptedTools(functions, effects)
    return fake_core(engine=engine, tools=tools, home=tmp_path / "workspaces")


@pytest.fixture
def settings() -> dict[str, Any]:
    """How often somebody may ask is tested elsewhere."""
    return {"rate_limiting": False}


@pytest.fixture
def api(client: Client) -> Client:
    """The owner, at the dialect's own mount."""
    return client.below("/notebook-agents/agent_api")


@pytest.fixture
async def people(client: Client, core: Core) -> AsyncGenerator[People, None]:
    clients = []
    for name in ("ann", "bob"):
        wish = CreateUser(username=name, email=f"{name}@example.org", password=PASSWORD)
        await core.users.create(wish)
        login = await client.post("/v1/auth/login", {"username": name, "password": PASSWORD})
        at = client.below("/notebook-agents/agent_api")
        clients.append(at.holding(login.json["access_token"]))
    ann, bob = clients
    yield People(ann, bob, ann.holding(None))  # noqa: PT022 - only generators run on the loop of the tests


async def made(client: Client, **fields: Any) -> dict[str, Any]:
    """A new session."""
    answer = await client.post("/api/v1/sessions", {**DOCUMENTED, **fields})
    assert answer.status == 201, answer.body
    session: dict[str, Any] = answer.json
    return session


async def asked(client: Client, id: str, message: str = "hello") -> dict[str, Any]:
    """The answer to a query."""
    answer = await client.post(f"/api/v1/sessions/{id}/query", {"message": message})
    assert answer.status == 200, answer.body
    said: dict[str, Any] = answer.json
    return said
