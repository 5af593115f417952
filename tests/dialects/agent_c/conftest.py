"""Clients of Agent C's API at both of its mounts, and ways to begin sessions and read chats."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.users import CreateUser
from notebook_agents_server.testing import Answer, Client

PASSWORD = "correct horse"
FORM = "application/x-www-form-urlencoded"
Initialize = Callable[..., Awaitable[str]]


@dataclass(frozen=True, slots=True)
class People:
    """Who asks."""

    owner: Client
    ann: Client
    bob: Client
    nobody: Client


@pytest.fixture
def settings() -> dict[str, Any]:
    """How often somebody may ask is tested elsewhere."""
    return {"rate_limiting": False}


@pytest.fixture(params=["", "/notebook-agents/agent_c"], ids=["root", "prefix"])
def both(request: pytest.FixtureRequest, client: Client) -> Client:
    """The owner, at each of the mounts."""
    return client.below(f"{request.param}/api/v1")


@pytest.fixture
def api(client: Client) -> Client:
    """The owner, below the documented ``/api/v1``."""
    return client.below("/api/v1")


@pytest.fixture
async def people(client: Client, core: Core) -> AsyncGenerator[People, None]:
    api, clients = client.below("/api/v1"), {}
    for name in ("ann", "bob"):
        wish = CreateUser(username=name, email=f"{name}@example.org", password=PASSWORD)
        await core.users.create(wish)
        login = await client.post("/v1/auth/login", {"username": name, "password": PASSWORD})
        clients[name] = api.holding(login.json["access_token"])
    yield People(api, clients["ann"], clients["bob"], api.holding(None))  # noqa: PT022 - only generators run on the loop of the tests


async def initialize(api: Client, model_name: str = BUNDLED_MODEL, **fields: Any) -> str:
    """Begin a session; its id."""
    answer = await api.post("/initialize", {"model_name": model_name, **fields})
    assert answer.status == 200, answer.body
    assert answer.json["ui_session_id"] == answer.json["agent_c_session_id"]
    return str(answer.json["ui_session_id"])


async def config(api: Client, session: str) -> dict[str, Any]:
    """How a session is set up."""
    answer = await api.get(f"/get_agent_config/{session}")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json["config"]
    return found


async def send(api: Client, path: str, *headers: tuple[str, str], **fields: str) -> Answer:
    """Post a form."""
    body = urlencode(fields).encode()
    return await api.ask("POST", path, body, Content_Type=FORM, **dict(headers))


async def chat(api: Client, session: str, message: str, file_ids: str = "") -> list[dict[str, Any]]:
    """Say something; the objects of the answer."""
    fields = {"ui_session_id": session, "message": message, "file_ids": file_ids}
    answer = await send(api, "/chat", **fields)
    assert answer.status == 200, answer.body
    return lines(answer.body)


def lines(body: bytes) -> list[dict[str, Any]]:
    """The objects of a stream of lines."""
    return [json.loads(line) for line in body.decode().splitlines()]


def spoken(found: list[dict[str, Any]]) -> str:
    """The text of an answer."""
    return "".join(each["data"] for each in found if each["type"] == "content")
