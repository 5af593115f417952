"""N09: what is open ends with its credential, within five seconds and whatever the reason."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.security.doors import PASSWORD, Person, person

from notebook_agents.core.core import Core
from notebook_agents.core.models import BUNDLED_MODEL
from notebook_agents.core.users import Actor
from notebook_agents.testing import ScriptedEngine
from notebook_agents_server.testing import Client

WITHIN_S = 5.0
ROOT = Actor(user_id="root", username="admin", is_admin=True)
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"rate_limiting": False}


async def change_password(core: Core, who: Person) -> None:
    body = {"old_password": PASSWORD, "new_password": "another long password"}
    answer = await who.client.post("/v1/auth/password", body)
    assert answer.status == 200, answer.body


async def log_out(core: Core, who: Person) -> None:
    assert (await who.client.post("/v1/auth/logout")).status == 200


async def disable(core: Core, who: Person) -> None:
    await core.users.set_active(ROOT, who.user.id, is_active=False)


REASONS = {"ann": change_password, "bob": log_out, "carl": disable}


async def has_open(who: Person) -> tuple[Any, asyncio.Task[Any]]:
    """A socket, and a stream that does not end by itself."""
    agent = (await who.client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    socket = await who.client.socket(f"/v1/ws/stream/{agent}")
    begun = await who.client.post("/api/v1/initialize", {"model_name": BUNDLED_MODEL})
    fields = {"ui_session_id": begun.json["ui_session_id"], "message": "one two three"}
    said = who.client.ask("POST", "/api/v1/chat", urlencode(fields).encode(), Content_Type=FORM)
    return socket, asyncio.ensure_future(said)  # noqa: TID251 - awaited below


async def test_n09_sockets_streams_and_tokens_end_with_the_login(
    client: Client, core: Core, engine: ScriptedEngine
) -> None:
    engine.gate = asyncio.Event()
    people = [await person(client, core, name) for name in REASONS]
    opened = [await has_open(who) for who in people]
    async with asyncio.timeout(20):
        while len(core.runs.owners()) < len(people):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
    for who in people:
        await REASONS[who.user.username](core, who)
    async with asyncio.timeout(WITHIN_S):
        for socket, stream in opened:
            while await socket.receive() is not None:
                pass
            assert socket.close_code == 4401
            assert b'"error"' in (await stream).body
        while people[-1].user.id in core.runs.owners():  # noqa: ASYNC110 - nor of this
            await asyncio.sleep(0.02)
    engine.gate.set()
    for who in people:
        assert (await who.client.get("/v1/agents")).status == 401
        renewed = await client.holding(None).post(
            "/v1/auth/refresh", {"refresh_token": who.refresh}
        )
        assert renewed.status == 401


@pytest.mark.parametrize("settings", [{"heartbeat_s": 0.05, "rate_limiting": False}])
async def test_n09_a_revoked_key_ends_its_own_sockets_and_no_others(
    client: Client, core: Core
) -> None:
    ann = await person(client, core, "ann")
    agent = (await ann.client.post("/v1/agents", {"name": "a"})).json["agent_id"]
    made = (await ann.client.post("/v1/auth/keys", {"name": "k"})).json
    keyed = await client.holding(made["api_key"]).socket(f"/v1/ws/stream/{agent}")
    other = await ann.client.socket(f"/v1/ws/stream/{agent}")
    assert (await keyed.receive())["type"] == "ping"
    assert (await ann.client.delete(f"/v1/auth/keys/{made['key_id']}")).status == 200
    async with asyncio.timeout(WITHIN_S):
        while await keyed.receive() is not None:
            pass
    assert keyed.close_code == 4401
    for _ in range(3):
        assert (await other.receive())["type"] == "ping"
