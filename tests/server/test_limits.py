"""How often somebody may ask: each document's numbers, keys, headers, and the deployment's say."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from limits import RateLimitItem
from pydantic import BaseModel, TypeAdapter
from traitlets import TraitError

from notebook_agents.core.core import Core
from notebook_agents.core.users import Actor, CreateUser
from notebook_agents_server.app import NotebookAgentsApp
from notebook_agents_server.counters import MemoryCounters
from notebook_agents_server.dialects.aimos.dialect import AIMOS
from notebook_agents_server.failures import Dialect, MalformedFrame, RateExceeded, plain_body
from notebook_agents_server.limits import Caller, Policy, RateLimiter
from notebook_agents_server.mounts import DIALECT_NAMES, LIMITS, all_routes
from notebook_agents_server.sockets import BaseSocket
from notebook_agents_server.testing import Answer, Client

TEKTRA = "/notebook-agents/tektra"
NETRA = "/notebook-agents/netra"
AIMOS_PATH = "/notebook-agents/aimos/api/agents/nobody/nothing"
"""Answered with a 404 that counts like any other request."""


class SteppedCounters(MemoryCounters):
    """Windows whose time passes only when a test says so."""

    def __init__(self) -> None:
        super().__init__(now=lambda: self.seconds)
        self.seconds = time.time()
        self._windows: dict[str, tuple[int, float]] = {}

    async def count(self, rate: RateLimitItem, who: str) -> tuple[int, float]:
        key = rate.key_for(who)
        n, end = self._windows.get(key, (0, 0.0))
        if end <= self.seconds:
            n, end = 0, self.seconds + rate.get_expiry()
        self._windows[key] = (n + 1, end)
        return n + 1, end


LOGINS = [
    path.replace("(?:api|v2)", "v2")
    for path, _ in all_routes(DIALECT_NAMES)
    if path.endswith("/auth/login")
]


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A test's own settings, given as a parameter."""
    return dict(getattr(request, "param", {}))


def services_of(jp_serverapp: Any) -> Any:
    return jp_serverapp.extension_manager.extension_points["notebook_agents"].app.services


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
    return (await core.api_keys.create(actor, "test", scopes=actor.scopes))[1]


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


