"""Two servers with homes of their own share PostgreSQL and Redis, and act as one product."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from notebook_agents_server.testing import Client, Socket

pytestmark = [pytest.mark.deployment]
PATIENCE_S = 120
ADMIN = {"username": "admin", "password": "correct horse battery"}
Speak = Callable[..., Client]


async def login(client: Client) -> str:
    return str((await client.post("/v1/auth/login", ADMIN)).json["access_token"])


async def both_as_admin(deployment: Any, two: Any, speak: Speak) -> tuple[Client, Client]:
    """Clients of both servers with one token, which the first of them has given."""
    for server in two:
        await server.ready()
    deployment.gate.unlink(missing_ok=True)
    token = await login(speak(two[0]))
    return speak(two[0], token), speak(two[1], token)


async def make_agent(client: Client, name: str = "echo") -> str:
    answer = await client.post("/v1/agents", {"name": name, "model": "other/model"})
    assert answer.status == 201, answer.json
    return str(answer.json["agent_id"])


async def open_conversation(client: Client, agent_id: str) -> str:
    answer = await client.post(f"/v1/agents/{agent_id}/conversations", {"message": "hi"})
    assert answer.status == 201, answer.json
    return str(answer.json["conversation_id"])


async def until(socket: Socket, *types: str) -> list[Any]:
    async with asyncio.timeout(PATIENCE_S):
        return await socket.until(*types)


async def test_a_socket_on_one_sees_a_run_of_the_other_from_its_first_event(
    deployment: Any, two: Any, speak: Speak
) -> None:
    a, b = await both_as_admin(deployment, two, speak)
    conversation_id = await open_conversation(a, await make_agent(a))
    path = f"/v1/ws/conversations/{conversation_id}"
    on_a, on_b = await a.socket(path), await b.socket(path)
    await on_b.send({"type": "message", "content": "slowly one two", "metadata": {}})
    seen = await until(on_a, "token")
    late = await a.socket(path)
    seen_late = await until(late, "token")
    deployment.gate.touch()
    seen += await until(on_a, "complete")
    seen_late += await until(late, "complete")
    own = await until(on_b, "complete")
    assert seen == seen_late == own
    assert "".join(f["content"] for f in seen if f["type"] == "token") == seen[-1]["content"]
    assert seen[-1]["content"] == "You said: slowly one two"
    again = await a.socket(path, query={"after": str(own[0]["sequence"])})
    assert await until(again, "complete") == own[1:]


async def test_a_run_of_the_other_is_cancelled(deployment: Any, two: Any, speak: Speak) -> None:
    a, b = await both_as_admin(deployment, two, speak)
    conversation_id = await open_conversation(a, await make_agent(a))
    path = f"/v1/ws/conversations/{conversation_id}"
    on_a, on_b = await a.socket(path), await b.socket(path)
    await on_b.send({"type": "message", "content": "slowly", "metadata": {}})
    await until(on_a, "token")
    await on_a.send({"type": "cancel"})
    ends = [(await until(socket, "complete", "error"))[-1] for socket in (on_a, on_b)]
    assert ends[0] == ends[1]
    history = await b.get(f"/v1/conversations/{conversation_id}")
    assert history.json["messages"][-1]["content"] == "You"


async def test_a_token_that_is_revoked_on_one_is_refused_on_the_other(
    deployment: Any, two: Any, speak: Speak
) -> None:
    a, b = await both_as_admin(deployment, two, speak)
    assert (await b.get("/v1/agents")).status == 200
    assert (await a.post("/api/auth/logout")).status == 200
    assert (await b.get("/v1/agents")).status == 401
    assert (await a.get("/v1/agents")).status == 401


async def test_limits_hold_across_both(deployment: Any, two: Any, speak: Speak) -> None:
    a, _ = await both_as_admin(deployment, two, speak)
    account = {"username": "ann", "email": "ann@example.org", "password": "long enough 1"}
    assert (await a.post("/api/auth/register", account)).status in {200, 201}
    answer = await a.post(
        "/v1/auth/login", {"username": account["username"], "password": account["password"]}
    )
    token = answer.json["access_token"]
    clients = [speak(server, token) for server in two]
    left: list[int] = []
    for n in range(10):
        answer = await clients[n % 2].post("/v1/agents", {"name": f"a{n}", "model": "other/model"})
        assert answer.status == 201, answer.json
        left.append(int(answer.headers["X-RateLimit-Remaining"]))
    assert left == list(range(9, -1, -1))
    for client in clients:
        answer = await client.post("/v1/agents", {"name": "one more", "model": "other/model"})
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) >= 1


async def test_what_a_killed_server_worked_on_is_ended_by_the_other_in_half_a_minute(
    deployment: Any, two: Any, speak: Speak
) -> None:
    a, _ = await both_as_admin(deployment, two, speak)
    victim = deployment.start("victim")
    await victim.ready()
    on_victim = speak(victim, a.headers["Authorization"].removeprefix("Bearer "))
    conversation_id = await open_conversation(a, await make_agent(a))
    path = f"/v1/ws/conversations/{conversation_id}"
    on_a = await a.socket(path)
    working = await on_victim.socket(path)
    await working.send({"type": "message", "content": "slowly", "metadata": {}})
    await until(on_a, "token")
    victim.process.kill()
    loop = asyncio.get_running_loop()
    killed_at = loop.time()
    end = (await until(on_a, "complete", "error"))[-1]
    assert loop.time() - killed_at < 60, "30 seconds are promised, on a machine that is not busy"
    assert end["type"] == "error", end
    history = (await a.get(f"/v1/conversations/{conversation_id}")).json
    assert history["messages"][-1]["content"] == "You", "what it had said is kept"
    await on_a.send({"type": "message", "content": "and now", "metadata": {}})
    assert (await until(on_a, "complete"))[-1]["content"] == "You said: and now"
