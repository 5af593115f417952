"""How often somebody may ask: each document's numbers, keys, headers, and the deployment's say."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor, CreateUser
from notebook_agents_server.limits import Policy, RateLimiter
from notebook_agents_server.mounts import LIMITS
from notebook_agents_server.testing import Answer, Client, SteppedCounters, services_of

TEKTRA = "/notebook-agents/tektra"
NETRA = "/notebook-agents/netra"
AIMOS_SOCKETS = "/notebook-agents/aimos/api/ws"
AIMOS_PATH = "/notebook-agents/aimos/api/agents/nobody/nothing"
"""Answered with a 404 that counts like any other request."""


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A test's own settings, given as a parameter."""
    return dict(getattr(request, "param", {}))


@pytest.fixture
async def clock(client: Client, jp_serverapp: Any) -> AsyncGenerator[SteppedCounters, None]:
    """The documents' limits, and time that stands still."""
    counters = SteppedCounters()
    limiter = RateLimiter(Policy.read(LIMITS, {}), counters, now=lambda: counters.seconds)
    services_of(jp_serverapp).limiter = limiter
    yield counters  # noqa: PT022 - async fixtures are generators here


async def key_of(core: Core, name: str, *, is_admin: bool = False) -> str:
    wish = CreateUser(username=name, email=f"{name}@example.org", is_admin=is_admin)
    user = await core.users.create(wish)
    actor = Actor(user_id=user.id, username=user.username, is_admin=is_admin)
    scopes = actor.scopes if is_admin else actor.scopes - {"admin"}
    return (await core.api_keys.create(actor, "test", scopes=scopes))[1]


async def exhaust(client: Client, verb: str, path: str, n: int, body: Any = None) -> Answer:
    """Exactly ``n`` requests that are let through, and the answer to one more."""
    for i in range(n):
        answer = await client.ask(verb, path, body)
        assert answer.status != 429, f"refused after {i} of {n}"
        assert answer.headers["X-RateLimit-Limit"] == str(n)
        assert answer.headers["X-RateLimit-Remaining"] == str(n - 1 - i)
    return await client.ask(verb, path, body)


def seconds_left(answer: Answer) -> float:
    return int(answer.headers["X-RateLimit-Reset"]) - time.time()


# -- Tektra ------------------------------------------------------------------------------------


async def test_t73_ten_agents_are_created_in_a_minute(client: Client, core: Core) -> None:
    alice = client.below(TEKTRA).holding(await key_of(core, "alice"))
    refused = await exhaust(alice, "POST", "/v1/agents", 10, {"name": "a"})
    assert refused.status == 429
    assert (await alice.get("/v1/agents")).json["total"] == 10
    bob = client.below(TEKTRA).holding(await key_of(core, "bob"))
    assert (await bob.post("/v1/agents", {"name": "b"})).status == 201


async def test_t74_a_hundred_requests_for_conversations_a_minute_reading_too(
    client: Client,
) -> None:
    tektra = client.below(TEKTRA)
    agent = (await tektra.post("/v1/agents", {"name": "a"})).json["agent_id"]
    start = f"/v1/agents/{agent}/conversations"
    first = await tektra.post(start, {"message": "hi"})
    assert first.headers["X-RateLimit-Remaining"] == "99"
    path = f"/v1/conversations/{first.json['conversation_id']}"
    second = await tektra.post(f"{path}/messages", {"message": "hi"})
    assert second.headers["X-RateLimit-Remaining"] == "98"
    for i in range(98):
        assert (await tektra.get(path)).status == 200, i
    for answer in (await tektra.get(path), await tektra.post(start, {"message": "hi"})):
        assert (answer.status, answer.headers["X-RateLimit-Limit"]) == (429, "100")