async def test_t80_a_refusal_says_when_to_come_again_in_every_way(
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


class Listen(BaseSocket):
    """Answers every frame; AIMOS's limits."""

    dialect = AIMOS
    frames = TypeAdapter(dict[str, Any])

    async def on_ready(self, *args: str) -> None:
        self.send(Said(type="ready"))

    async def on_frame(self, frame: Any) -> None:
        self.send(Said(type="echo"))


class Said(BaseModel):
    """A frame of these sockets."""

    type: str


class Strict(Listen):
    """Ends where a document says that it does, after the handshake."""

    dialect = Dialect(
        name="strict",
        error_body=plain_body,
        ends_sockets=(RateExceeded, MalformedFrame),
        close_codes={RateExceeded: 4003, MalformedFrame: 4002},
        refuses_after_handshake=True,
        limits={"messages": "30/minute"},
    )


def mount(jp_serverapp: Any, path: str, handler: type[BaseSocket]) -> Any:
    services = services_of(jp_serverapp)
    rule = (jp_serverapp.base_url + path, handler, {"services": services})
    jp_serverapp.web_app.add_handlers(".*$", [rule])
    return services


async def test_o65_a_user_has_a_hundred_sockets_open_at_once(
    client: Client, core: Core, jp_serverapp: Any
) -> None:
    services = mount(jp_serverapp, "listen", Listen)
    # Shaking hands is a request, too, and there are more of them than of places.
    services.limiter = RateLimiter(Policy.read(LIMITS, {"aimos.general": "off"}))
    alice = client.holding(await key_of(core, "alice"))
    open_ones = [await alice.socket("/listen") for _ in range(100)]
    for socket in open_ones:
        assert (await socket.receive())["type"] == "ready"
    one_more = await alice.socket("/listen")
    frame = await one_more.receive()
    assert frame["type"] == "error"
    assert frame["data"] == {"detail": "there are 100 open connections already; close one first"}
    assert await one_more.receive() is None
    assert one_more.close_code == 1013
    bob = client.holding(await key_of(core, "bob"))
    assert (await (await bob.socket("/listen")).receive())["type"] == "ready"
    open_ones[0].close()
    while (frame := await (await alice.socket("/listen")).receive())["type"] == "error":
        pass  # the server has not heard of the end yet


@pytest.mark.parametrize("settings", [{"heartbeat_s": 0.02}], indirect=True)
async def test_o65_an_open_socket_keeps_its_place(client: Client, jp_serverapp: Any) -> None:
    services = mount(jp_serverapp, "listen", Listen)
    counters = SteppedCounters()
    policy = Policy.read(LIMITS, {"aimos.connections": "1"})
    services.limiter = RateLimiter(policy, counters, now=lambda: counters.seconds)
    first = await client.socket("/listen")
    assert (await first.receive())["type"] == "ready"
    (held,) = counters._leases.values()
    for _ in range(3):
        before = dict(held)
        counters.seconds += 29  # a place lasts 30 seconds by itself
        while (held := next(iter(counters._leases.values()))) == before:
            await first.send({})  # until the next heartbeat
            await first.receive()
    refused = await client.socket("/listen")
    assert (await refused.receive())["type"] == "error"


@pytest.mark.parametrize("settings", [{"rate_limits": {"aimos.connections": "2"}}], indirect=True)
async def test_o65_aimos_own_socket_has_the_limit(client: Client) -> None:
    path = "/notebook-agents/aimos/api/ws/admin"
    for _ in range(2):
        assert (await (await client.socket(path)).receive())["type"] != "error"
    refused = await client.socket(path)
    frame = await refused.receive()
    assert frame["data"]["detail"].startswith("there are 2 open connections already")
    assert await refused.receive() is None


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


# -- sockets -----------------------------------------------------------------------------------


async def test_too_many_messages_are_told_and_end_a_socket_where_the_document_says_so(
    client: Client, jp_serverapp: Any
) -> None:
    services = mount(jp_serverapp, "strict", Strict)
    services.limiter = RateLimiter(Policy.read({"strict": Strict.dialect.limits}, {}))
    socket = await client.socket("/strict")
    assert (await socket.receive())["type"] == "ready"
    for i in range(30):
        await socket.send({})
        assert (await socket.receive())["type"] == "echo", i
    await socket.send({})
    frame = await socket.receive()
    assert (frame["type"], frame["code"]) == ("error", "limit_exceeded")
    assert await socket.receive() is None
    assert socket.close_code == 4003
    # A second socket of the same user has no messages of its own.
    again = await client.socket("/strict")
    assert (await again.receive())["type"] == "ready"
    await again.send({})
    assert (await again.receive())["type"] == "error"


async def test_what_is_no_json_ends_a_socket_where_the_document_says_so(
    client: Client, jp_serverapp: Any
) -> None:
    mount(jp_serverapp, "strict", Strict)
    socket = await client.socket("/strict")
    assert (await socket.receive())["type"] == "ready"
    await socket.send(["a frame of the wrong shape"])
    assert (await socket.receive())["type"] == "error"
    await socket.connection.write_message("{")
    assert (await socket.receive())["code"] == "invalid_request"
    assert await socket.receive() is None
    assert socket.close_code == 4002


async def test_a_wrong_credential_is_refused_after_the_handshake_where_the_document_says_so(
    client: Client, jp_serverapp: Any
) -> None:
    mount(jp_serverapp, "strict", Strict)
    socket = await client.holding("nba_wrong").socket("/strict")
    assert (await socket.receive())["code"] == "not_authenticated"
    assert await socket.receive() is None
    assert socket.close_code == 4401
    plain = await client.holding("nba_wrong").get("/strict")
    assert plain.status == 401


# -- who is counted ----------------------------------------------------------------------------


async def test_a_user_is_one_whatever_the_credential_and_the_mount(
    client: Client, core: Core
) -> None:
    owner, _ = await core.users.ensure_owner("unused-password")
    actor = Actor(user_id=owner.id, username=owner.username)
    keys = [(await core.api_keys.create(actor, name))[1] for name in ("one", "two")]
    clients = [client, *(client.holding(key) for key in keys), client.below(TEKTRA)]
    left = [(await one.post("/v1/agents", {})).headers["X-RateLimit-Remaining"] for one in clients]
    assert left == ["9", "8", "7", "6"]


async def test_without_a_valid_credential_the_address_is_counted_and_nobody_else_suffers(
    client: Client,
) -> None:
    stranger = client.holding("nba_wrong").below("/notebook-agents/aimos")
    anonymous = client.holding(None).below("/notebook-agents/aimos")
    path = "/api/agents/x/y"
    for i in range(50):
        assert (await stranger.get(path)).headers["X-RateLimit-Remaining"] == str(99 - 2 * i)
        assert (await anonymous.get(path)).status == 401
    for nobody in (stranger, anonymous):
        assert (await nobody.get(path)).status == 429
    assert (await client.get(AIMOS_PATH)).status == 404


async def test_kernels_and_their_engine_are_not_limited(client: Client, jp_serverapp: Any) -> None:
    everything = {f"{dialect}.general": "1/minute" for dialect in LIMITS}
    services_of(jp_serverapp).limiter = RateLimiter(Policy.read(LIMITS, everything))
    for _ in range(3):
        assert (await client.get("/notebook-agents/engine/models")).status == 200


async def test_health_is_for_everybody(client: Client, jp_serverapp: Any) -> None:
    everything = {f"{dialect}.general": "1/minute" for dialect in LIMITS}
    services_of(jp_serverapp).limiter = RateLimiter(Policy.read(LIMITS, everything))
    for _ in range(3):
        answer = await client.holding(None).get("/v1/health")
        assert (answer.status, "X-RateLimit-Limit" in answer.headers) == (200, False)


@pytest.mark.parametrize(
    ("ip", "key"),
    [
        ("192.0.2.7", "ip:192.0.2.7/32"),
        ("::ffff:192.0.2.7", "ip:192.0.2.7/32"),
        ("2001:db8:1:2:3:4:5:6", "ip:2001:db8:1:2::/64"),
        ("fe80::1%eth0", "ip:fe80::/64"),
        ("", "ip:"),
    ],
)
def test_addresses_of_one_network_are_one_caller(ip: str, key: str) -> None:
    assert Caller.address(ip).key == key


@pytest.mark.parametrize(
    "settings", [{"rate_limits": {"aimos.general": "1/minute"}}], indirect=True
)
async def test_behind_a_trusted_proxy_the_address_is_the_clients(
    client: Client, jp_serverapp: Any
) -> None:
    anybody = client.holding(None)
    for ip in ("192.0.2.1", "192.0.2.2"):
        # Unless the deployment trusts its proxy, a client cannot choose its address.
        answer = await anybody.get(AIMOS_PATH, X_Forwarded_For=ip)
        assert answer.status == (401 if ip == "192.0.2.1" else 429)


# -- passwords ---------------------------------------------------------------------------------


async def test_n67_five_attempts_to_log_in_a_minute_from_an_address(client: Client) -> None:
    anybody = client.holding(None)
    for i in range(5):
        body = {"username": f"user{i}", "password": "wrong password"}
        answer = await anybody.post("/v1/auth/login", body)
        assert answer.status == 401, i
        assert answer.headers["X-RateLimit-Limit"] == "5"
    for path in LOGINS:
        refused = await anybody.post(path, {"username": "x", "password": "y" * 8})
        assert refused.status == 429, path
    assert (await client.get("/v1/agents")).status == 200


async def test_n67_and_into_one_account_from_wherever(client: Client, jp_serverapp: Any) -> None:
    counters = SteppedCounters()
    limiter = RateLimiter(Policy.read(LIMITS, {}), counters)
    services_of(jp_serverapp).limiter = limiter
    for i in range(5):
        await limiter.count("aimos", "authentication", Caller.account(" Admin" if i else "ADMIN"))
    body = {"username": "admin", "password": "whatever it is"}
    answer = await client.holding(None).post("/v1/auth/login", body)
    assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (429, "0")


# -- the deployment's say ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [{"rate_limits": {"tektra.agent_creation": "2/hour", "tektra.general": "3/minute; 4/day"}}],
    indirect=True,
)
async def test_every_number_can_be_replaced_and_groups_without_one_limited(client: Client) -> None:
    tektra = client.below(TEKTRA)
    refused = await exhaust(tektra, "POST", "/v1/agents", 2, {"name": "a"})
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert (await exhaust(tektra, "GET", "/v1/agents", 3)).status == 429