async def test_t74_messages_over_a_socket_count_as_well_and_cancelling_does_not(
    client: Client, jp_serverapp: Any
) -> None:
    services_of(jp_serverapp).limiter = RateLimiter(
        Policy.read(LIMITS, {"tektra.conversations": "3/minute"})
    )
    tektra = client.below(TEKTRA)
    agent = (await tektra.post("/v1/agents", {"name": "a"})).json["agent_id"]
    socket = await tektra.socket(f"/v1/ws/stream/{agent}")
    for _ in range(2):
        await socket.send({"type": "message", "content": "hi"})
        await socket.until("complete")
    await socket.send({"type": "cancel"})
    await socket.send({"type": "message", "content": "hi"})
    (frame,) = await socket.until("error", "complete")
    assert frame["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert 50 < frame["error"]["details"]["retry_after_s"] <= 60
    await socket.send({"type": "message", "content": "still open"})
    assert (await socket.until("error"))[-1]["error"]["code"] == "RATE_LIMIT_EXCEEDED"


async def test_t75_fifty_tool_executions_a_minute(client: Client) -> None:
    path = "/v1/tools/python_executor/execute"
    refused = await exhaust(client.below(TEKTRA), "POST", path, 50, {"parameters": {}})
    assert refused.status == 429


async def test_t76_two_hundred_model_queries_a_minute(client: Client) -> None:
    tektra = client.below(TEKTRA)
    refused = await exhaust(tektra, "GET", "/v1/models", 200)
    assert refused.status == 429
    assert (await tektra.get("/v1/models/notebook-agents/tiny/status")).status == 429


async def test_t77_t78_t79_the_headers_say_where_one_stands(client: Client) -> None:
    tektra = client.below(TEKTRA)
    answer = await tektra.get("/v1/models")
    assert answer.headers["X-RateLimit-Limit"] == "200"
    assert answer.headers["X-RateLimit-Remaining"] == "199"
    assert 45 < seconds_left(answer) <= 61
    assert "Retry-After" not in answer.headers
    missing = await tektra.get("/v1/conversations/nothing")
    assert missing.status == 404
    assert missing.headers["X-RateLimit-Remaining"] == "99"
    wrong = await tektra.post("/v1/agents", {"unknown": 1})
    assert (wrong.status, wrong.headers["X-RateLimit-Remaining"]) == (400, "9")


async def test_t61_t67_t80_a_refusal_says_when_to_come_again_in_every_way(
    client: Client, clock: SteppedCounters
) -> None:
    refused = await exhaust(client.below(TEKTRA), "POST", "/v1/agents", 10, {"name": "a"})
    assert refused.headers["X-RateLimit-RetryAfter"] == "60"
    assert refused.headers["Retry-After"] == "60"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    error = refused.json["error"]
    assert error["code"] == "RATE_LIMIT_EXCEEDED"
    assert error["message"] == "rate limit exceeded; try again in 60 s"
    assert error["details"] == {"limit": "rate", "retry_after_s": 60}


async def test_a_window_begins_with_its_first_request_and_ends(
    client: Client, clock: SteppedCounters
) -> None:
    tektra = client.below(TEKTRA)
    assert (await exhaust(tektra, "POST", "/v1/agents", 10, {"name": "a"})).status == 429
    clock.seconds += 45
    later = await tektra.post("/v1/agents", {"name": "a"})
    assert (later.status, later.headers["Retry-After"]) == (429, "15")
    clock.seconds += 15
    assert (await exhaust(tektra, "POST", "/v1/agents", 10, {"name": "a"})).status == 429


async def test_what_no_document_limits_tells_of_no_limit(client: Client) -> None:
    tektra = client.below(TEKTRA)
    for path in ("/v1/health", "/v1/metrics", "/v1/agents", "/v1/nothing"):
        answer = await tektra.get(path)
        assert "X-RateLimit-Limit" not in answer.headers, path
    for verb in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = await tektra.ask(verb, "/v1/models", None)
        assert "X-RateLimit-Limit" not in answer.headers, verb


# -- AIMOS -------------------------------------------------------------------------------------


async def test_o63_o66_o67_o68_a_user_has_a_hundred_requests_a_minute(
    client: Client, core: Core
) -> None:
    alice = client.holding(await key_of(core, "alice"))
    first = await alice.get(AIMOS_PATH)
    assert first.headers["X-RateLimit-Limit"] == "100"
    assert first.headers["X-RateLimit-Remaining"] == "99"
    assert 45 < seconds_left(first) <= 61
    refused = [answer.status for answer in [await alice.get(AIMOS_PATH) for _ in range(100)]]
    assert Counter(refused) == {404: 99, 429: 1}
    assert refused[-1] == 429
    bob = client.holding(await key_of(core, "bob"))
    assert (await bob.get(AIMOS_PATH)).status == 404


async def test_o60_the_refusal_has_the_documented_body(
    client: Client, core: Core, clock: SteppedCounters
) -> None:
    alice = client.holding(await key_of(core, "alice"))
    refused = await exhaust(alice, "GET", AIMOS_PATH, 100)
    assert refused.status == 429
    assert refused.json == {"detail": "Rate limit exceeded", "retry_after": 60}
    assert refused.headers["Retry-After"] == "60"
    assert "X-RateLimit-RetryAfter" not in refused.headers


async def test_o64_an_administrator_has_two_hundred(client: Client, core: Core) -> None:
    root = client.holding(await key_of(core, "root", is_admin=True))
    assert (await exhaust(root, "GET", AIMOS_PATH, 200)).status == 429


async def test_o65_a_user_has_a_hundred_sockets_open_at_once(
    client: Client, core: Core, jp_serverapp: Any
) -> None:
    services = services_of(jp_serverapp)
    # Shaking hands is a request, too, and there are more of them than of places.
    services.limiter = RateLimiter(Policy.read(LIMITS, {"aimos.general": "off"}))
    alice = client.holding(await key_of(core, "alice"))
    open_ones = [await alice.socket(f"{AIMOS_SOCKETS}/alice") for _ in range(100)]
    for socket in open_ones:
        assert (await socket.receive())["type"] == "metrics_update"
    one_more = await alice.socket(f"{AIMOS_SOCKETS}/alice")
    frame = await one_more.receive()
    assert frame["type"] == "error"
    assert frame["data"] == {"detail": "there are 100 open connections already; close one first"}
    assert await one_more.receive() is None
    assert one_more.close_code == 1013
    bob = client.holding(await key_of(core, "bob"))
    assert (await (await bob.socket(f"{AIMOS_SOCKETS}/bob")).receive())["type"] != "error"
    open_ones[0].close()
    while (await (await alice.socket(f"{AIMOS_SOCKETS}/alice")).receive())["type"] == "error":
        pass  # the server has not heard of the end yet


@pytest.mark.parametrize("settings", [{"heartbeat_s": 0.02}], indirect=True)
async def test_o65_an_open_socket_keeps_its_place(client: Client, jp_serverapp: Any) -> None:
    services = services_of(jp_serverapp)
    counters = SteppedCounters()
    policy = Policy.read(LIMITS, {"aimos.connections": "1"})
    services.limiter = RateLimiter(policy, counters, now=lambda: counters.seconds)
    first = await client.socket(f"{AIMOS_SOCKETS}/admin")
    assert (await first.receive())["type"] != "error"
    (held,) = counters._leases.values()
    for _ in range(3):
        before = dict(held)
        counters.seconds += 29  # a place lasts 30 seconds by itself
        while (held := next(iter(counters._leases.values()))) == before:
            await first.send("hello")  # until the next heartbeat
            await first.receive()
    refused = await client.socket(f"{AIMOS_SOCKETS}/admin")
    assert (await refused.receive())["type"] == "error"


# -- Netra -------------------------------------------------------------------------------------


async def test_n68_ten_agent_executions_a_minute(client: Client) -> None:
    netra = client.below(NETRA)
    refused = await exhaust(netra, "POST", "/api/agent/execute", 10, {"message": "Optimize"})
    assert refused.status == 429
    assert (await netra.post("/api/agent/run_agent", {})).status == 429
    assert (await netra.get("/api/threads")).status == 200


async def test_n69_n71_n72_n73_a_hundred_requests_a_minute_in_general(
    client: Client, core: Core
) -> None:
    netra = client.below(NETRA)
    first = await netra.get("/api/threads")
    assert first.headers["X-RateLimit-Limit"] == "100"
    assert first.headers["X-RateLimit-Remaining"] == "99"
    assert 45 < seconds_left(first) <= 61
    alice = netra.holding(await key_of(core, "alice"))
    assert (await exhaust(alice, "GET", "/api/threads", 100)).status == 429
    assert (await netra.get("/api/threads")).status == 200


async def test_n79_the_refusal_has_the_documented_code(
    client: Client, clock: SteppedCounters
) -> None:
    netra = client.below(NETRA)
    refused = await exhaust(netra, "POST", "/api/agent/execute", 10, {})
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "60"
    error = refused.json["error"]
    assert error["code"] == "RATE_LIMITED"
    assert error["message"] == "rate limit exceeded; try again in 60 s"
    assert error["details"]["retry_after_s"] == 60
    assert refused.json["request_id"] == refused.headers["X-Request-ID"]


async def test_n64_n70_thirty_messages_a_minute_then_the_socket_ends_with_4003(
    client: Client, core: Core
) -> None:
    netra = client.below(NETRA).holding(await key_of(core, "alice"))
    socket = await netra.socket("/ws")
    assert (await socket.receive())["type"] == "status"
    for i in range(30):
        await socket.send({"type": "ping"})
        assert (await socket.receive())["type"] == "pong", i
    await socket.send({"type": "ping"})
    frame = await socket.receive()
    assert (frame["type"], frame["data"]["code"]) == ("error", "RATE_LIMITED")
    assert await socket.receive() is None
    assert socket.close_code == 4003
    again = await netra.socket("/ws")
    assert (await again.receive())["type"] == "status"
    await again.send({"type": "ping"})
    assert (await again.receive())["data"]["code"] == "RATE_LIMITED"