async def test_of_several_windows_the_nearest_to_its_end_is_told() -> None:
    counters = SteppedCounters()
    table = {"api": {"general": "1000/hour; 60/minute"}}
    limiter = RateLimiter(Policy.read(table, {}), counters, now=lambda: counters.seconds)
    caller = Caller.user("u", is_admin=False)
    told = [await limiter.count("api", "general", caller) for _ in range(100)]
    assert {standing.limit for standing in told if standing is not None} == {60}
    assert [standing.is_exceeded for standing in told if standing is not None].count(False) == 60
    for _ in range(15):
        counters.seconds += 60
        told = [await limiter.count("api", "general", caller) for _ in range(60)]
        assert not any(standing is None or standing.is_exceeded for standing in told)
    counters.seconds += 60
    told = [await limiter.count("api", "general", caller) for _ in range(60)]
    last = told[-1]
    assert last is not None
    assert (last.limit, last.is_exceeded) == (1000, True), "what was refused was not counted"


@pytest.mark.parametrize(
    "settings",
    [
        {"rate_limiting": False},
        {"rate_limits": {"tektra.agent_creation": "off", "aimos.general_admin": " Off"}},
    ],
    indirect=True,
)
async def test_limits_can_be_off(client: Client) -> None:
    for _ in range(11):
        answer = await client.post("/v1/agents", {"name": "a"})
        assert (answer.status, "X-RateLimit-Limit" in answer.headers) == (201, False)
    assert "X-RateLimit-Limit" not in (await client.get(AIMOS_PATH)).headers


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"tektra.agents": "1/minute"}, "has no group 'tektra.agents'; did you mean 'tektra."),
        ({"nobody.general": "1/minute"}, "'nobody.general'"),
        ({"general": "1/minute"}, "'general'"),
        ({"tektra.general": "10/fortnight"}, "rate_limits['tektra.general'] is '10/fortnight'"),
        ({"tektra.general": "many"}, "such as '10/minute'"),
        ({"tektra.general": "0/minute"}, "or 'off'"),
        ({"tektra.general": ""}, "rate_limits['tektra.general'] is ''"),
        ({"aimos.connections": "100/minute"}, "a number of connections such as '100'"),
        ({"aimos.connections": "0"}, "rate_limits['aimos.connections'] is '0'"),
    ],
)
def test_a_wrong_entry_is_named_at_the_start(entry: dict[str, str], said: str) -> None:
    with pytest.raises(TraitError) as caught:
        NotebookAgentsApp(rate_limits=entry)
    assert said in str(caught.value)


def test_limits_are_given_on_the_command_line() -> None:
    app = NotebookAgentsApp()
    app.parse_command_line(["--NotebookAgentsApp.rate_limits=tektra.conversations=20/minute"])
    assert app.rate_limits == {"tektra.conversations": "20/minute"}
    assert app.rate_policy().rates["tektra.conversations"][0].amount == 20


def test_every_documented_limit_is_told() -> None:
    text = (Path(__file__).parents[2] / "docs/security.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    told = {
        name: row[2].strip(" `") for row in rows for name in re.findall(r"`(\w+\.\w+)`", row[1])
    }
    assert told == {
        f"{d}.{group}": limit for d, table in LIMITS.items() for group, limit in table.items()
    }
